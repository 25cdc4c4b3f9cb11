#include "services/index/etcd/etcd_fault.h"

#include <absl/strings/match.h>

namespace arkshare {

EtcdFault FaultOf(const grpc::Status& status) {
  const std::string message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return EtcdFault::kNone;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::ALREADY_EXISTS:
      return EtcdFault::kBadRequest;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (absl::StrContains(message, "too many requests")) return EtcdFault::kTooManyRequests;
      if (absl::StrContains(message, "database space exceeded")) return EtcdFault::kNoSpace;
      return EtcdFault::kBadRequest;  // a message that is larger than gRPC's limit
    case grpc::StatusCode::NOT_FOUND:
      return absl::StrContains(message, "lease not found") ? EtcdFault::kLeaseGone
                                                           : EtcdFault::kBadRequest;
    case grpc::StatusCode::OUT_OF_RANGE:
      if (absl::StrContains(message, "compacted")) return EtcdFault::kCompacted;
      if (absl::StrContains(message, "future revision")) return EtcdFault::kFutureRevision;
      return EtcdFault::kBadRequest;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return EtcdFault::kForbidden;
    default:
      // Also UNKNOWN: etcd without a quorum says "context deadline exceeded" with this code.
      return EtcdFault::kUnknownOutcome;
  }
}

absl::string_view FaultName(EtcdFault fault) {
  switch (fault) {
    case EtcdFault::kNone:
      return "none";
    case EtcdFault::kUnknownOutcome:
      return "no answer";
    case EtcdFault::kTooManyRequests:
      return "too many requests";
    case EtcdFault::kNoSpace:
      return "no space";
    case EtcdFault::kBadRequest:
      return "bad request";
    case EtcdFault::kLeaseGone:
      return "lease gone";
    case EtcdFault::kCompacted:
      return "compacted";
    case EtcdFault::kFutureRevision:
      return "future revision";
    case EtcdFault::kForbidden:
      return "forbidden";
  }
  return "unknown";
}

}  // namespace arkshare
