#include "services/peer/peer_service.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/status.h"
#include "services/peer/group/export_tls.h"
#include "services/peer/owner/owner_protos.h"
#include "services/peer/web/page_caller.h"

namespace arkshare {
namespace {

constexpr absl::Duration kProgressEvery = absl::Milliseconds(250);
// Each costs a thread.
constexpr size_t kMostWatches = 16;

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

PeerService::PeerService(Parts parts, PrivateKey key, std::string listen_address,
                         std::function<void()> shut_down)
    : parts_(parts),
      key_(std::move(key)),
      shut_down_(std::move(shut_down)),
      boot_id_(RandomBytes(16)),
      status_({parts.folder, parts.ledger->releases(), parts.library, parts.scanner, parts.sharing,
               parts.announcer, parts.index, parts.queue, parts.download_limiter, parts.clock,
               parts.membership, parts.calls, parts.mapper},
              key_.public_key(), std::move(listen_address)),
      entries_(parts.ledger->listings(), parts.announcer),
      watches_({.what = "watches",
                .most_of_network = kMostWatches,
                .most_in_all = kMostWatches,
                .retry_after = std::nullopt}) {}

grpc::Status PeerService::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                    v1::GetStatusResponse* response) {
  *response = status_.Describe();
  return grpc::Status::OK;
}

absl::StatusOr<FetchWish> PeerService::Parse(const v1::FetchRequest& request) const {
  absl::StatusOr<FetchWish> wish = FromProto(request);
  if (!wish.ok() || parts_.membership == nullptr) return wish;
  // Sources refuse to give a book away to such a member, so it asks for a copy.
  const std::optional<Member> self = parts_.membership->self();
  if (self.has_value() && self->role == MemberRole::kReader) wish->copy_only = true;
  return wish;
}

grpc::Status PeerService::RepeatUntilEnd(
    const grpc::ServerContext& context,
    absl::FunctionRef<std::optional<grpc::Status>()> step) const {
  while (!context.IsCancelled()) {
    if (std::optional<grpc::Status> end = step()) return *std::move(end);
    if (parts_.transfers->stopping()) {
      return ToGrpcStatus(MakeError(Reason::kShuttingDown, "the peer is shutting down"));
    }
  }
  return grpc::Status::CANCELLED;
}

grpc::Status PeerService::Follow(
    const grpc::ServerContext& context, const TransferId& id,
    absl::FunctionRef<std::optional<grpc::Status>(const TransferView&)> on_view) const {
  uint64_t version = 0;
  return RepeatUntilEnd(context, [&]() -> std::optional<grpc::Status> {
    absl::StatusOr<Transfers::Change> change = parts_.transfers->Await(id, version, kProgressEvery);
    if (!change.ok()) return ToGrpcStatus(change.status());
    version = change->version;
    if (change->view.state == TransferView::State::kFailed) return ToGrpcStatus(change->view.error);
    return on_view(change->view);
  });
}

grpc::Status PeerService::Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                                grpc::ServerWriter<v1::FetchResponse>* writer) {
  absl::StatusOr<FetchWish> wish = Parse(*request);
  if (!wish.ok()) return ToGrpcStatus(wish.status());
  absl::StatusOr<TransferId> id = parts_.transfers->Begin(*wish);
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::Time last_sent = absl::InfinitePast();
  TransferView::State last_state = TransferView::State::kFailed;
  return Follow(*context, *id, [&](const TransferView& view) -> std::optional<grpc::Status> {
    const bool done = view.state == TransferView::State::kDone;
    const absl::Time now = parts_.clock->Monotonic();
    if (!done && view.state == last_state && now - last_sent < kProgressEvery) return std::nullopt;
    v1::FetchResponse response;
    *response.mutable_transfer() = ToProto(view);
    if (!writer->Write(response) || done) return grpc::Status::OK;
    last_sent = now;
    last_state = view.state;
    return std::nullopt;
  });
}

