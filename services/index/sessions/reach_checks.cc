#include "services/index/sessions/reach_checks.h"

#include <absl/hash/hash.h>

namespace arkshare {
namespace {

// As many failures in a row hide a peer.
constexpr int kFailuresThatHide = 2;

// Returns a time within the last half of `every`, a different one for each peer.
absl::Duration Spread(const PublicKey& key, absl::Duration every) {
  constexpr int kSteps = 1'000;
  const auto step = static_cast<int>(absl::HashOf(key) % kSteps);
  return every / 2 + every / 2 * step / kSteps;
}

}  // namespace

void ReachChecks::SetDue(const PublicKey& key, Peer& peer, absl::Time due) {
  due_.erase({peer.due, key});
  peer.due = due;
  if (due != absl::InfiniteFuture()) due_.insert({due, key});
}

void ReachChecks::Add(const PublicKey& key, absl::Time now) {
  Peer& peer = peers_[key];
  peer.checked = now;
  peer.failures = 0;
  SetDue(key, peer, now + Spread(key, kEvery));
}

void ReachChecks::Remove(const PublicKey& key) {
  const auto place = peers_.find(key);
  if (place == peers_.end()) return;
  due_.erase({place->second.due, key});
  peers_.erase(place);
}

void ReachChecks::Report(const PublicKey& key, absl::Time now) {
  const auto place = peers_.find(key);
  if (place == peers_.end()) return;
  Peer& peer = place->second;
  if (peer.due <= now || peer.due == absl::InfiniteFuture()) return;
  if (now - peer.checked >= kReportPause) SetDue(key, peer, now);
}

std::optional<PublicKey> ReachChecks::Begin(absl::Time now) {
  if (now < next_ || due_.empty() || due_.begin()->first > now) return std::nullopt;
  next_ = now + absl::Seconds(1) / kMostASecond;
  const PublicKey key = due_.begin()->second;
  SetDue(key, peers_.at(key), absl::InfiniteFuture());
  return key;
}

std::optional<bool> ReachChecks::Done(const PublicKey& key, bool answered, absl::Time now) {
  const auto place = peers_.find(key);
  if (place == peers_.end()) return std::nullopt;
  Peer& peer = place->second;
  peer.checked = now;
  const bool was_hidden = peer.failures >= kFailuresThatHide;
  if (answered) {
    peer.failures = 0;
    SetDue(key, peer, now + Spread(key, kEvery));
  } else {
    ++peer.failures;
    SetDue(key, peer, now + (peer.failures < kFailuresThatHide ? kSecondTry : kEveryUnanswered));
  }
  const bool hidden = peer.failures >= kFailuresThatHide;
  if (hidden == was_hidden) return std::nullopt;
  return !hidden;
}

}  // namespace arkshare
