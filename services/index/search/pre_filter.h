// Rejects most names that do not match, before they are folded.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_PRE_FILTER_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_PRE_FILTER_H_

#include <absl/strings/string_view.h>

#include <array>
#include <cstddef>

#include "services/index/search/query.h"

namespace arkshare {

// Takes a fraction of the time of NameWords. Not thread-safe.
class PreFilter {
 public:
  // The keywords must outlive this.
  explicit PreFilter(const Keywords& keywords) : keywords_(keywords) {}

  // Returns whether each keyword may begin a word of `name`.
  bool MayMatch(absl::string_view name);

 private:
  // Returns whether each keyword begins a word. Cheaper than FitOf.
  bool EachBeginsAWord(absl::string_view folded) const;

  const Keywords& keywords_;
  std::array<char, 256> text_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_PRE_FILTER_H_
