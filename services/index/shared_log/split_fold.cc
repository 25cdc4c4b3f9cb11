#include "services/index/shared_log/split_fold.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <iterator>

namespace arkshare {
namespace {

// Moves those with the prefix out of `all`; both keep their order.
template <typename Item>
std::vector<Item> TakePart(std::vector<Item>& all, const std::string& prefix) {
  const auto part = std::stable_partition(all.begin(), all.end(), [&](const Item& item) {
    return !absl::StartsWith(item.key, prefix);
  });
  std::vector<Item> taken(std::make_move_iterator(part), std::make_move_iterator(all.end()));
  all.erase(part, all.end());
  return taken;
}

}  // namespace

void SplitFold::Load(int64_t revision, std::vector<LogEntry> entries) {
  first_->Load(revision, TakePart(entries, prefix_));
  others_->Load(revision, std::move(entries));
}

void SplitFold::Step(int64_t revision, std::vector<LogEvent> events) {
  std::vector<LogEvent> part = TakePart(events, prefix_);
  if (!part.empty()) first_->Step(revision, std::move(part));
  others_->Step(revision, std::move(events));
}

void SplitFold::Refounded() {
  first_->Refounded();
  others_->Refounded();
}

}  // namespace arkshare
