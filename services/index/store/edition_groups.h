// Sets of editions that mostly have one member.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_EDITION_GROUPS_H_
#define ARKSHARE_SERVICES_INDEX_STORE_EDITION_GROUPS_H_

#include <absl/container/btree_set.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "services/index/store/id_pool.h"

namespace arkshare {

// A group is four bytes: none, its only edition (a number below 2^31), or the number of an ordered
// set. `Order` compares editions with each other and with their keys. Not thread-safe.
template <typename Order>
class EditionGroups {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  explicit EditionGroups(Order order) : order_(order) {}

  // Returns the group with the edition, which must not be in it.
  uint32_t Add(uint32_t group, uint32_t edition) {
    if (group == kNone) return edition;
    if ((group & kMany) == 0) {
      Set set(order_);
      set.insert(group);
      group = kMany | sets_.Add({std::move(set)});
    }
    sets_[group & ~kMany].set.insert(edition);
    return group;
  }
  // Returns the group without the edition, which must be in it.
  uint32_t Remove(uint32_t group, uint32_t edition) {
    if ((group & kMany) == 0) return kNone;
    Set& set = sets_[group & ~kMany].set;
    set.erase(edition);
    if (set.size() > 1) return group;
    const uint32_t only = *set.begin();
    sets_.Remove(group & ~kMany);
    return only;
  }

  static bool IsOne(uint32_t group) { return (group & kMany) == 0; }
  // Any edition of the group, which is not kNone.
  uint32_t First(uint32_t group) const {
    return IsOne(group) ? group : *sets_[group & ~kMany].set.begin();
  }
  // The edition with this key.
  template <typename Key>
  std::optional<uint32_t> Find(uint32_t group, const Key& key) const {
    if (IsOne(group)) {
      if (order_(group, key) || order_(key, group)) return std::nullopt;
      return group;
    }
    const Set& set = sets_[group & ~kMany].set;
    const auto place = set.find(key);
    if (place == set.end()) return std::nullopt;
    return *place;
  }
  // Visits the editions after `after`, or all, in order, until visit(edition) returns false.
  template <typename Key, typename Visitor>
  void Visit(uint32_t group, const Key* after, Visitor visit) const {
    if (group == kNone) return;
    if (IsOne(group)) {
      if (after == nullptr || order_(*after, group)) visit(group);
      return;
    }
    const Set& set = sets_[group & ~kMany].set;
    auto edition = after == nullptr ? set.begin() : set.upper_bound(*after);
    while (edition != set.end() && visit(*edition)) ++edition;
  }

 private:
  using Set = absl::btree_set<uint32_t, Order>;
  static constexpr uint32_t kMany = uint32_t{1} << 31;

  // Needed because an order has no default constructor.
  struct Slot {
    Set set{Order{nullptr}};
  };

  const Order order_;
  IdPool<Slot> sets_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_EDITION_GROUPS_H_
