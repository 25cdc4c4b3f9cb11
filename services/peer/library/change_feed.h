// The changes of this peer's listings that the index is still to be told, in order.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_CHANGE_FEED_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_CHANGE_FEED_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <variant>
#include <vector>

#include "lib/core/book_listing.h"
#include "lib/core/content_id.h"

namespace arkshare {

// Pure: no lock, no clock, no waiting. Library guards it, and waits for changes.
class ChangeFeed {
 public:
  // A listing that appeared, or the number of one that is gone.
  using Change = std::variant<BookListing, uint64_t>;

  void Push(Change change);

  // Pushes that a listing is gone, but not before `time` unless PushGoneNow comes first.
  void PushGoneAt(uint64_t number, absl::Time time);
  // Pushes at once what PushGoneAt delayed; does nothing for other numbers.
  void PushGoneNow(uint64_t number);
  // Pushes what was delayed until `now` or earlier. Returns the time of the next one,
  // InfiniteFuture when there is none.
  absl::Time PushDue(absl::Time now);

  // Pushes the listing of a book that is still being received, and keeps it for snapshots. The
  // number that it has now is its key.
  void AddPartial(const BookListing& listing);
  // Forgets a partial listing and pushes that it is gone; does nothing for other keys.
  void RemovePartial(uint64_t key);
  void RemovePartialsOf(const ContentId& content);
  // Pushes a partial listing under another number; its key stays.
  void RenumberPartial(uint64_t key, uint64_t number);
  // By key.
  const std::map<uint64_t, BookListing>& partials() const { return partials_; }

  bool empty() const { return changes_.empty(); }
  // Removes the first changes, at most `most`, and returns them.
  std::vector<Change> Take(size_t most);
  // Forgets all changes, delayed ones too, because a snapshot tells the index the same. Keeps the
  // partial listings.
  void Clear();

 private:
  std::deque<Change> changes_;
  std::map<uint64_t, absl::Time> delayed_;
  std::map<uint64_t, BookListing> partials_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_CHANGE_FEED_H_
