#include "services/peer/library/change_feed.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace arkshare {

void ChangeFeed::Push(Change change) { changes_.push_back(std::move(change)); }

void ChangeFeed::PushGoneAt(uint64_t number, absl::Time time) { delayed_[number] = time; }

void ChangeFeed::PushGoneNow(uint64_t number) {
  if (delayed_.erase(number) > 0) Push(number);
}

absl::Time ChangeFeed::PushDue(absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  for (auto it = delayed_.begin(); it != delayed_.end();) {
    if (it->second <= now) {
      Push(it->first);
      it = delayed_.erase(it);
    } else {
      next = std::min(next, it->second);
      ++it;
    }
  }
  return next;
}

void ChangeFeed::AddPartial(const BookListing& listing) {
  partials_.insert_or_assign(listing.number, listing);
  Push(listing);
}

void ChangeFeed::RemovePartial(uint64_t key) {
  const auto it = partials_.find(key);
  if (it == partials_.end()) return;
  Push(it->second.number);
  partials_.erase(it);
}

void ChangeFeed::RenumberPartial(uint64_t key, uint64_t number) {
  const auto it = partials_.find(key);
  if (it == partials_.end()) return;
  Push(it->second.number);
  it->second.number = number;
  Push(it->second);
}

void ChangeFeed::RemovePartialsOf(const ContentId& content) {
  for (auto it = partials_.begin(); it != partials_.end();) {
    if (it->second.content != content) {
      ++it;
      continue;
    }
    Push(it->second.number);
    it = partials_.erase(it);
  }
}

std::vector<ChangeFeed::Change> ChangeFeed::Take(size_t most) {
  const auto end = changes_.begin() + static_cast<ptrdiff_t>(std::min(most, changes_.size()));
  std::vector<Change> out(std::make_move_iterator(changes_.begin()), std::make_move_iterator(end));
  changes_.erase(changes_.begin(), end);
  return out;
}

void ChangeFeed::Clear() {
  changes_.clear();
  delayed_.clear();
}

}  // namespace arkshare
