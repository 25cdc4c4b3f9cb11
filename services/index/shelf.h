// What the catalog keeps of one session: a peer, and the books that it has stated. Only Catalog
// uses it.
#ifndef ARKSHARE_SERVICES_INDEX_SHELF_H_
#define ARKSHARE_SERVICES_INDEX_SHELF_H_

#include <absl/container/btree_map.h>
#include <absl/container/btree_set.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <utility>

#include "services/index/book_table.h"
#include "services/index/number_set.h"
#include "services/index/records.h"

namespace arkshare {

// A listing's place in the order of a peer's books.
struct NameKey {
  const Title* title;
  uint64_t number;
};

struct NameKeyOrder {
  using is_transparent = void;
  using Plain = std::pair<absl::string_view, uint64_t>;
  static Plain ToPlain(const NameKey& key) { return {key.title->name.value(), key.number}; }
  bool operator()(const NameKey& a, const NameKey& b) const { return ToPlain(a) < ToPlain(b); }
  bool operator()(const NameKey& a, const Plain& b) const { return ToPlain(a) < b; }
  bool operator()(const Plain& a, const NameKey& b) const { return a < ToPlain(b); }
};

class Shelf {
 public:
  struct Entry {
    Edition* edition;
    uint64_t since;  // the catalog's revision when it was added
  };

  Shelf(PeerInfo peer_info, bool is_reachable)
      : info(std::move(peer_info)), reachable(is_reachable) {}

  // Everything on a shelf is shown or hidden at once, without a look at its books.
  bool visible() const { return streaming && reachable && !closed; }
  bool IsGone(uint64_t number) const {
    return gone.Contains(number) || gone_earlier.Contains(number);
  }
  PeerSummary Summary() const { return {info, by_number.size(), visible()}; }

  PeerInfo info;
  const bool reachable;
  bool streaming = false;
  bool closed = false;
  absl::btree_map<uint64_t, Entry> by_number;
  absl::btree_set<NameKey, NameKeyOrder> by_name;
  // What is gone for good: in this session, and as known from before it began.
  NumberSet gone;
  NumberSet gone_earlier;
  // How many snapshots still have to read it; it is not reclaimed before.
  int pins = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHELF_H_
