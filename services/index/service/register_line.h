// The line of registrations: after a restart of the index all peers register at once.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/service/fair_turns.h"

namespace arkshare {

// Runs few dial-backs at a time, so that each is quick, and lets a short line of registrations
// wait. Places are shared between the networks that registrations come from, and in a network
// between the addresses that are to be dialled:
//
// - A network never has more dial-backs at work than places are free, so a single one can use half
//   of them, and there is always a place for a network that has none.
// - At one address few are at work and few wait, because a peer makes one registration at a time. A
//   port that accepts and says nothing holds up no other.
// - Those that wait take turns.
//
// No peer waits until it gives up: when a network's registrations wait for a second, the line
// refuses new ones of this network. It tells them to come back one after the other, as fast as
// turns end. Thread-safe.
class RegisterLine {
 public:
  static constexpr size_t kMostAtWork = 128;
  static constexpr size_t kMostAtAddress = 2;
  static constexpr size_t kMostWaitingForAddress = 4;
  static constexpr absl::Duration kMostWait = absl::Seconds(1);
  // Begins a turn, which EndTurn must end.
  using Turn = std::function<void()>;
  // A registration: the network that it comes from, and the address that is to be dialled.
  struct Place {
    std::string network;
    std::string address;
  };

  explicit RegisterLine(const Clock* clock) : clock_(clock) {}

  // LIMIT_EXCEEDED, as from RunInTurn, when that would refuse a registration now; otherwise OK. A
  // caller asks so before it does what is needed for a turn.
  absl::Status CheckRoom(const Place& place);
  // Calls `turn` now or, from another thread, later. LIMIT_EXCEEDED, with a time to come back.
  absl::Status RunInTurn(const Place& place, Turn turn);
  void EndTurn(const Place& place);
  // LIMIT_EXCEEDED, as from RunInTurn, while registrations of this network wait; otherwise OK.
  absl::Status CheckNotCrowded(const std::string& network);

 private:
  struct Waiting {
    absl::Time since;
    Turn turn;
  };
  using Turns = FairTurns<Waiting>;
  struct Network {
    size_t at_work = 0;
    size_t waiting = 0;
    // The wait of the registration that began last; since then, or since the line began, none has.
    absl::Duration last_wait;
    absl::Time last_begin;
    // The time to come back that the last refusal gave.
    absl::Time promised = absl::InfinitePast();
  };

  bool HasPlaceLocked(const std::string& network) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsFreeLocked(const Turns::Caller& caller) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a registration has to be refused. Adds the network.
  bool IsFullLocked(const Place& place, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RefuseLocked(Network& network, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the turns that can begin now.
  std::vector<Turn> BeginLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  Mutex mutex_;
  size_t at_work_ ABSL_GUARDED_BY(mutex_) = 0;
  Turns line_ ABSL_GUARDED_BY(mutex_);
  // Those with registrations here, and some that had some.
  absl::flat_hash_map<std::string, Network> networks_ ABSL_GUARDED_BY(mutex_);
  // How many are at work, by network and address: no other network can make an address wait.
  absl::flat_hash_map<std::pair<std::string, std::string>, size_t> at_address_
      ABSL_GUARDED_BY(mutex_);
  size_t forget_at_ ABSL_GUARDED_BY(mutex_) = 1'000;  // networks
  // The average time from the end of a turn to the next end while registrations wait.
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_) = absl::Milliseconds(2);
  absl::Time last_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_
