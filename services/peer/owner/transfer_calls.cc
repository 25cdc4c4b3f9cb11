#include "services/peer/owner/transfer_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/owner/owner_protos.h"

namespace arkshare {
namespace {

constexpr absl::Duration kProgressEvery = absl::Milliseconds(250);

template <typename Result>
void SetResult(const absl::Status& status, Result* result) {
  if (!status.ok()) *result->mutable_error() = ToItemError(status);
}
template <typename Result>
void SetResult(const absl::StatusOr<TransferId>& id, Result* result) {
  SetResult(id.status(), result);
  if (id.ok()) result->set_new_transfer_id(id->bytes());
}

// Calls `act` with the ids of the request, and adds a result for each to the response.
template <typename Request, typename Response, typename Act>
grpc::Status ForEachTransfer(const Request& request, Response* response, Act act) {
  if (absl::Status s = CheckItemCount(request.transfer_ids_size()); !s.ok()) return ToGrpcStatus(s);
  std::vector<TransferId> ids;
  for (const std::string& bytes : request.transfer_ids()) {
    absl::StatusOr<TransferId> id = TransferIdFromProto(bytes);
    if (!id.ok()) return ToGrpcStatus(id.status());
    ids.push_back(*id);
  }
  const auto results = act(ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    typename Response::Result* result = response->add_results();
    result->set_transfer_id(ids[i].bytes());
    SetResult(results[i], result);
  }
  return grpc::Status::OK;
}

}  // namespace

absl::StatusOr<FetchWish> TransferCalls::Parse(const v1::FetchRequest& request) const {
  absl::StatusOr<FetchWish> wish = FromProto(request);
  if (!wish.ok() || membership_ == nullptr) return wish;
  // Sources refuse to give a book away to such a member, so it asks for a copy.
  const std::optional<Member> self = membership_->self();
  if (self.has_value() && self->role == MemberRole::kReader) wish->copy_only = true;
  return wish;
}

grpc::Status TransferCalls::RepeatUntilEnd(
    const grpc::ServerContext& context,
    absl::FunctionRef<std::optional<grpc::Status>()> step) const {
  while (!context.IsCancelled()) {
    if (std::optional<grpc::Status> end = step()) return *std::move(end);
    if (transfers_->stopping()) {
      return ToGrpcStatus(MakeError(Reason::kShuttingDown, "the peer is shutting down"));
    }
  }
  return grpc::Status::CANCELLED;
}

grpc::Status TransferCalls::Follow(
    const grpc::ServerContext& context, const TransferId& id,
    absl::FunctionRef<std::optional<grpc::Status>(const TransferView&)> on_view) const {
  uint64_t version = 0;
  return RepeatUntilEnd(context, [&]() -> std::optional<grpc::Status> {
    absl::StatusOr<Transfers::Change> change = transfers_->Await(id, version, kProgressEvery);
    if (!change.ok()) return ToGrpcStatus(change.status());
    version = change->version;
    if (change->view.state == TransferView::State::kFailed) return ToGrpcStatus(change->view.error);
    return on_view(change->view);
  });
}

grpc::Status TransferCalls::Fetch(const grpc::ServerContext& context,
                                  const v1::FetchRequest& request,
                                  grpc::ServerWriter<v1::FetchResponse>* writer) const {
  absl::StatusOr<FetchWish> wish = Parse(request);
  if (!wish.ok()) return ToGrpcStatus(wish.status());
  absl::StatusOr<TransferId> id = transfers_->Begin(*wish);
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::Time last_sent = absl::InfinitePast();
  TransferView::State last_state = TransferView::State::kFailed;
  return Follow(context, *id, [&](const TransferView& view) -> std::optional<grpc::Status> {
    const bool done = view.state == TransferView::State::kDone;
    const absl::Time now = clock_->Monotonic();
    if (!done && view.state == last_state && now - last_sent < kProgressEvery) return std::nullopt;
    v1::FetchResponse response;
    *response.mutable_transfer() = ToProto(view);
    if (!writer->Write(response) || done) return grpc::Status::OK;
    last_sent = now;
    last_state = view.state;
    return std::nullopt;
  });
}

grpc::Status TransferCalls::FetchMany(const grpc::ServerContext& context,
                                      const v1::FetchManyRequest& request,
                                      grpc::ServerWriter<v1::FetchManyResponse>* writer) const {
  if (absl::Status s = CheckItemCount(request.wishes_size()); !s.ok()) return ToGrpcStatus(s);
  v1::FetchManyResponse response;
  const auto add = [&](int index, const absl::StatusOr<TransferView>& view) {
    v1::FetchManyResponse::Update* update = response.add_updates();
    update->set_index(static_cast<uint32_t>(index));
    *update->mutable_transfer() =
        view.ok() ? ToProto(*view) : RefusedWish(request.wishes(index), view.status());
  };
  std::vector<FetchWish> wishes;
  std::vector<int> indexes;  // of the wishes in the request
  for (int i = 0; i < request.wishes_size(); ++i) {
    absl::StatusOr<FetchWish> wish = Parse(request.wishes(i));
    if (wish.ok()) {
      wishes.push_back(*std::move(wish));
      indexes.push_back(i);
    } else {
      add(i, wish.status());
    }
  }
  const Transfers::GroupPtr group = transfers_->BeginMany(wishes);
  return RepeatUntilEnd(context, [&]() -> std::optional<grpc::Status> {
    const Transfers::GroupChanges news =
        transfers_->AwaitMany(*group, request.detach() ? absl::ZeroDuration() : kProgressEvery);
    for (const Transfers::GroupChange& change : news.changes) {
      add(indexes[change.wish], change.view);
    }
    if (response.updates_size() > 0 && !writer->Write(response)) return grpc::Status::CANCELLED;
    response.Clear();
    if (news.all_ended || request.detach()) return grpc::Status::OK;
    return std::nullopt;
  });
}

grpc::Status TransferCalls::ListTransfers(const v1::ListTransfersRequest&,
                                          v1::ListTransfersResponse* response) const {
  for (const TransferView& view : transfers_->List()) {
    *response->add_transfers() = ToProto(view);
  }
  return grpc::Status::OK;
}

grpc::Status TransferCalls::KeepTransfer(const grpc::ServerContext& context,
                                         const v1::KeepTransferRequest& request,
                                         v1::KeepTransferResponse* response) const {
  absl::StatusOr<TransferId> id = TransferIdFromProto(request.transfer_id());
  if (!id.ok()) return ToGrpcStatus(id.status());
  if (absl::Status s = transfers_->Keep(*id); !s.ok()) return ToGrpcStatus(s);
  return Follow(context, *id, [&](const TransferView& view) -> std::optional<grpc::Status> {
    if (view.state != TransferView::State::kDone) return std::nullopt;
    *response->mutable_listing() =
        ToProto(BookListing{view.record.listing, view.record.name, view.record.content});
    response->set_moved(view.record.move);
    return grpc::Status::OK;
  });
}

grpc::Status TransferCalls::PlaceTransfer(const v1::PlaceTransferRequest& request,
                                          v1::PlaceTransferResponse* response) const {
  absl::StatusOr<TransferId> id = TransferIdFromProto(request.transfer_id());
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::StatusOr<BookName> name = BookName::Parse(request.name());
  if (!name.ok()) return ToGrpcStatus(name.status());
  const absl::StatusOr<TransferView> placed = transfers_->Place(*id, *name);
  if (!placed.ok()) return ToGrpcStatus(placed.status());
  *response->mutable_transfer() = ToProto(*placed);
  return grpc::Status::OK;
}

grpc::Status TransferCalls::CancelTransfers(const v1::CancelTransfersRequest& request,
                                            v1::CancelTransfersResponse* response) const {
  return ForEachTransfer(request, response, [this](absl::Span<const TransferId> ids) {
    return transfers_->Cancel(ids);
  });
}

grpc::Status TransferCalls::ForgetTransfers(const v1::ForgetTransfersRequest& request,
                                            v1::ForgetTransfersResponse* response) const {
  return ForEachTransfer(request, response, [this](absl::Span<const TransferId> ids) {
    return transfers_->Forget(ids);
  });
}

grpc::Status TransferCalls::RetryTransfers(const v1::RetryTransfersRequest& request,
                                           v1::RetryTransfersResponse* response) const {
  return ForEachTransfer(request, response, [this](absl::Span<const TransferId> ids) {
    return transfers_->Retry(ids);
  });
}

}  // namespace arkshare
