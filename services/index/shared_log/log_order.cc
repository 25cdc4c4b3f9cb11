#include <absl/strings/match.h>
#include <absl/strings/string_view.h>

#include <iterator>

#include "services/index/shared_log/shared_log.h"

namespace arkshare {

int LogOrder(absl::string_view key) {
  constexpr absl::string_view kPrefixes[] = {"r/", "s/", "n/", "l/", "t/", "c/"};
  int place = 0;
  for (const absl::string_view prefix : kPrefixes) {
    if (absl::StartsWith(key, prefix)) return place;
    ++place;
  }
  return place;
}

}  // namespace arkshare
