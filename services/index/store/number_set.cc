#include "services/index/store/number_set.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace arkshare {

void NumberSet::Insert(uint64_t number) { InsertRange(number, number); }

bool NumberSet::Contains(uint64_t number) const {
  const auto after = ranges_.upper_bound(number);
  return after != ranges_.begin() && std::prev(after)->second >= number;
}

void NumberSet::Merge(const NumberSet& other) {
  for (const auto& [first, last] : other.ranges_) InsertRange(first, last);
}

void NumberSet::Visit(NumberRange range, absl::FunctionRef<void(const NumberRange&)> visit) const {
  auto run = ranges_.upper_bound(range.first);
  if (run != ranges_.begin() && std::prev(run)->second >= range.first) --run;
  for (; run != ranges_.end() && run->first <= range.last; ++run) {
    visit({run->first, run->second});
  }
}

std::vector<NumberRange> NumberSet::Runs() const {
  std::vector<NumberRange> runs;
  runs.reserve(ranges_.size());
  for (const auto& [first, last] : ranges_) runs.push_back({first, last});
  return runs;
}

void NumberSet::InsertRange(uint64_t first, uint64_t last) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  auto next = ranges_.upper_bound(first);
  if (next != ranges_.begin()) {
    const auto previous = std::prev(next);
    if (previous->second >= last) return;
    if (previous->second >= first || previous->second + 1 == first) {
      first = previous->first;
      next = ranges_.erase(previous);
    }
  }
  while (next != ranges_.end() && (last == kMax || next->first <= last + 1)) {
    last = std::max(last, next->second);
    next = ranges_.erase(next);
  }
  ranges_.emplace(first, last);
}

}  // namespace arkshare
