#include "services/peer/owner/library_order.h"

#include <absl/algorithm/container.h>
#include <absl/strings/match.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "lib/core/search_words.h"

namespace arkshare {

bool LibraryOrder::Matches(absl::string_view path) const {
  if (words_.empty()) return true;
  const std::string name = NameWords(path);
  const std::vector<absl::string_view> of_name = absl::StrSplit(name, ' ');
  return absl::c_all_of(words_, [&](const std::string& word) {
    return absl::c_any_of(of_name,
                          [&](absl::string_view other) { return absl::StartsWith(other, word); });
  });
}

void LibraryOrder::Add(LibraryKey key) {
  if (Matches(key.path)) keys_.push_back(std::move(key));
}

bool LibraryOrder::Before(const LibraryKey& a, const LibraryKey& b) const {
  switch (order_) {
    case v1::LIBRARY_ORDER_SIZE:
      if (a.size != b.size) return a.size > b.size;
      break;
    case v1::LIBRARY_ORDER_NEWEST:
      // Numbers rise with time, and 0 is that of a file that is not listed.
      if (a.number != b.number) return a.number > b.number;
      break;
    default:
      break;
  }
  return a.path < b.path;
}

std::vector<std::string> LibraryOrder::Page(size_t skip, size_t most) {
  std::vector<std::string> page;
  if (skip >= keys_.size()) return page;
  const size_t end = skip + std::min(most, keys_.size() - skip);
  std::partial_sort(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(end), keys_.end(),
                    [this](const LibraryKey& a, const LibraryKey& b) {
                      return reverse_ ? Before(b, a) : Before(a, b);
                    });
  for (size_t i = skip; i < end; ++i) page.push_back(std::move(keys_[i].path));
  return page;
}

}  // namespace arkshare
