#include "lib/rpc/status.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/error_details.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "arkshare/v1/types.pb.h"
#include "lib/core/limits.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

constexpr char kDomain[] = "arkshare";

// The parts of an error that a grpc::Status and an ItemError share.
struct WireError {
  absl::StatusCode code;
  std::string reason;
};

WireError Classify(const absl::Status& status) {
  const Reason reason = GetReason(status);
  if (reason != Reason::kUnspecified) return {status.code(), std::string(ReasonName(reason))};
  if (status.code() == absl::StatusCode::kUnknown || status.code() == absl::StatusCode::kInternal) {
    return {absl::StatusCode::kInternal, std::string(ReasonName(Reason::kInternal))};
  }
  return {status.code(), absl::StatusCodeToString(status.code())};
}

// The most details of an error that are kept.
constexpr size_t kMaxMetadata = 16;

// The code of an error. A number that is no code, or not one of an error, is UNKNOWN.
absl::StatusCode ErrorCode(int code) {
  const bool known = code > static_cast<int>(absl::StatusCode::kOk) &&
                     code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  return known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;
}

template <typename Map>
ErrorMetadata MetadataOf(const Map& map) {
  ErrorMetadata metadata;
  for (const auto& [key, value] : map) {
    if (metadata.size() == kMaxMetadata) break;
    metadata.emplace(CutText(key), CutText(value));
  }
  return metadata;
}

// Returns a status with the reason when the name is in the table, otherwise with the code only.
absl::Status FromWire(int code, const std::string& reason_name, const std::string& message,
                      ErrorMetadata metadata, std::optional<absl::Duration> retry_after) {
  const Reason reason = ReasonFromName(reason_name);
  if (reason != Reason::kUnspecified) {
    return MakeError(reason, CutText(message), std::move(metadata), retry_after);
  }
  return absl::Status(ErrorCode(code), CutText(message));
}

std::optional<absl::Status> FromDetails(const grpc::Status& status) {
  google::rpc::Status details;
  if (status.error_details().empty() || !grpc::ExtractErrorDetails(status, &details).ok()) {
    return std::nullopt;
  }
  std::optional<google::rpc::ErrorInfo> info;
  std::optional<absl::Duration> retry_after;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo candidate;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&candidate) && candidate.domain() == kDomain) {
      info = candidate;
    } else if (any.UnpackTo(&retry)) {
      const absl::StatusOr<absl::Duration> delay =
          DurationFromProto(retry.retry_delay(), "retry_delay");
      if (delay.ok()) retry_after = std::min(*delay, kMaxRetryAfter);
    }
  }
  if (!info.has_value()) return std::nullopt;
  return FromWire(static_cast<int>(status.error_code()), info->reason(), status.error_message(),
                  MetadataOf(info->metadata()), retry_after);
}

constexpr char kCallNotAnswered[] =
    "it does not answer; the machine is off, or a firewall drops the packets";
constexpr char kNoTls[] =
    "the two sides do not agree on TLS; compare --tls-cert, --tls-key, --tls-ca";

// Explains a connection failure to people, from gRPC's own message.
absl::string_view ExplainConnectionFailure(absl::string_view raw) {
  static constexpr struct {
    const char* symptom;
    const char* explanation;
  } kExplanations[] = {
      // Not of TLS: gRPC calls every connection that takes too long by this name.
      {"tcp handshaker shutdown", kCallNotAnswered},
      {"timed out", kCallNotAnswered},
      {"handshake", kNoTls},
      {"ssl", kNoTls},
      {"tls", kNoTls},
      {"http2 header", "something else than arkshare answers there; check the address"},
      {"no route to host", "the network has no way to it; check the address and the network"},
      {"network is unreachable", "the network has no way to it; check the address and the network"},
      {"refused", "nothing listens there; is it running?"},
      {"no such file", "nothing listens there; is it running?"},
      {"dns", "its name cannot be resolved to an address"},
      {"name not found", "its name cannot be resolved to an address"},
      {"resolution", "its name cannot be resolved to an address"},
      {"permission denied", "permission denied; it may belong to another user"},
      {"socket closed", "the connection broke"},
      {"reset", "the connection broke"},
      {"goaway", "the connection broke"},
      {"broken pipe", "the connection broke"},
      {"shutdown", "the connection broke"},
  };
  const std::string lower = absl::AsciiStrToLower(raw);
  for (const auto& [symptom, explanation] : kExplanations) {
    if (absl::StrContains(lower, symptom)) return explanation;
  }
  return "no connection; is it running, and does the network let us through?";
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const WireError error = Classify(status);
  google::rpc::Status details;
  details.set_code(static_cast<int>(error.code));
  details.set_message(std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(error.reason);
  for (const auto& [key, value] : GetErrorMetadata(status)) (*info.mutable_metadata())[key] = value;
  details.add_details()->PackFrom(info);
  if (const std::optional<absl::Duration> retry_after = GetRetryAfter(status)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(*retry_after));
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(*retry_after % absl::Seconds(1))));
    details.add_details()->PackFrom(retry);
  }
  grpc::Status result;
  grpc::SetErrorDetails(details, &result).IgnoreError();
  return result;
}

absl::Status FromGrpcStatus(const grpc::Status& status, absl::string_view server,
                            Reason unreachable) {
  if (status.ok()) return absl::OkStatus();
  if (std::optional<absl::Status> ours = FromDetails(status)) return *std::move(ours);
  const std::string& raw = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return MakeError(unreachable,
                       absl::StrCat("cannot reach ", server, ": ", ExplainConnectionFailure(raw)));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return MakeError(unreachable, absl::StrCat(server, " did not answer in time"));
    case grpc::StatusCode::CANCELLED:
      return absl::CancelledError(absl::StrCat("the call to ", server, " was cancelled"));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          absl::StrCat(server, " does not know this call; check its address and its version"));
    default:
      return absl::Status(ErrorCode(status.error_code()),
                          absl::StrCat(server, " failed: ", CutText(raw)));
  }
}

v1::ItemError ToItemError(const absl::Status& status) {
  v1::ItemError proto;
  if (status.ok()) return proto;
  const WireError error = Classify(status);
  proto.set_code(static_cast<int>(error.code));
  proto.set_reason(error.reason);
  proto.set_message(std::string(status.message()));
  for (const auto& [key, value] : GetErrorMetadata(status))
    (*proto.mutable_metadata())[key] = value;
  return proto;
}

absl::Status FromItemError(const v1::ItemError& error) {
  if (error.code() == 0 && error.reason().empty()) return absl::OkStatus();
  return FromWire(error.code(), error.reason(), error.message(), MetadataOf(error.metadata()),
                  std::nullopt);
}

}  // namespace arkshare
