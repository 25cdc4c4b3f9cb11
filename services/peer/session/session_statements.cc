#include "services/peer/session/session_statements.h"

#include <vector>

#include "lib/core/limits.h"
#include "lib/core/log.h"

namespace arkshare {

void SessionStatements::Begin(uint64_t most_books, absl::Span<const BookListing> library) {
  MutexLock lock(&mutex_);
  most_books_ = most_books;
  RestartLocked(library);
}

void SessionStatements::BeginAgain(absl::Span<const BookListing> library) {
  MutexLock lock(&mutex_);
  RestartLocked(library);
}

void SessionStatements::RestartLocked(absl::Span<const BookListing> library) {
  std::vector<Library::Change> statements;
  budget_.Begin(most_books_);
  for (const BookListing& listing : library) budget_.Add(listing, statements);
  if (const std::string left_out = budget_.Trouble(); !left_out.empty()) {
    LogWarning("not_all_listed", {{"why", left_out}});
  }
  queue_.Restart(statements);
}

void SessionStatements::Add(absl::Span<const Library::Change> changes) {
  std::vector<Library::Change> statements;
  MutexLock lock(&mutex_);
  for (const Library::Change& change : changes) budget_.Add(change, statements);
  queue_.Add(statements);
}

absl::StatusOr<bool> SessionStatements::BeginStream(uint64_t acknowledged) {
  MutexLock lock(&mutex_);
  return queue_.BeginStream(acknowledged);
}

absl::Status SessionStatements::Acknowledge(uint64_t acknowledged, bool has_news) {
  MutexLock lock(&mutex_);
  return queue_.Acknowledge(acknowledged, has_news);
}

bool SessionStatements::all_taken() const {
  MutexLock lock(&mutex_);
  return queue_.all_taken();
}

bool SessionStatements::TakeNext(v1::AnnounceRequest& request) {
  MutexLock lock(&mutex_);
  queue_.TakeNext(kMaxItems, request);
  return queue_.all_taken();
}

std::string SessionStatements::Trouble() const {
  MutexLock lock(&mutex_);
  return budget_.Trouble();
}

std::string SessionStatements::WhyLeftOut(uint64_t listing) const {
  MutexLock lock(&mutex_);
  return budget_.WhyLeftOut(listing);
}

size_t SessionStatements::left_out() const {
  MutexLock lock(&mutex_);
  return budget_.left_out();
}

}  // namespace arkshare
