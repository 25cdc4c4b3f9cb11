// Some of the titles.
#ifndef ARKSHARE_SERVICES_INDEX_TITLE_SET_H_
#define ARKSHARE_SERVICES_INDEX_TITLE_SET_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/index/book_table.h"

namespace arkshare {

// A bit for each title. Not thread-safe.
class TitleSet {
 public:
  void Add(TitleId title) {
    std::vector<uint64_t>& bits = bits_[WordsInId(title)];
    const size_t at = PlaceOf(title) / 64;
    // By half, so that a set that grows slowly is not copied each time.
    if (at >= bits.size()) bits.resize(std::max(at + 1, bits.size() + bits.size() / 2));
    bits[at] |= BitOf(title);
  }
  bool Has(TitleId title) const {
    const std::vector<uint64_t>& bits = bits_[WordsInId(title)];
    const size_t at = PlaceOf(title) / 64;
    return at < bits.size() && (bits[at] & BitOf(title)) != 0;
  }

 private:
  static size_t PlaceOf(TitleId title) { return title & (FirstTitleOf(1) - 1); }
  static uint64_t BitOf(TitleId title) { return uint64_t{1} << PlaceOf(title) % 64; }

  std::array<std::vector<uint64_t>, kMostWordsInId + 1> bits_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TITLE_SET_H_
