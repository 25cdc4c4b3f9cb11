// The calls of PeerService by which the owner looks at what happens: the watch, uploads, the
// history, and wishes.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/owner/history_token.h"
#include "services/peer/owner/own_watch.h"
#include "services/peer/owner/owner_protos.h"
#include "services/peer/peer_service.h"

namespace arkshare {

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

}  // namespace arkshare
