// The order of names that answer keywords equally well.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_STANDING_H_
#define ARKSHARE_SERVICES_INDEX_STORE_STANDING_H_

#include <absl/strings/string_view.h>

#include <compare>
#include <cstdint>

namespace arkshare {

// A hash of the name, kShuffleBits long, which never changes. It decides between names that fit
// equally well and have equally many holders. There may be hundreds of thousands of them: comparing
// names would read each one, while the hashes are close together in memory.
inline constexpr int kShuffleBits = 26;
uint32_t ShuffleOf(absl::string_view name);

// The rank of a name among those that fit equally well, in 32 bits: its unpopularity, then its
// shuffle. The smaller, the better.
class Standing {
 public:
  Standing() = default;
  // `unpopularity` is from -63 to 0.
  constexpr Standing(int unpopularity, uint32_t shuffle)
      : bits_(static_cast<uint32_t>(kMostPopularity + unpopularity) << kShuffleBits | shuffle) {}
  static constexpr Standing Worst() { return {0, (uint32_t{1} << kShuffleBits) - 1}; }

  constexpr int unpopularity() const {
    return static_cast<int>(bits_ >> kShuffleBits) - kMostPopularity;
  }
  constexpr uint32_t shuffle() const { return bits_ & ((uint32_t{1} << kShuffleBits) - 1); }
  auto operator<=>(const Standing&) const = default;

 private:
  static constexpr int kMostPopularity = 63;

  uint32_t bits_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_STANDING_H_
