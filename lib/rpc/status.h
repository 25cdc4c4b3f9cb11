// absl::Status inside, google.rpc.Status on the wire: converted once, at the edge.
#ifndef ARKSHARE_LIB_RPC_STATUS_H_
#define ARKSHARE_LIB_RPC_STATUS_H_

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include "arkshare/v1/types.pb.h"
#include "lib/core/errors.h"

namespace arkshare {

// Every error gets an ErrorInfo (domain "arkshare"), and RetryInfo where the status has a retry
// time. A status without a Reason is sent as INTERNAL with reason INTERNAL when its code is one
// that only programming errors give, otherwise with its own code and the reason of the code's name.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The way back, also for statuses that gRPC itself made. `who` ("the index at 127.0.0.1:50051") is
// worked into the message for connection failures and time-outs, so that a user never reads a raw
// gRPC string: those become kIndexUnreachable or kPeerUnreachable as `unreachable` says.
absl::Status FromGrpcStatus(const grpc::Status& status, absl::string_view who,
                            Reason unreachable = Reason::kPeerUnreachable);

// The same for one item of a batch.
v1::ItemError ToItemError(const absl::Status& status);
absl::Status FromItemError(const v1::ItemError& error);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_STATUS_H_
