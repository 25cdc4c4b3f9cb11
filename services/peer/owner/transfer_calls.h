// The calls of PeerService that concern transfers.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_TRANSFER_CALLS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_TRANSFER_CALLS_H_

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <optional>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/clock.h"
#include "services/peer/group/membership.h"
#include "services/peer/transfer/fetch_wish.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {

// Each method has the name of its RPC. Thread-safe.
class TransferCalls {
 public:
  // All must outlive it. `membership`: nullptr when this peer is in no group.
  TransferCalls(Transfers* transfers, const Membership* membership, const Clock* clock)
      : transfers_(transfers), membership_(membership), clock_(clock) {}

  grpc::Status Fetch(const grpc::ServerContext& context, const v1::FetchRequest& request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) const;
  grpc::Status FetchMany(const grpc::ServerContext& context, const v1::FetchManyRequest& request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) const;
  grpc::Status ListTransfers(const v1::ListTransfersRequest&,
                             v1::ListTransfersResponse* response) const;
  grpc::Status KeepTransfer(const grpc::ServerContext& context,
                            const v1::KeepTransferRequest& request,
                            v1::KeepTransferResponse* response) const;
  grpc::Status PlaceTransfer(const v1::PlaceTransferRequest& request,
                             v1::PlaceTransferResponse* response) const;
  grpc::Status CancelTransfers(const v1::CancelTransfersRequest& request,
                               v1::CancelTransfersResponse* response) const;
  grpc::Status ForgetTransfers(const v1::ForgetTransfersRequest& request,
                               v1::ForgetTransfersResponse* response) const;
  grpc::Status RetryTransfers(const v1::RetryTransfersRequest& request,
                              v1::RetryTransfersResponse* response) const;

 private:
  // Reads a wish as this peer's role allows it.
  absl::StatusOr<FetchWish> Parse(const v1::FetchRequest& request) const;
  // Repeats `step` until it returns the end of the call, the caller has gone, or the peer stops.
  // `step` waits for news, but not for long.
  grpc::Status RepeatUntilEnd(const grpc::ServerContext& context,
                              absl::FunctionRef<std::optional<grpc::Status>()> step) const;
  // Calls `on_view` at every change of a transfer, and now and then, until it returns the end of
  // the call. A transfer that fails ends the call with its error.
  grpc::Status Follow(
      const grpc::ServerContext& context, const TransferId& id,
      absl::FunctionRef<std::optional<grpc::Status>(const TransferView&)> on_view) const;

  Transfers* const transfers_;
  const Membership* const membership_;
  const Clock* const clock_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_TRANSFER_CALLS_H_
