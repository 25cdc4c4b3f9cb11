// The part of FakePeer by which the owner looks at what happens, as in peer_service_owner.cc.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/testing/fake_peer.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

void FakePeer::AddUpload(v1::Upload upload) {
  MutexLock lock(&mutex_);
  uploads_.push_back(std::move(upload));
}

void FakePeer::AddHistory(v1::HistoryEntry entry) {
  MutexLock lock(&mutex_);
  history_.push_back(std::move(entry));
}

void FakePeer::AddWatchMessage(v1::WatchOwnResponse message) {
  MutexLock lock(&mutex_);
  watch_messages_.push_back(std::move(message));
}

std::vector<v1::Wish> FakePeer::wishes() const {
  MutexLock lock(&mutex_);
  return wishes_;
}

grpc::Status FakePeer::WatchOwn(grpc::ServerContext*, const v1::WatchOwnRequest* request,
                                grpc::ServerWriter<v1::WatchOwnResponse>* writer) {
  std::vector<v1::WatchOwnResponse> messages;
  {
    MutexLock lock(&mutex_);
    if (request->transfers() && !request->library()) messages = watch_messages_;
  }
  for (const v1::WatchOwnResponse& message : messages) writer->Write(message);
  return ToGrpcStatus(MakeError(Reason::kShuttingDown, "the peer is shutting down"));
}

grpc::Status FakePeer::ListUploads(grpc::ServerContext*, const v1::ListUploadsRequest*,
                                   v1::ListUploadsResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Upload& upload : uploads_) *response->add_uploads() = upload;
  return grpc::Status::OK;
}

grpc::Status FakePeer::ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                                   v1::ListHistoryResponse* response) {
  MutexLock lock(&mutex_);
  size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  const size_t end = std::min(at + 2, history_.size());
  for (; at < end; ++at) *response->add_entries() = history_[at];
  if (at < history_.size()) response->set_next_page_token(std::to_string(at));
  return grpc::Status::OK;
}

grpc::Status FakePeer::AddWish(grpc::ServerContext*, const v1::AddWishRequest* request,
                               v1::AddWishResponse* response) {
  v1::Wish wish;
  if (request->has_name()) wish.set_name(request->name());
  if (request->has_keywords()) wish.set_keywords(request->keywords());
  if (request->has_content()) *wish.mutable_content() = request->content();
  wish.set_action(request->action());
  wish.set_fetch_limit(request->fetch_limit());
  MutexLock lock(&mutex_);
  wish.set_wish_id(wishes_.size() + 1);
  wishes_.push_back(wish);
  *response->mutable_wish() = wish;
  return grpc::Status::OK;
}

grpc::Status FakePeer::RemoveWish(grpc::ServerContext*, const v1::RemoveWishRequest* request,
                                  v1::RemoveWishResponse*) {
  MutexLock lock(&mutex_);
  const auto same = [&](const v1::Wish& wish) { return wish.wish_id() == request->wish_id(); };
  if (std::erase_if(wishes_, same) > 0) return grpc::Status::OK;
  return ToGrpcStatus(MakeError(Reason::kWishUnknown, "there is no such wish"));
}

grpc::Status FakePeer::ListWishes(grpc::ServerContext*, const v1::ListWishesRequest*,
                                  v1::ListWishesResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Wish& wish : wishes_) *response->add_wishes() = wish;
  return grpc::Status::OK;
}

}  // namespace arkshare
