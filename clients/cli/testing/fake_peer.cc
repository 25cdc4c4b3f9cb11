#include "clients/cli/testing/fake_peer.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "clients/cli/testing/pages.h"
#include "clients/cli/testing/sample_answers.h"
#include "lib/core/errors.h"
#include "lib/core/ticket.h"
#include "lib/rpc/status.h"

namespace arkshare {

namespace {

v1::Transfer BegunTransfer(const v1::FetchRequest& request) {
  v1::Transfer transfer;
  transfer.set_name(request.save_as().empty() ? request.name() : request.save_as());
  *transfer.mutable_content() = request.has_content() ? request.content() : MakeContent(0xab, 1000);
  transfer.set_from_peer_id(request.from_peer_id() == 0 ? 1 : request.from_peer_id());
  transfer.set_moving(!request.copy_only());
  transfer.set_state(v1::TRANSFER_STATE_FETCHING);
  return transfer;
}

}  // namespace

FakePeer::FakePeer()
    : export_(MakeError(Reason::kGroupUnknown, "this peer is in no group; start it with --join")) {
  status_.set_peer_id(5);
  status_.set_online(true);
  status_.set_policy(v1::SHARE_POLICY_MOVE);
  status_.set_share_folder("/books");
  status_.set_address("127.0.0.1:41935");
}

void FakePeer::SetStatus(v1::GetStatusResponse status, std::vector<v1::GetStatusResponse> first) {
  MutexLock lock(&mutex_);
  status_ = std::move(status);
  first_statuses_ = std::move(first);
}

v1::GetStatusResponse FakePeer::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void FakePeer::AddBook(const std::string& name, const v1::ContentId& content) {
  MutexLock lock(&mutex_);
  AddBookLocked(name, content);
}

void FakePeer::AddBookLocked(const std::string& name, const v1::ContentId& content) {
  v1::LibraryEntry entry;
  entry.set_name(name);
  entry.set_size_bytes(content.size_bytes());
  entry.mutable_listing()->set_name(name);
  entry.mutable_listing()->set_listing_number(next_listing_++);
  *entry.mutable_listing()->mutable_content() = content;
  library_.push_back(std::move(entry));
}

void FakePeer::AddEntry(v1::LibraryEntry entry) {
  MutexLock lock(&mutex_);
  library_.push_back(std::move(entry));
}

void FakePeer::SetFetchScript(FetchScript script) {
  MutexLock lock(&mutex_);
  fetch_script_ = std::move(script);
}

void FakePeer::SetShutdownStatus(grpc::Status status) {
  MutexLock lock(&mutex_);
  shutdown_status_ = std::move(status);
}

void FakePeer::AddTransfer(v1::Transfer transfer) {
  MutexLock lock(&mutex_);
  transfers_.push_back(std::move(transfer));
}

void FakePeer::SetKeepAnswer(absl::StatusOr<v1::KeepTransferResponse> answer) {
  MutexLock lock(&mutex_);
  keep_answer_ = std::move(answer);
}

void FakePeer::RefuseToPlace(absl::Status status) {
  MutexLock lock(&mutex_);
  place_answer_ = std::move(status);
}

void FakePeer::HoldShareForStatus() {
  MutexLock lock(&mutex_);
  statuses_awaited_ = 2;
}

void FakePeer::AddLimbo(v1::LimboEntry entry) {
  MutexLock lock(&mutex_);
  limbo_.push_back(std::move(entry));
}

std::vector<v1::FetchRequest> FakePeer::fetches() const {
  MutexLock lock(&mutex_);
  return fetches_;
}

std::vector<std::string> FakePeer::shared_paths() const {
  MutexLock lock(&mutex_);
  return shared_paths_;
}

std::vector<v1::SetLimitsRequest> FakePeer::limit_changes() const {
  MutexLock lock(&mutex_);
  return limit_changes_;
}

std::vector<std::string> FakePeer::kept() const {
  MutexLock lock(&mutex_);
  return kept_;
}

std::vector<std::string> FakePeer::restored() const {
  MutexLock lock(&mutex_);
  return restored_;
}

int FakePeer::shutdowns() const {
  MutexLock lock(&mutex_);
  return shutdowns_;
}

grpc::Status FakePeer::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                 v1::GetStatusResponse* response) {
  MutexLock lock(&mutex_);
  if (statuses_awaited_ > 0 && --statuses_awaited_ == 0) asked_.NotifyAll();
  if (first_statuses_.empty()) {
    *response = status_;
  } else {
    *response = first_statuses_.front();
    first_statuses_.erase(first_statuses_.begin());
  }
  return grpc::Status::OK;
}

