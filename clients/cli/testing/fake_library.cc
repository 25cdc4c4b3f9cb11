#include "clients/cli/testing/fake_library.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "clients/cli/testing/pages.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

void FakeLibrary::AddBook(const std::string& name, const v1::ContentId& content) {
  MutexLock lock(&mutex_);
  v1::LibraryEntry entry;
  entry.set_name(name);
  entry.set_size_bytes(content.size_bytes());
  entry.mutable_listing()->set_name(name);
  entry.mutable_listing()->set_listing_number(next_listing_++);
  *entry.mutable_listing()->mutable_content() = content;
  library_.push_back(std::move(entry));
}

void FakeLibrary::AddEntry(v1::LibraryEntry entry) {
  MutexLock lock(&mutex_);
  library_.push_back(std::move(entry));
}

uint64_t FakeLibrary::DrawListingNumber() {
  MutexLock lock(&mutex_);
  return next_listing_++;
}

void FakeLibrary::HoldShareForStatus() {
  MutexLock lock(&mutex_);
  statuses_awaited_ = 2;
}

void FakeLibrary::NoteStatusCall() {
  MutexLock lock(&mutex_);
  if (statuses_awaited_ > 0 && --statuses_awaited_ == 0) asked_.NotifyAll();
}

std::vector<std::string> FakeLibrary::shared_paths() const {
  MutexLock lock(&mutex_);
  return shared_paths_;
}

grpc::Status FakeLibrary::ListLibrary(const v1::ListLibraryRequest& request,
                                      v1::ListLibraryResponse* response) {
  MutexLock lock(&mutex_);
  std::vector<v1::LibraryEntry> sorted = library_;
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  if (!request.name().empty()) {
    std::erase_if(sorted, [&](const auto& entry) { return entry.name() != request.name(); });
  }
  auto [entries, next] = Page(sorted, request.page_token());
  for (v1::LibraryEntry& entry : entries) *response->add_entries() = std::move(entry);
  response->set_next_page_token(next);
  return grpc::Status::OK;
}

grpc::Status FakeLibrary::Share(const v1::ShareRequest& request, v1::ShareResponse* response) {
  MutexLock lock(&mutex_);
  while (statuses_awaited_ > 0) asked_.Wait(&mutex_);
  for (const std::string& path : request.paths()) {
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

grpc::Status FakeLibrary::Unshare(const v1::UnshareRequest& request,
                                  v1::UnshareResponse* response) {
  MutexLock lock(&mutex_);
  for (const std::string& name : request.names()) {
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

}  // namespace arkshare
