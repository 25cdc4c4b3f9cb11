// When the index looks whether a peer that it could reach still answers.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_REACH_CHECKS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_REACH_CHECKS_H_

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/key.h"

namespace arkshare {

// Checks each peer about every ten minutes, and sooner when another peer reports that it does not
// answer. One failure may be a lost packet, so a second one soon after it decides. A peer that does
// not answer is checked about every minute. Checks are spread: at most kMostASecond begin in a
// second, and with very many peers each one comes later. A pure decision: no lock, and time is an
// input that must not go back. Not thread-safe.
class ReachChecks {
 public:
  static constexpr absl::Duration kEvery = absl::Minutes(10);
  static constexpr absl::Duration kSecondTry = absl::Seconds(10);
  static constexpr absl::Duration kEveryUnanswered = absl::Minutes(1);
  // A report of another peer counts when the last check ended at least this long ago, so that
  // reports cannot be used against the peer or the index.
  static constexpr absl::Duration kReportPause = absl::Minutes(1);
  static constexpr int kMostASecond = 20;

  // The index has reached the peer.
  void Add(const PublicKey& peer, absl::Time now);
  void Remove(const PublicKey& peer);
  // Another peer reports that this one does not answer. Ignores a peer that is not here.
  void Report(const PublicKey& peer, absl::Time now);

  // Returns the peer whose check begins now, which Done must end; nullopt when none is due.
  std::optional<PublicKey> Begin(absl::Time now);
  // The check that was begun has ended. Returns whether the peer is to be shown (true) or hidden
  // (false), if that has changed.
  std::optional<bool> Done(const PublicKey& peer, bool answered, absl::Time now);

 private:
  struct Peer {
    absl::Time due = absl::InfiniteFuture();  // while a check runs: never
    absl::Time checked = absl::InfinitePast();
    int failures = 0;  // in a row
  };

  void SetDue(const PublicKey& key, Peer& peer, absl::Time due);

  absl::flat_hash_map<PublicKey, Peer> peers_;
  absl::btree_set<std::pair<absl::Time, PublicKey>> due_;
  absl::Time next_ = absl::InfinitePast();  // when the next check may begin
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_REACH_CHECKS_H_
