// Converts absl::Status, used inside the programs, to google.rpc.Status on the wire and back.
#ifndef ARKSHARE_LIB_RPC_STATUS_H_
#define ARKSHARE_LIB_RPC_STATUS_H_

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include "lib/core/errors.h"

namespace arkshare::v1 {
class ItemError;
}  // namespace arkshare::v1

namespace arkshare {

// Adds an ErrorInfo (domain "arkshare") to every error, and a RetryInfo when the status has a retry
// time. A status without a Reason keeps its code, and its reason is the name of the code; UNKNOWN
// becomes INTERNAL.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Converts back, also a status that gRPC itself made. Connection failures and timeouts become
// `unreachable` (kIndexUnreachable or kPeerUnreachable) with a message that names `server`, such as
// "the index at 127.0.0.1:50051", so that no user reads gRPC's own text for them.
absl::Status FromGrpcStatus(const grpc::Status& status, absl::string_view server,
                            Reason unreachable = Reason::kPeerUnreachable);

// The same for one item of a batch. An empty ItemError is OK.
v1::ItemError ToItemError(const absl::Status& status);
absl::Status FromItemError(const v1::ItemError& error);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_STATUS_H_
