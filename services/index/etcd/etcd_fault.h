// How a call to etcd failed, and so how the caller goes on.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FAULT_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FAULT_H_

#include <absl/strings/string_view.h>
#include <grpcpp/support/status.h>

namespace arkshare {

enum class EtcdFault {
  kNone,
  kUnknownOutcome,   // it may have been done: ask another endpoint, and send it again as it is
  kTooManyRequests,  // etcd is busy: wait a moment, at the same endpoint
  kNoSpace,          // the quota of etcd is used up
  kBadRequest,       // a mistake of this program: never send it again
  kLeaseGone,        // grant another lease; nothing was done
  kCompacted,        // read everything again; the same call fails for ever
  kFutureRevision,   // this etcd has never been at that revision
  kForbidden,        // the certificate may not do this
};

// Pure. `status` is what gRPC returned.
EtcdFault FaultOf(const grpc::Status& status);

// For the log.
absl::string_view FaultName(EtcdFault fault);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FAULT_H_