grpc::Status PeerService::FetchMany(grpc::ServerContext* context,
                                    const v1::FetchManyRequest* request,
                                    grpc::ServerWriter<v1::FetchManyResponse>* writer) {
  if (absl::Status s = CheckItemCount(request->wishes_size()); !s.ok()) return ToGrpcStatus(s);
  v1::FetchManyResponse response;
  const auto add = [&](int index, const absl::StatusOr<TransferView>& view) {
    v1::FetchManyResponse::Update* update = response.add_updates();
    update->set_index(static_cast<uint32_t>(index));
    *update->mutable_transfer() =
        view.ok() ? ToProto(*view) : RefusedWish(request->wishes(index), view.status());
  };
  std::vector<FetchWish> wishes;
  std::vector<int> indexes;  // of the wishes in the request
  for (int i = 0; i < request->wishes_size(); ++i) {
    absl::StatusOr<FetchWish> wish = Parse(request->wishes(i));
    if (wish.ok()) {
      wishes.push_back(*std::move(wish));
      indexes.push_back(i);
    } else {
      add(i, wish.status());
    }
  }
  const Transfers::GroupPtr group = parts_.transfers->BeginMany(wishes);
  return RepeatUntilEnd(*context, [&]() -> std::optional<grpc::Status> {
    const Transfers::GroupChanges news = parts_.transfers->AwaitMany(
        *group, request->detach() ? absl::ZeroDuration() : kProgressEvery);
    for (const Transfers::GroupChange& change : news.changes) {
      add(indexes[change.wish], change.view);
    }
    if (response.updates_size() > 0 && !writer->Write(response)) return grpc::Status::CANCELLED;
    response.Clear();
    if (news.all_ended || request->detach()) return grpc::Status::OK;
    return std::nullopt;
  });
}

