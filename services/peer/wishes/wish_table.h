// The wishes of the owner, and what is to be done for them.
#ifndef ARKSHARE_SERVICES_PEER_WISHES_WISH_TABLE_H_
#define ARKSHARE_SERVICES_PEER_WISHES_WISH_TABLE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lib/core/content_id.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// A wish as its owner sees it.
struct WishView {
  WishRecord record;  // finds: the last 20, newest first
  size_t found_count = 0;
  size_t fetched_count = 0;
  // Why the index does not tell this peer, or a book that was found did not come; OK when all is
  // well.
  absl::Status error;
  bool watched = false;  // the index tells this peer now
};

// Remembers which contents each wish has found, and decides which of them are to be fetched now:
// not more than the wish wants, the first ones first, and after a failure again after a pause that
// grows. Pure: no lock, no clock. Not thread-safe.
class WishTable {
 public:
  static constexpr size_t kMostWishes = 64;
  static constexpr size_t kMostFinds = 1'000;  // of one wish

  // kLimitExceeded when there are too many wishes for one with another query.
  absl::Status MayAdd(const WishQuery& query) const;
  // Adds a wish, or gives the one with this id its action and limit. What an earlier run has found
  // and not fetched is due at `now`.
  void Put(WishRecord wish, absl::Time now);
  // False when there is no such wish.
  bool Remove(uint64_t wish);
  bool Has(uint64_t wish) const { return wishes_.contains(wish); }
  // The queries of all wishes.
  std::map<uint64_t, WishQuery> Queries() const;

  // The index lists a matching book at another peer, and the library does not have it. Returns
  // whether it is new to the wish; then it is due once it is recorded. One that was found before
  // and did not come is due again.
  bool Found(uint64_t wish, const WishFind& find);
  // The ledger has these finds of the wish, so they are due.
  void Recorded(uint64_t wish, absl::Span<const WishFind> finds);
  void SetWatched(uint64_t wish, bool watched);
  // OK: nothing keeps the index from telling this peer.
  void SetWatchError(uint64_t wish, const absl::Status& error);

  struct Fetch {
    uint64_t wish = 0;
    ContentId content;
    bool copy_only = false;
  };
  // Returns what is to be fetched now, at most `most`; each is on its way until Ended.
  std::vector<Fetch> TakeDue(absl::Time now, size_t most);
  // Returns when TakeDue would return something; InfiniteFuture when nothing waits.
  absl::Time NextDue() const;
  // A fetch has ended: the book is here (OK or kAlreadyInLibrary), or is to be tried again. Returns
  // whether it is here now because of this wish.
  bool Ended(const Fetch& fetch, const absl::Status& how, absl::Time now);
  // Everything that did not come is due at `now`, because the index is back.
  void RetryAll(absl::Time now);

  // In the order in which they were added.
  std::vector<WishView> List() const;
  std::optional<WishView> Find(uint64_t wish) const;

 private:
  struct Candidate {
    // Whether it is fetched now, or may be.
    bool IsOpen() const { return recorded && !find.fetched && !on_its_way; }

    WishFind find;
    bool recorded = false;
    bool on_its_way = false;
    bool again = false;                     // due as soon as it is not on its way any more
    absl::Time due = absl::InfinitePast();  // unless fetched or on its way
    absl::Duration pause = absl::ZeroDuration();
  };
  struct Entry {
    WishRecord wish;               // without its finds
    std::vector<Candidate> finds;  // oldest first
    absl::flat_hash_map<ContentId, size_t> by_content;
    size_t fetched = 0;
    size_t on_their_way = 0;
    bool watched = false;
    bool finds_too_much = false;
    absl::Status watch_error;
    absl::Status fetch_error;
  };

  static bool WantsMore(const Entry& entry);
  static Candidate* FindContent(Entry& entry, const ContentId& content);
  static WishView ViewOf(const Entry& entry);
  Entry* FindEntry(uint64_t wish);

  std::map<uint64_t, Entry> wishes_;  // the ids rise
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WISHES_WISH_TABLE_H_
