// One session in the catalog: a peer, and the books that it has stated. Guarded by Tables::mutex.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SHELF_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SHELF_H_

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/catalog/records.h"
#include "services/index/catalog/search_writer.h"
#include "services/index/store/book_table.h"
#include "services/index/store/number_set.h"

namespace arkshare {

// A shelf's books in order of name, then of number. Built in steps when a client first lists the
// peer's books, because most shelves are never listed and comparing names is expensive.
class NameOrder {
 public:
  using Place = std::pair<absl::string_view, uint64_t>;

  explicit NameOrder(const BookTable* books) : order_(Less{books}) {}

  // Returns the number up to which all books are in it.
  uint64_t through() const { return through_; }
  void set_through(uint64_t number) { through_ = number; }
  bool complete() const { return through_ == std::numeric_limits<uint64_t>::max(); }

  void Insert(EditionId edition, uint64_t number) { order_.insert({edition, number}); }
  void Erase(EditionId edition, uint64_t number) { order_.erase(Key{edition, number}); }
  // Calls visit(edition, number) for the books after `after`, in order, until it returns false.
  void VisitAfter(const Place& after, absl::FunctionRef<bool(EditionId, uint64_t)> visit) const {
    auto key = order_.upper_bound(after);
    while (key != order_.end() && visit(key->edition, key->number)) ++key;
  }

 private:
  struct Key {
    EditionId edition;
    uint64_t number;
  };
  struct Less {
    using is_transparent = void;
    const BookTable* books;
    Place ToPlace(const Key& key) const { return {books->NameOf(key.edition), key.number}; }
    bool operator()(const Key& a, const Key& b) const { return ToPlace(a) < ToPlace(b); }
    bool operator()(const Key& a, const Place& b) const { return ToPlace(a) < b; }
    bool operator()(const Place& a, const Key& b) const { return a < ToPlace(b); }
  };

  absl::btree_set<Key, Less> order_;
  uint64_t through_ = 0;
};

class Shelf {
 public:
  Shelf(PeerInfo peer_info, bool is_reachable)
      : info(std::move(peer_info)), reachable(is_reachable) {}

  // Everything on a shelf is shown or hidden at once, without visiting its books.
  bool visible() const { return streaming && reachable && answering && !closed; }
  bool IsGone(uint64_t number) const {
    return gone.Contains(number) || gone_earlier.Contains(number);
  }
  bool Has(uint64_t number) const {
    // Most numbers are new, and larger than all others.
    const bool old = !by_number.empty() && number <= by_number.rbegin()->first;
    return (old && by_number.contains(number)) || parts.contains(number);
  }
  // Returns the largest number of a book, whole or partial; 0 when there is none.
  uint64_t LargestPresent() const {
    return std::max(by_number.empty() ? 0 : by_number.rbegin()->first,
                    parts.empty() ? 0 : parts.rbegin()->first);
  }
  // Returns how many books there are, whole and partial.
  size_t size() const { return by_number.size() + parts.size(); }
  PeerSummary Summary() const { return {info, by_number.size(), visible()}; }

  PeerInfo info;
  // Whether the session has proven its key and address. If not, nothing that it states is stored.
  const bool reachable;
  // False while a peer that was reachable does not answer the index any more.
  bool answering = true;
  uint32_t slot = 0;  // Copy::shelf
  bool streaming = false;
  bool closed = false;
  absl::btree_map<uint64_t, EditionId> by_number;
  std::optional<NameOrder> by_name;
  // The partial books, which the peer is still receiving. Kept apart, so that whole books take no
  // memory for the difference.
  absl::btree_map<uint64_t, EditionId> parts;
  // About how many bytes the books take; see Holdings.
  uint64_t bytes = 0;
  // The numbers that are gone for good: in this session, and from before it began. On a shelf that
  // is not reachable, `gone` is empty, and `gone_earlier` also has the signed moves of this
  // session.
  NumberSet gone;
  NumberSet gone_earlier;
  // The largest number that was known of the key when this session began; 0 for none.
  uint64_t largest_earlier = 0;
  // How many snapshots still have to read the shelf. It is not reclaimed before they have.
  int pins = 0;
};

// The shelves by their slots: what a search reads of each of many holders, close together in
// memory. Not thread-safe.
class ShelfSlots {
 public:
  // The rank of a holder that is not shown; larger than every other.
  static constexpr uint64_t kHidden = ~uint64_t{0};

  // Gives the shelf a slot.
  void Add(Shelf& shelf) {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(peers_.size()));
      peers_.emplace_back();
      to_others_.push_back(kHidden);
      to_loopback_.push_back(kHidden);
    }
    shelf.slot = free_.back();
    free_.pop_back();
    Update(shelf);
  }
  // Requires that no copy names the slot any more.
  void Remove(const Shelf& shelf) {
    to_others_[shelf.slot] = to_loopback_[shelf.slot] = kHidden;
    peers_[shelf.slot] = std::string();
    free_.push_back(shelf.slot);
  }
  // To be called after every change of the shelf itself.
  void Update(const Shelf& shelf) {
    const uint64_t busy = kMostFree - std::min(shelf.info.free_slots, kMostFree);
    const uint64_t rank = busy << 32 | shelf.info.peer_id;
    to_loopback_[shelf.slot] = shelf.visible() ? rank : kHidden;
    to_others_[shelf.slot] = shelf.visible() && !shelf.info.loopback ? rank : kHidden;
    peers_[shelf.slot] = SearchWriter::EncodePeer(shelf.info);
  }

  // Returns the ranks by slot. A peer with more free slots has a smaller rank; then the peer id
  // decides. Peers with loopback addresses are shown only when `loopback`.
  absl::Span<const uint64_t> Ranks(bool loopback) const {
    return loopback ? to_loopback_ : to_others_;
  }
  static bool HasFreeSlots(uint64_t rank) { return rank >> 32 < kMostFree; }
  static uint32_t PeerId(uint64_t rank) { return static_cast<uint32_t>(rank); }
  // Returns the result of SearchWriter::EncodePeer.
  const std::string& Encoded(uint32_t slot) const { return peers_[slot]; }

 private:
  static constexpr uint32_t kMostFree = 0x7FFFFFFF;  // larger numbers count as this one

  std::vector<uint64_t> to_others_;
  std::vector<uint64_t> to_loopback_;
  std::vector<std::string> peers_;
  std::vector<uint32_t> free_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SHELF_H_
