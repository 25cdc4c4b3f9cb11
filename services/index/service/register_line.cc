#include "services/index/service/register_line.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr double kWeightOfLast = 0.05;
constexpr absl::Duration kShortest = absl::Microseconds(100);
constexpr absl::Duration kLongest = absl::Milliseconds(50);
// A peer that comes back and is refused again must not move the promised times ever further away.
constexpr absl::Duration kFurthestPromise = absl::Seconds(10);

}  // namespace

absl::Status RegisterLine::CheckRoom(const Place& place) {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Monotonic();
  if (!IsFullLocked(place, now)) return absl::OkStatus();
  return RefuseLocked(networks_.at(place.network), now);
}

bool RegisterLine::IsFullLocked(const Place& place, absl::Time now) {
  if (networks_.size() >= forget_at_) ForgetLocked(now);
  Network& network = networks_[place.network];
  if (network.waiting == 0) {
    network.last_wait = absl::ZeroDuration();
    network.last_begin = now;
  }
  const bool waits = !HasPlaceLocked(place.network);
  const absl::Duration wait = std::max(network.last_wait, now - network.last_begin);
  return (waits && wait >= kMostWait) ||
         line_.SizeOf({place.network, place.address}) >= kMostWaitingForAddress;
}

absl::Status RegisterLine::RunInTurn(const Place& place, Turn turn) {
  std::vector<Turn> turns;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    if (IsFullLocked(place, now)) return RefuseLocked(networks_.at(place.network), now);
    ++networks_.at(place.network).waiting;
    line_.Add({place.network, place.address}, {now, std::move(turn)});
    turns = BeginLocked(now);
  }
  for (const Turn& begun : turns) begun();
  return absl::OkStatus();
}

absl::Status RegisterLine::CheckNotCrowded(const std::string& network) {
  MutexLock lock(&mutex_);
  const auto here = networks_.find(network);
  if (here == networks_.end() || here->second.waiting == 0) return absl::OkStatus();
  return RefuseLocked(here->second, clock_->Monotonic());
}

absl::Status RegisterLine::RefuseLocked(Network& network, absl::Time now) {
  network.promised = std::max(network.promised, now + kMostWait) + interval_;
  network.promised = std::min(network.promised, now + kFurthestPromise);
  return MakeError(Reason::kLimitExceeded, "too many peers register at this moment; try again soon",
                   {}, network.promised - now);
}

void RegisterLine::EndTurn(const Place& place) {
  std::vector<Turn> turns;
  {
    MutexLock lock(&mutex_);
    const absl::Time now = clock_->Monotonic();
    if (!line_.empty()) {
      const absl::Duration interval = std::clamp(now - last_end_, kShortest, kLongest);
      interval_ = interval_ * (1 - kWeightOfLast) + interval * kWeightOfLast;
    }
    last_end_ = now;
    --at_work_;
    --networks_.at(place.network).at_work;
    const auto at_address = at_address_.find({place.network, place.address});
    if (--at_address->second == 0) at_address_.erase(at_address);
    turns = BeginLocked(now);
  }
  for (const Turn& begun : turns) begun();
}

bool RegisterLine::HasPlaceLocked(const std::string& network) const {
  return networks_.at(network).at_work < kMostAtWork - at_work_;
}

bool RegisterLine::IsFreeLocked(const Turns::Caller& caller) const {
  const auto at_address = at_address_.find({caller.address, caller.name});
  return at_address == at_address_.end() || at_address->second < kMostAtAddress;
}

std::vector<RegisterLine::Turn> RegisterLine::BeginLocked(absl::Time now) {
  std::vector<Turn> turns;
  const auto has_place = [this](const std::string& network)
                             ABSL_NO_THREAD_SAFETY_ANALYSIS { return HasPlaceLocked(network); };
  const auto is_free = [this](const Turns::Caller& caller)
                           ABSL_NO_THREAD_SAFETY_ANALYSIS { return IsFreeLocked(caller); };
  while (at_work_ < kMostAtWork) {
    std::optional<std::pair<Turns::Caller, Waiting>> next = line_.Next(has_place, is_free);
    if (!next.has_value()) break;
    Network& network = networks_.at(next->first.address);
    --network.waiting;
    ++network.at_work;
    network.last_wait = now - next->second.since;
    network.last_begin = now;
    ++at_work_;
    ++at_address_[{next->first.address, next->first.name}];
    turns.push_back(std::move(next->second.turn));
  }
  return turns;
}

void RegisterLine::ForgetLocked(absl::Time now) {
  absl::erase_if(networks_, [now](const auto& entry) {
    const Network& network = entry.second;
    return network.at_work == 0 && network.waiting == 0 && network.promised <= now;
  });
  forget_at_ = std::max<size_t>(1'000, 2 * networks_.size());
}

}  // namespace arkshare
