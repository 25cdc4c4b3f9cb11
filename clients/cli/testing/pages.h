// Pages of the lists that the fakes answer with.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_PAGES_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_PAGES_H_

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace arkshare {

inline constexpr size_t kPageItems = 2;

// Returns the items of one page and the token of the next page.
template <typename T>
std::pair<std::vector<T>, std::string> Page(const std::vector<T>& all, const std::string& token) {
  size_t begin = 0;
  if (!token.empty() && !absl::SimpleAtoi(token, &begin)) begin = all.size();
  const size_t end = std::min(all.size(), begin + kPageItems);
  return {{all.begin() + static_cast<std::ptrdiff_t>(begin),
           all.begin() + static_cast<std::ptrdiff_t>(end)},
          end < all.size() ? absl::StrCat(end) : ""};
}

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_PAGES_H_