grpc::Status FakePeer::ListLibrary(grpc::ServerContext*, const v1::ListLibraryRequest* request,
                                   v1::ListLibraryResponse* response) {
  MutexLock lock(&mutex_);
  std::vector<v1::LibraryEntry> sorted = library_;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  if (!request->name().empty()) {
    std::erase_if(sorted, [&](const auto& entry) { return entry.name() != request->name(); });
  }
  auto [entries, next] = Page(sorted, request->page_token());
  for (v1::LibraryEntry& entry : entries) *response->add_entries() = std::move(entry);
  response->set_next_page_token(next);
  return grpc::Status::OK;
}

grpc::Status FakePeer::Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                             grpc::ServerWriter<v1::FetchResponse>* writer) {
  FetchScript script;
  {
    MutexLock lock(&mutex_);
    fetches_.push_back(*request);
    script = fetch_script_;
  }
  if (script) return script(*request, context, writer);
  v1::FetchResponse response;
  v1::Transfer& transfer = *response.mutable_transfer();
  transfer = BegunTransfer(*request);
  writer->Write(response);
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.set_bytes_done(transfer.content().size_bytes());
  {
    MutexLock lock(&mutex_);
    AddBookLocked(transfer.name(), transfer.content());
  }
  writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakePeer::FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                                 grpc::ServerWriter<v1::FetchManyResponse>* writer) {
  FetchManyScript script;
  {
    MutexLock lock(&mutex_);
    many_sizes_.push_back(request->wishes_size());
    fetches_.insert(fetches_.end(), request->wishes().begin(), request->wishes().end());
    script = fetch_many_script_;
  }
  if (script) return script(*request, context, writer);
  v1::FetchManyResponse begun, ended;
  for (int i = 0; i < request->wishes_size(); ++i) {
    v1::FetchManyResponse::Update update;
    update.set_index(static_cast<uint32_t>(i));
    v1::Transfer& transfer = *update.mutable_transfer();
    transfer = BegunTransfer(request->wishes(i));
    MutexLock lock(&mutex_);
    const auto refused = refused_of_many_.find(request->wishes(i).name());
    if (refused == refused_of_many_.end()) {
      *begun.add_updates() = update;
      transfer.set_state(v1::TRANSFER_STATE_DONE);
      transfer.set_bytes_done(transfer.content().size_bytes());
      AddBookLocked(transfer.name(), transfer.content());
    } else {
      transfer.set_state(v1::TRANSFER_STATE_FAILED);
      *transfer.mutable_error() = ToItemError(refused->second);
    }
    *ended.add_updates() = update;
  }
  writer->Write(begun);
  writer->Write(ended);
  return grpc::Status::OK;
}

void FakePeer::RefuseOfMany(const std::string& name, absl::Status status) {
  MutexLock lock(&mutex_);
  refused_of_many_[name] = std::move(status);
}

void FakePeer::SetFetchManyScript(FetchManyScript script) {
  MutexLock lock(&mutex_);
  fetch_many_script_ = std::move(script);
}

std::vector<int> FakePeer::many_sizes() const {
  MutexLock lock(&mutex_);
  return many_sizes_;
}

