#include "clients/cli/testing/fake_activity.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

void FakeActivity::AddUpload(v1::Upload upload) {
  MutexLock lock(&mutex_);
  uploads_.push_back(std::move(upload));
}

void FakeActivity::AddHistory(v1::HistoryEntry entry) {
  MutexLock lock(&mutex_);
  history_.push_back(std::move(entry));
}

void FakeActivity::AddWatchMessage(v1::WatchOwnResponse message) {
  MutexLock lock(&mutex_);
  watch_messages_.push_back(std::move(message));
}

void FakeActivity::AddLimbo(v1::LimboEntry entry) {
  MutexLock lock(&mutex_);
  limbo_.push_back(std::move(entry));
}

std::vector<std::string> FakeActivity::restored() const {
  MutexLock lock(&mutex_);
  return restored_;
}

grpc::Status FakeActivity::WatchOwn(const v1::WatchOwnRequest& request,
                                    grpc::ServerWriter<v1::WatchOwnResponse>* writer) {
  std::vector<v1::WatchOwnResponse> messages;
  {
    MutexLock lock(&mutex_);
    if (request.transfers() && !request.library()) messages = watch_messages_;
  }
  for (const v1::WatchOwnResponse& message : messages) writer->Write(message);
  return ToGrpcStatus(MakeError(Reason::kShuttingDown, "the peer is shutting down"));
}

grpc::Status FakeActivity::ListUploads(const v1::ListUploadsRequest&,
                                       v1::ListUploadsResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Upload& upload : uploads_) *response->add_uploads() = upload;
  return grpc::Status::OK;
}

grpc::Status FakeActivity::ListHistory(const v1::ListHistoryRequest& request,
                                       v1::ListHistoryResponse* response) {
  MutexLock lock(&mutex_);
  size_t at = request.page_token().empty() ? 0 : std::stoul(request.page_token());
  const size_t end = std::min(at + 2, history_.size());
  for (; at < end; ++at) *response->add_entries() = history_[at];
  if (at < history_.size()) response->set_next_page_token(std::to_string(at));
  return grpc::Status::OK;
}

grpc::Status FakeActivity::ListLimbo(const v1::ListLimboRequest&, v1::ListLimboResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::LimboEntry& entry : limbo_) *response->add_entries() = entry;
  return grpc::Status::OK;
}

grpc::Status FakeActivity::RestoreLimbo(const v1::RestoreLimboRequest& request,
                                        v1::RestoreLimboResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::LimboEntry& entry : limbo_) {
    if (entry.transfer_id() != request.transfer_id()) continue;
    restored_.push_back(entry.transfer_id());
    response->mutable_listing()->set_name(entry.name());
    response->mutable_listing()->set_listing_number(library_->DrawListingNumber());
    *response->mutable_listing()->mutable_content() = entry.content();
    return grpc::Status::OK;
  }
  return ToGrpcStatus(MakeError(Reason::kTransferUnknown, "no such transfer"));
}

}  // namespace arkshare
