// What the catalog keeps of one session: a peer, and the books that it has stated. Only Catalog
// uses it.
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

// A shelf's books in order of name, then of number. Made when somebody browses it first, little by
// little: most shelves are never browsed, and comparing names is dear.
class NameOrder {
 public:
  using Place = std::pair<absl::string_view, uint64_t>;

  explicit NameOrder(const BookTable* books) : order_(Less{books}) {}

  // Numbers up to here are in it.
  uint64_t through() const { return through_; }
  void set_through(uint64_t number) { through_ = number; }
  bool complete() const { return through_ == std::numeric_limits<uint64_t>::max(); }

  void Insert(EditionId edition, uint64_t number) { order_.insert({edition, number}); }
  void Erase(EditionId edition, uint64_t number) { order_.erase(Key{edition, number}); }
  // Calls visit(edition, number) for those behind `after`, in order, until it returns false.
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

  // Everything on a shelf is shown or hidden at once, without a look at its books.
  bool visible() const { return streaming && reachable && !closed; }
  bool IsGone(uint64_t number) const {
    return gone.Contains(number) || gone_earlier.Contains(number);
  }
  bool Has(uint64_t number) const {
    // Most that are asked for are new, and larger than all others.
    const bool old = !by_number.empty() && number <= by_number.rbegin()->first;
    return (old && by_number.contains(number)) || parts.contains(number);
  }
  // What it occupies: whole books and parts of books.
  size_t size() const { return by_number.size() + parts.size(); }
  PeerSummary Summary() const { return {info, by_number.size(), visible()}; }

  PeerInfo info;
  const bool reachable;
  uint32_t slot = 0;  // by which copies name it
  bool streaming = false;
  bool closed = false;
  absl::btree_map<uint64_t, EditionId> by_number;
  std::optional<NameOrder> by_name;
  // What the peer is still receiving, by number. Kept apart, so that whole books pay nothing for
  // it.
  absl::btree_map<uint64_t, EditionId> parts;
  // What is gone for good: in this session, and as known from before it began. Of a shelf that is
  // not reachable, `gone_earlier` has the signed moves of this session too, and alone outlives it.
  NumberSet gone;
  NumberSet gone_earlier;
  // How many snapshots still have to read it; it is not reclaimed before.
  int pins = 0;
};

// The shelves by the numbers that copies name them by, and what a search must know of each one of
// many holders, close together.
class ShelfSlots {
 public:
  // Of a holder that is not shown; larger than every rank.
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
  // No copy names it any more.
  void Remove(const Shelf& shelf) {
    to_others_[shelf.slot] = to_loopback_[shelf.slot] = kHidden;
    peers_[shelf.slot] = std::string();
    free_.push_back(shelf.slot);
  }
  // Call after every change of the shelf itself.
  void Update(const Shelf& shelf) {
    const uint64_t busy = kMostFree - std::min(shelf.info.free_slots, kMostFree);
    const uint64_t rank = busy << 32 | shelf.info.peer_id;
    to_loopback_[shelf.slot] = shelf.visible() ? rank : kHidden;
    to_others_[shelf.slot] = shelf.visible() && !shelf.info.loopback ? rank : kHidden;
    peers_[shelf.slot] = SearchWriter::EncodePeer(shelf.info);
  }

  // By slot: the more free ones, the smaller; then by peer. Holders with loopback addresses are
  // shown only when `loopback`.
  absl::Span<const uint64_t> Ranks(bool loopback) const {
    return loopback ? to_loopback_ : to_others_;
  }
  static bool HasFreeSlots(uint64_t rank) { return rank >> 32 < kMostFree; }
  static uint32_t PeerId(uint64_t rank) { return static_cast<uint32_t>(rank); }
  // As SearchWriter needs it.
  const std::string& Encoded(uint32_t slot) const { return peers_[slot]; }

 private:
  static constexpr uint32_t kMostFree = 0x7FFFFFFF;  // beyond that, all are the same

  std::vector<uint64_t> to_others_;
  std::vector<uint64_t> to_loopback_;
  std::vector<std::string> peers_;
  std::vector<uint32_t> free_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SHELF_H_
