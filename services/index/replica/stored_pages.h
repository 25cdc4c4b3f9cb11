// The pages of statements that are in the log, and what each costs there.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_STORED_PAGES_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_STORED_PAGES_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/types/span.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/key.h"
#include "services/index/replica/steps.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// A page of the current session of its peer.
struct StoredPage {
  std::string key;     // in the log
  size_t entries = 0;  // its statements, and its ranges of numbers that are gone
  uint64_t through = 0;
  bool complete = false;
  std::vector<NumberRange> numbers;  // that it says something of, see NumbersOf
};

// Not thread-safe.
class StoredPages {
 public:
  // Pages with fewer entries than these are small, middle and large ones; the others are full.
  static constexpr std::array<size_t, 3> kClasses = {16, 256, 500};
  // Returns the place of the first of kClasses that is larger; 3 for a full page.
  static size_t ClassOf(size_t entries);

  // The page is in the log. Does nothing when that is known.
  void Add(const std::string& page, const PublicKey& peer, int64_t epoch);
  void Remove(const std::string& page);
  void RemoveIf(absl::FunctionRef<bool(const std::string& page)> wanted);
  // The page was folded into the session of its epoch.
  void SetFolded(const std::string& page, const Page& read);
  bool IsFolded(const std::string& page) const;

  // All folded pages of a session together.
  struct Sum {
    std::array<size_t, kClasses.size() + 1> pages = {};  // by class
    size_t entries = 0;
  };
  Sum SumOf(const PublicKey& peer, int64_t epoch) const;
  // Returns the folded pages of a session, in the order of their keys.
  std::vector<StoredPage> Of(const PublicKey& peer, int64_t epoch) const;
  // Returns up to `most` pages of sessions other than the current ones.
  std::vector<std::string> Others(
      size_t most, absl::FunctionRef<bool(const PublicKey& peer, int64_t epoch)> is_current) const;

 private:
  using Session = std::pair<PublicKey, int64_t>;
  struct Entry {
    Session session;
    bool folded = false;
    StoredPage page;  // without its key
  };
  void Count(const Entry& entry, bool more);

  absl::btree_map<std::string, Entry> pages_;
  absl::flat_hash_map<Session, Sum> sums_;
};

// Chooses pages to merge into one, so that the log has fewer keys or fewer entries afterwards; none
// when that is not worth a write. `sum` is that of `pages`. `needed` is how many entries would say
// all that the pages say; `needed_for` returns the same for some numbers. Pure.
//
// A page is written once into each larger class, and again only when a third of it is of no use any
// more: the log has at most kMostOfClass keys of each class besides the full ones, about three
// times as many entries as are needed, and a small part of what is written is written again.
std::vector<std::vector<const StoredPage*>> ChoosePages(
    absl::Span<const StoredPage> pages, const StoredPages::Sum& sum, size_t needed,
    absl::FunctionRef<size_t(absl::Span<const NumberRange>)> needed_for);
// Returns false when ChoosePages returns nothing, whatever the pages are.
bool MayMerge(const StoredPages::Sum& sum, size_t needed);

// The numbers of all of them.
std::vector<NumberRange> NumbersOf(absl::Span<const StoredPage* const> pages);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_STORED_PAGES_H_
