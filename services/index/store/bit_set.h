// A set of small numbers, one bit each.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_BIT_SET_H_
#define ARKSHARE_SERVICES_INDEX_STORE_BIT_SET_H_

#include <absl/types/span.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace arkshare {

// As large as its largest number needs, at most half as much again. Not thread-safe.
class BitSet {
 public:
  void Insert(uint32_t number) {
    const size_t at = number / 64;
    // Grows by half, so that a set that grows slowly is not copied each time.
    if (at >= bits_.size()) bits_.resize(std::max(at + 1, bits_.size() + bits_.size() / 2));
    bits_[at] |= BitOf(number);
  }
  void Erase(uint32_t number) {
    const size_t at = number / 64;
    if (at < bits_.size()) bits_[at] &= ~BitOf(number);
  }
  bool Contains(uint32_t number) const {
    const size_t at = number / 64;
    return at < bits_.size() && (bits_[at] >> number % 64 & 1) != 0;
  }

 private:
  static uint64_t BitOf(uint32_t number) { return uint64_t{1} << number % 64; }

  std::vector<uint64_t> bits_;
};

// Moves the ids for which keep(id) is true to the front, in order, and returns them. Without a
// branch, because a processor could not predict it.
template <typename Keep>
absl::Span<uint32_t> KeepIf(absl::Span<uint32_t> ids, Keep keep) {
  uint32_t* end = ids.data();
  for (const uint32_t id : ids) {
    *end = id;
    end += keep(id) ? 1 : 0;
  }
  return ids.first(static_cast<size_t>(end - ids.data()));
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_BIT_SET_H_
