#include "services/index/store/words.h"

#include <absl/algorithm/container.h>

#include <algorithm>

#include "lib/core/book_name.h"

namespace arkshare {

Words DistinctWords(absl::string_view folded) {
  // Up to this many words are compared with each other; more are sorted.
  constexpr size_t kFew = 12;
  Words words;
  while (!folded.empty()) {
    const size_t end = std::min(folded.find(' '), folded.size());
    const absl::string_view word = folded.substr(0, end);
    if (words.size() >= kFew || !absl::c_linear_search(words, word)) words.push_back(word);
    folded.remove_prefix(std::min(end + 1, folded.size()));
  }
  if (words.size() <= kFew) return words;
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

}  // namespace arkshare
