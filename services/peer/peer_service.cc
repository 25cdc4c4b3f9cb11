#include "services/peer/peer_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/group/export_tls.h"
#include "services/peer/owner/history_token.h"
#include "services/peer/owner/own_watch.h"
#include "services/peer/owner/owner_protos.h"
#include "services/peer/web/page_caller.h"

namespace arkshare {
namespace {

// Each costs a thread.
constexpr size_t kMostWatches = 16;

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
      library_calls_(parts.library, parts.sharing, &entries_),
      transfer_calls_(parts.transfers, parts.membership, parts.clock),
      watches_({.what = "watches",
                .most_of_network = kMostWatches,
                .most_in_all = kMostWatches,
                .retry_after = std::nullopt}) {}

grpc::Status PeerService::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                    v1::GetStatusResponse* response) {
  *response = status_.Describe();
  return grpc::Status::OK;
}

grpc::Status PeerService::WatchOwn(grpc::ServerContext* context, const v1::WatchOwnRequest* request,
                                   grpc::ServerWriter<v1::WatchOwnResponse>* writer) {
  const absl::StatusOr<CallerShares::Share> share = watches_.Take("owner");
  if (!share.ok()) return ToGrpcStatus(share.status());
  OwnWatch watch(
      {&status_, parts_.transfers, parts_.queue, parts_.library, &entries_,
       parts_.ledger->releases(), parts_.handover, parts_.wishes, parts_.bell, parts_.clock},
      *request);
  const absl::Status end = watch.Run(
      boot_id_, [&](const v1::WatchOwnResponse& message) { return writer->Write(message); },
      [&] { return context->IsCancelled(); });
  return ToGrpcStatus(end);
}

grpc::Status PeerService::ListUploads(grpc::ServerContext*, const v1::ListUploadsRequest*,
                                      v1::ListUploadsResponse* response) {
  for (const UploadQueue::View& view : parts_.queue->List()) {
    *response->add_uploads() = ToProto(view);
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                                      v1::ListHistoryResponse* response) {
  const absl::StatusOr<int> page = PageSize(request->page_size(), kStandardListItems, kMaxItems);
  if (!page.ok()) return ToGrpcStatus(page.status());
  std::optional<HistoryPlace> after;
  if (!request->page_token().empty()) {
    absl::StatusOr<HistoryPlace> place = ParseHistoryToken(request->page_token());
    if (!place.ok()) return ToGrpcStatus(place.status());
    after = *std::move(place);
  }
  const absl::StatusOr<std::vector<HistoryRecord>> records =
      parts_.ledger->history()->Read(after, static_cast<size_t>(*page));
  if (!records.ok()) return ToGrpcStatus(records.status());
  for (const HistoryRecord& record : *records) *response->add_entries() = ToProto(record);
  if (records->size() == static_cast<size_t>(*page)) {
    response->set_next_page_token(HistoryToken(records->back().place));
  }
  return grpc::Status::OK;
}

grpc::Status PeerService::AddWish(grpc::ServerContext*, const v1::AddWishRequest* request,
                                  v1::AddWishResponse* response) {
  absl::StatusOr<WishRecord> wish = FromProto(*request);
  if (!wish.ok()) return ToGrpcStatus(wish.status());
  const absl::StatusOr<WishView> added = parts_.wishes->Add(*std::move(wish));
  if (!added.ok()) return ToGrpcStatus(added.status());
  *response->mutable_wish() = ToProto(*added);
  return grpc::Status::OK;
}

grpc::Status PeerService::RemoveWish(grpc::ServerContext*, const v1::RemoveWishRequest* request,
                                     v1::RemoveWishResponse*) {
  return ToGrpcStatus(parts_.wishes->Remove(request->wish_id()));
}

grpc::Status PeerService::ListWishes(grpc::ServerContext*, const v1::ListWishesRequest*,
                                     v1::ListWishesResponse* response) {
  for (const WishView& view : parts_.wishes->List()) *response->add_wishes() = ToProto(view);
  return grpc::Status::OK;
}

grpc::Status PeerService::ListLibrary(grpc::ServerContext*, const v1::ListLibraryRequest* request,
                                      v1::ListLibraryResponse* response) {
  return library_calls_.ListLibrary(*request, response);
}

grpc::Status PeerService::HasBooks(grpc::ServerContext*, const v1::HasBooksRequest* request,
                                   v1::HasBooksResponse* response) {
  return library_calls_.HasBooks(*request, response);
}

grpc::Status PeerService::Share(grpc::ServerContext* context, const v1::ShareRequest* request,
                                v1::ShareResponse* response) {
  return library_calls_.Share(*context, *request, response);
}

grpc::Status PeerService::Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                                  v1::UnshareResponse* response) {
  return library_calls_.Unshare(*request, response);
}

grpc::Status PeerService::Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                                grpc::ServerWriter<v1::FetchResponse>* writer) {
  return transfer_calls_.Fetch(*context, *request, writer);
}

grpc::Status PeerService::FetchMany(grpc::ServerContext* context,
                                    const v1::FetchManyRequest* request,
                                    grpc::ServerWriter<v1::FetchManyResponse>* writer) {
  return transfer_calls_.FetchMany(*context, *request, writer);
}

grpc::Status PeerService::ListTransfers(grpc::ServerContext*,
                                        const v1::ListTransfersRequest* request,
                                        v1::ListTransfersResponse* response) {
  return transfer_calls_.ListTransfers(*request, response);
}

grpc::Status PeerService::KeepTransfer(grpc::ServerContext* context,
                                       const v1::KeepTransferRequest* request,
                                       v1::KeepTransferResponse* response) {
  return transfer_calls_.KeepTransfer(*context, *request, response);
}

grpc::Status PeerService::PlaceTransfer(grpc::ServerContext*,
                                        const v1::PlaceTransferRequest* request,
                                        v1::PlaceTransferResponse* response) {
  return transfer_calls_.PlaceTransfer(*request, response);
}

grpc::Status PeerService::CancelTransfers(grpc::ServerContext*,
                                          const v1::CancelTransfersRequest* request,
                                          v1::CancelTransfersResponse* response) {
  return transfer_calls_.CancelTransfers(*request, response);
}

grpc::Status PeerService::ForgetTransfers(grpc::ServerContext*,
                                          const v1::ForgetTransfersRequest* request,
                                          v1::ForgetTransfersResponse* response) {
  return transfer_calls_.ForgetTransfers(*request, response);
}

grpc::Status PeerService::RetryTransfers(grpc::ServerContext*,
                                         const v1::RetryTransfersRequest* request,
                                         v1::RetryTransfersResponse* response) {
  return transfer_calls_.RetryTransfers(*request, response);
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
