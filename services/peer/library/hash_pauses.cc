#include "services/peer/library/hash_pauses.h"

#include <algorithm>
#include <utility>

namespace arkshare {
namespace {

// A file that was not hashed for this long, and for twice its last wait, was left alone.
constexpr absl::Duration kLeftAlone = absl::Seconds(10);

}  // namespace

const HashPauses::Entry* HashPauses::Find(const std::string& path, absl::Time now) const {
  auto entry = young_.find(path);
  if (entry == young_.end()) {
    entry = old_.find(path);
    if (entry == old_.end()) return nullptr;
  }
  const Entry& found = entry->second;
  return now - found.last > std::max(kLeftAlone, 2 * found.wait) ? nullptr : &found;
}

absl::Time HashPauses::Allowed(const std::string& path, absl::Time now) {
  const Entry* entry = Find(path, now);
  return entry == nullptr ? now : entry->last + entry->wait;
}

void HashPauses::Ended(const std::string& path, absl::Time now) {
  Rotate(now);
  const Entry* last = Find(path, now);
  absl::Duration wait = absl::ZeroDuration();
  if (last != nullptr) {
    wait = last->wait == absl::ZeroDuration() ? kFirst : std::min(2 * last->wait, kLongest);
  }
  young_[path] = {now, wait};
}

void HashPauses::Rotate(absl::Time now) {
  if (now - rotated_ < kForgetAfter) return;
  old_ = std::exchange(young_, {});
  rotated_ = now;
}

}  // namespace arkshare
