// Some of the titles.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_TITLE_SET_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_TITLE_SET_H_

#include <absl/types/span.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/index/store/book_table.h"

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
  // Of titles with equally many words, puts those first that are in it; yields how many.
  size_t Pick(absl::Span<TitleId> titles) const {
    if (titles.empty()) return 0;
    const std::vector<uint64_t>& bits = bits_[WordsInId(titles[0])];
    size_t count = 0;
    for (const TitleId title : titles) {
      const size_t at = PlaceOf(title) / 64;
      titles[count] = title;
      count += at < bits.size() && (bits[at] & BitOf(title)) != 0 ? 1 : 0;
    }
    return count;
  }

 private:
  static uint64_t BitOf(TitleId title) { return uint64_t{1} << PlaceOf(title) % 64; }

  std::array<std::vector<uint64_t>, kMostWordsInId + 1> bits_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_TITLE_SET_H_