grpc::Status FakePeer::Share(grpc::ServerContext*, const v1::ShareRequest* request,
                             v1::ShareResponse* response) {
  MutexLock lock(&mutex_);
  while (statuses_awaited_ > 0) asked_.Wait(&mutex_);
  for (const std::string& path : request->paths()) {
    shared_paths_.push_back(path);
    v1::ShareResponse::Result& result = *response->add_results();
    result.set_path(path);
    if (absl::StrContains(path, "missing")) {
      *result.mutable_error() =
          ToItemError(MakeError(Reason::kFileNotFound, "there is no such file"));
      continue;
    }
    result.set_name(std::filesystem::path(path).filename().string());
    result.set_file_count(absl::StrContains(path, "folder") ? 3 : 1);
    if (absl::StrContains(path, "mixed")) {
      v1::ShareResponse::Refused& refused = *result.add_refused();
      refused.set_path("sub/caf\\xe9");
      *refused.mutable_error() =
          ToItemError(MakeError(Reason::kInvalidName, "the name is not UTF-8; rename the file"));
      result.set_refused_count(3);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakePeer::Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                               v1::UnshareResponse* response) {
  MutexLock lock(&mutex_);
  for (const std::string& name : request->names()) {
    v1::UnshareResponse::Result& result = *response->add_results();
    result.set_name(name);
    if (std::none_of(library_.begin(), library_.end(),
                     [&](const v1::LibraryEntry& entry) { return entry.name() == name; })) {
      *result.mutable_error() =
          ToItemError(MakeError(Reason::kBookNotFound, "there is no such book in the folder"));
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakePeer::ListTransfers(grpc::ServerContext*, const v1::ListTransfersRequest*,
                                     v1::ListTransfersResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Transfer& transfer : transfers_) *response->add_transfers() = transfer;
  return grpc::Status::OK;
}

grpc::Status FakePeer::KeepTransfer(grpc::ServerContext*, const v1::KeepTransferRequest* request,
                                    v1::KeepTransferResponse* response) {
  MutexLock lock(&mutex_);
  kept_.push_back(request->transfer_id());
  if (!keep_answer_.ok()) return ToGrpcStatus(keep_answer_.status());
  *response = *keep_answer_;
  return grpc::Status::OK;
}

grpc::Status FakePeer::PlaceTransfer(grpc::ServerContext*, const v1::PlaceTransferRequest* request,
                                     v1::PlaceTransferResponse* response) {
  MutexLock lock(&mutex_);
  if (!place_answer_.ok()) return ToGrpcStatus(place_answer_);
  for (v1::Transfer& transfer : transfers_) {
    if (transfer.transfer_id() != request->transfer_id()) continue;
    transfer.set_name(request->name());
    transfer.clear_waits_for_place();
    *response->mutable_transfer() = transfer;
  }
  return grpc::Status::OK;
}

void FakePeer::RefuseToEnd(const std::string& transfer_id, absl::Status status) {
  MutexLock lock(&mutex_);
  refused_to_end_[transfer_id] = std::move(status);
}

std::vector<std::string> FakePeer::ended() const {
  MutexLock lock(&mutex_);
  return ended_;
}

template <typename Request, typename Response>
grpc::Status FakePeer::EndTransfers(const Request& request, Response* response) {
  MutexLock lock(&mutex_);
  for (const std::string& id : request.transfer_ids()) {
    typename Response::Result* result = response->add_results();
    result->set_transfer_id(id);
    if (const auto refused = refused_to_end_.find(id); refused != refused_to_end_.end()) {
      *result->mutable_error() = ToItemError(refused->second);
      continue;
    }
    ended_.push_back(id);
    std::erase_if(transfers_, [&](const auto& transfer) { return transfer.transfer_id() == id; });
  }
  return grpc::Status::OK;
}

grpc::Status FakePeer::CancelTransfers(grpc::ServerContext*,
                                       const v1::CancelTransfersRequest* request,
                                       v1::CancelTransfersResponse* response) {
  return EndTransfers(*request, response);
}

grpc::Status FakePeer::ForgetTransfers(grpc::ServerContext*,
                                       const v1::ForgetTransfersRequest* request,
                                       v1::ForgetTransfersResponse* response) {
  return EndTransfers(*request, response);
}

grpc::Status FakePeer::RetryTransfers(grpc::ServerContext*,
                                      const v1::RetryTransfersRequest* request,
                                      v1::RetryTransfersResponse* response) {
  return EndTransfers(*request, response);
}

grpc::Status FakePeer::SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                                 v1::SetLimitsResponse* response) {
  MutexLock lock(&mutex_);
  limit_changes_.push_back(*request);
  if (request->has_upload_limit()) status_.set_upload_limit(request->upload_limit());
  if (request->has_download_limit()) status_.set_download_limit(request->download_limit());
  response->set_upload_limit(status_.upload_limit());
  response->set_download_limit(status_.download_limit());
  return grpc::Status::OK;
}

grpc::Status FakePeer::ListLimbo(grpc::ServerContext*, const v1::ListLimboRequest*,
                                 v1::ListLimboResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::LimboEntry& entry : limbo_) *response->add_entries() = entry;
  return grpc::Status::OK;
}

grpc::Status FakePeer::RestoreLimbo(grpc::ServerContext*, const v1::RestoreLimboRequest* request,
                                    v1::RestoreLimboResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::LimboEntry& entry : limbo_) {
    if (entry.transfer_id() != request->transfer_id()) continue;
    restored_.push_back(entry.transfer_id());
    response->mutable_listing()->set_name(entry.name());
    response->mutable_listing()->set_listing_number(next_listing_++);
    *response->mutable_listing()->mutable_content() = entry.content();
    return grpc::Status::OK;
  }
  return ToGrpcStatus(MakeError(Reason::kTransferUnknown, "no such transfer"));
}

void FakePeer::SetExport(absl::StatusOr<v1::ExportTlsResponse> answer) {
  MutexLock lock(&mutex_);
  export_ = std::move(answer);
}

grpc::Status FakePeer::ExportTls(grpc::ServerContext*, const v1::ExportTlsRequest*,
                                 v1::ExportTlsResponse* response) {
  MutexLock lock(&mutex_);
  if (export_.ok()) *response = *export_;
  return ToGrpcStatus(export_.status());
}

void FakePeer::SetPageUrl(const std::string& url) {
  MutexLock lock(&mutex_);
  page_url_ = url;
}

void FakePeer::SignInWhenFileAppears(const std::string& path) {
  MutexLock lock(&mutex_);
  sign_in_file_ = path;
}

grpc::Status FakePeer::OpenPage(grpc::ServerContext*, const v1::OpenPageRequest*,
                                v1::OpenPageResponse* response) {
  MutexLock lock(&mutex_);
  response->set_url(page_url_);
  response->set_address("127.0.0.1:8470");
  return grpc::Status::OK;
}

grpc::Status FakePeer::ClosePage(grpc::ServerContext*, const v1::ClosePageRequest*,
                                 v1::ClosePageResponse* response) {
  response->set_ended_sessions(2);
  return grpc::Status::OK;
}

grpc::Status FakePeer::ListPageSessions(grpc::ServerContext*, const v1::ListPageSessionsRequest*,
                                        v1::ListPageSessionsResponse* response) {
  MutexLock lock(&mutex_);
  if (!sign_in_file_.empty() && std::filesystem::exists(sign_in_file_)) response->add_sessions();
  return grpc::Status::OK;
}

grpc::Status FakePeer::Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                                v1::ShutdownResponse*) {
  MutexLock lock(&mutex_);
  ++shutdowns_;
  return shutdown_status_;
}

}  // namespace arkshare
