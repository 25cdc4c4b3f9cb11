#include "services/peer/serve/served_proofs.h"

#include <algorithm>
#include <iterator>

namespace arkshare {
namespace {

// The streams of a swarm leave one gap each or so; a caller that asks for single bytes gets no
// proof.
constexpr size_t kMaxRanges = 4096;

}  // namespace

void ServedProofs::Note(uint64_t listing, const FileIdentity& identity, uint64_t offset,
                        uint64_t size) {
  if (!traits_.ctime_trusted || size == 0) return;
  const absl::Time now = clock_->Now();
  if (absl::FromUnixNanos(identity.ctime_ns) > now) return;
  if (traits_.UntilSettled(identity, now) > absl::ZeroDuration()) return;
  MutexLock lock(&mutex_);
  auto [it, added] = served_.try_emplace(listing, Served{identity});
  if (added) {
    order_.push_back(listing);
    while (order_.size() > max_listings_) {
      if (order_.front() != listing) served_.erase(order_.front());
      order_.pop_front();
    }
    it = served_.find(listing);
    if (it == served_.end()) return;
  }
  if (it->second.identity != identity) it->second = Served{identity};
  Add(it->second.ranges, offset, offset + size);
}

void ServedProofs::Add(std::map<uint64_t, uint64_t>& ranges, uint64_t begin, uint64_t end) {
  auto it = ranges.upper_bound(begin);
  if (it != ranges.begin() && std::prev(it)->second >= begin) --it;
  while (it != ranges.end() && it->first <= end) {
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    it = ranges.erase(it);
  }
  if (ranges.size() < kMaxRanges) ranges.emplace(begin, end);
}

bool ServedProofs::IsWhole(uint64_t listing, const FileIdentity& identity) const {
  if (identity.size == 0) return true;
  MutexLock lock(&mutex_);
  const auto it = served_.find(listing);
  if (it == served_.end() || it->second.identity != identity) return false;
  const auto& ranges = it->second.ranges;
  return ranges.size() == 1 && ranges.begin()->first == 0 &&
         ranges.begin()->second >= identity.size;
}

void ServedProofs::Forget(uint64_t listing) {
  MutexLock lock(&mutex_);
  served_.erase(listing);
}

}  // namespace arkshare
