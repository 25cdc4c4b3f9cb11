// This peer's library, as statements for the index.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATEMENTS_H_
#define ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATEMENTS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "arkshare/v1/index.pb.h"
#include "lib/core/mutex.h"
#include "services/peer/library/library.h"
#include "services/peer/session/listing_budget.h"
#include "services/peer/session/statement_queue.h"

namespace arkshare {

// The lock around ListingBudget, which chooses the books that the index is told, and
// StatementQueue, which repeats what the index has not acknowledged. Thread-safe.
class SessionStatements {
 public:
  // Begins a session with an index that lists `most_books`; 0: any number. The whole library
  // becomes its first statements.
  void Begin(uint64_t most_books, absl::Span<const BookListing> library);
  // Begins the same session again, because the index has forgotten some of its statements.
  void BeginAgain(absl::Span<const BookListing> library);
  void Add(absl::Span<const Library::Change> changes);

  // As in StatementQueue.
  absl::StatusOr<bool> BeginStream(uint64_t acknowledged);
  absl::Status Acknowledge(uint64_t acknowledged, bool has_news);
  bool all_taken() const;
  // Moves the next statements, as many as a message holds, into `request`. True: no more are left.
  bool TakeNext(v1::AnnounceRequest& request);

  // As in ListingBudget.
  std::string Trouble() const;
  std::string WhyLeftOut(uint64_t listing) const;
  size_t left_out() const;

 private:
  void RestartLocked(absl::Span<const BookListing> library) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  uint64_t most_books_ ABSL_GUARDED_BY(mutex_) = 0;
  ListingBudget budget_ ABSL_GUARDED_BY(mutex_);
  StatementQueue queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATEMENTS_H_