grpc::Status PeerService::Share(grpc::ServerContext* context, const v1::ShareRequest* request,
                                v1::ShareResponse* response) {
  if (absl::Status s = CheckItemCount(request->paths_size()); !s.ok()) return ToGrpcStatus(s);
  for (const std::string& path : request->paths()) {
    v1::ShareResponse::Result* result = response->add_results();
    result->set_path(path);
    absl::StatusOr<Sharing::Shared> shared =
        parts_.sharing->Share(path, [context] { return context->IsCancelled(); });
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    if (!shared.ok()) {
      *result->mutable_error() = ToItemError(shared.status());
      continue;
    }
    result->set_name(shared->first_name);
    result->set_file_count(shared->file_count);
    result->set_refused_count(shared->refused_count);
    for (const Sharing::Refused& refused : shared->refused) {
      v1::ShareResponse::Refused* proto = result->add_refused();
      proto->set_path(EscapeForDisplay(refused.path));
      *proto->mutable_error() = ToItemError(refused.why);
    }
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                                  v1::UnshareResponse* response) {
  if (absl::Status s = CheckItemCount(request->names_size()); !s.ok()) return ToGrpcStatus(s);
  for (const std::string& name : request->names()) {
    v1::UnshareResponse::Result* result = response->add_results();
    result->set_name(name);
    absl::Status status = parts_.sharing->Unshare(name);
    if (!status.ok()) *result->mutable_error() = ToItemError(status);
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::ListTransfers(grpc::ServerContext*, const v1::ListTransfersRequest*,
                                        v1::ListTransfersResponse* response) {
  for (const TransferView& view : parts_.transfers->List()) {
    *response->add_transfers() = ToProto(view);
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::KeepTransfer(grpc::ServerContext* context,
                                       const v1::KeepTransferRequest* request,
                                       v1::KeepTransferResponse* response) {
  absl::StatusOr<TransferId> id = TransferIdFromProto(request->transfer_id());
  if (!id.ok()) return ToGrpcStatus(id.status());
  if (absl::Status s = parts_.transfers->Keep(*id); !s.ok()) return ToGrpcStatus(s);
  return Follow(*context, *id, [&](const TransferView& view) -> std::optional<grpc::Status> {
    if (view.state != TransferView::State::kDone) return std::nullopt;
    *response->mutable_listing() =
        ToProto(BookListing{view.record.listing, view.record.name, view.record.content});
    response->set_moved(view.record.move);
    return grpc::Status::OK;
  });
}

grpc::Status PeerService::PlaceTransfer(grpc::ServerContext*,
                                        const v1::PlaceTransferRequest* request,
                                        v1::PlaceTransferResponse* response) {
  absl::StatusOr<TransferId> id = TransferIdFromProto(request->transfer_id());
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::StatusOr<BookName> name = BookName::Parse(request->name());
  if (!name.ok()) return ToGrpcStatus(name.status());
  const absl::StatusOr<TransferView> placed = parts_.transfers->Place(*id, *name);
  if (!placed.ok()) return ToGrpcStatus(placed.status());
  *response->mutable_transfer() = ToProto(*placed);
  return grpc::Status::OK;
}

grpc::Status PeerService::CancelTransfers(grpc::ServerContext*,
                                          const v1::CancelTransfersRequest* request,
                                          v1::CancelTransfersResponse* response) {
  return ForEachTransfer(*request, response, [this](absl::Span<const TransferId> ids) {
    return parts_.transfers->Cancel(ids);
  });
}

grpc::Status PeerService::ForgetTransfers(grpc::ServerContext*,
                                          const v1::ForgetTransfersRequest* request,
                                          v1::ForgetTransfersResponse* response) {
  return ForEachTransfer(*request, response, [this](absl::Span<const TransferId> ids) {
    return parts_.transfers->Forget(ids);
  });
}

grpc::Status PeerService::RetryTransfers(grpc::ServerContext*,
                                         const v1::RetryTransfersRequest* request,
                                         v1::RetryTransfersResponse* response) {
  return ForEachTransfer(*request, response, [this](absl::Span<const TransferId> ids) {
    return parts_.transfers->Retry(ids);
  });
}

grpc::Status PeerService::SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                                    v1::SetLimitsResponse* response) {
  if (request->has_upload_limit()) parts_.queue->SetLimit(request->upload_limit());
  if (request->has_download_limit()) parts_.download_limiter->SetRate(request->download_limit());
  response->set_upload_limit(parts_.queue->limit());
  response->set_download_limit(parts_.download_limiter->rate());
  return grpc::Status::OK;
}

grpc::Status PeerService::ListLimbo(grpc::ServerContext*, const v1::ListLimboRequest*,
                                    v1::ListLimboResponse* response) {
  absl::StatusOr<std::vector<ReleaseRecord>> limbo = parts_.handover->Limbo();
  if (!limbo.ok()) return ToGrpcStatus(limbo.status());
  for (const ReleaseRecord& record : *limbo) {
    *response->add_entries() = ToProto(record, parts_.handover->NameOf(record.item.listing));
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::RestoreLimbo(grpc::ServerContext*, const v1::RestoreLimboRequest* request,
                                       v1::RestoreLimboResponse* response) {
  absl::StatusOr<TransferId> id = TransferIdFromProto(request->transfer_id());
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::StatusOr<std::string> path = parts_.handover->Restore(*id);
  if (!path.ok()) return ToGrpcStatus(path.status());
  parts_.scanner->Examine(*path);
  if (std::optional<Book> book = parts_.library->FindPath(*path)) {
    *response->mutable_listing() = ToProto(book->listing());
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::ExportTls(grpc::ServerContext*, const v1::ExportTlsRequest* request,
                                    v1::ExportTlsResponse* response) {
  if (parts_.membership == nullptr) {
    return ToGrpcStatus(MakeError(Reason::kGroupUnknown,
                                  "this peer is in no group, so it has no certificates; start it "
                                  "with --join and an invitation"));
  }
  *response = MakeExportTls(key_, *parts_.membership, request->with_certificate_authorities());
  return grpc::Status::OK;
}

grpc::Status PeerService::OpenPage(grpc::ServerContext*, const v1::OpenPageRequest*,
                                   v1::OpenPageResponse* response) {
  return ToGrpcStatus(parts_.page->OpenPage(response));
}

grpc::Status PeerService::OpenBook(grpc::ServerContext* context, const v1::OpenBookRequest* request,
                                   v1::OpenBookResponse* response) {
  return ToGrpcStatus(parts_.page->OpenBook(PageSessionOf(*context), *request, response));
}

grpc::Status PeerService::ClosePage(grpc::ServerContext*, const v1::ClosePageRequest*,
                                    v1::ClosePageResponse* response) {
  parts_.page->ClosePage(response);
  return grpc::Status::OK;
}

grpc::Status PeerService::ListPageSessions(grpc::ServerContext*, const v1::ListPageSessionsRequest*,
                                           v1::ListPageSessionsResponse* response) {
  parts_.page->ListPageSessions(response);
  return grpc::Status::OK;
}

grpc::Status PeerService::EndPageSession(grpc::ServerContext*,
                                         const v1::EndPageSessionRequest* request,
                                         v1::EndPageSessionResponse* response) {
  parts_.page->EndPageSession(*request, response);
  return grpc::Status::OK;
}

grpc::Status PeerService::Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                                   v1::ShutdownResponse*) {
  shut_down_();
  return grpc::Status::OK;
}

}  // namespace arkshare
