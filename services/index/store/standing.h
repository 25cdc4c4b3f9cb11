// What decides between names that answer keywords equally well.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_STANDING_H_
#define ARKSHARE_SERVICES_INDEX_STORE_STANDING_H_

#include <absl/strings/string_view.h>

#include <compare>
#include <cstdint>

namespace arkshare {

// Decides among names that fit equally well and have equally many holders. Hundreds of thousands
// may, and by their names each of them would have to be read; these numbers stand close together.
// kShuffleBits long; the same for a name always and everywhere.
inline constexpr int kShuffleBits = 26;
uint32_t ShuffleOf(absl::string_view name);

// Both in 32 bits: where a name stands among those that fit equally well. The smaller, the better.
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
