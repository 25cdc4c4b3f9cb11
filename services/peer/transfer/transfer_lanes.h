// Which transfers take their next step together.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_LANES_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_LANES_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/key.h"

namespace arkshare {

// A lane is one step, of all transfers or of those from one source. One thread at a time works on
// a lane and takes everything that waits in it: while it writes and syncs or calls, what comes
// gathers for the next round. So nothing ever waits for company, and the more there is, the more
// share one sync, one transaction, one signature. Not thread-safe; no I/O.
template <typename T>
class TransferLanes {
 public:
  // In the order of a transfer's life; what is further on is taken first, so that books end.
  enum class Step { kPrepare, kTakeOver, kOwn, kTell };
  struct Lane {
    Step step = Step::kPrepare;
    // Whose books they are, where another program is called; else the same for all.
    PublicKey source{};

    // Own disk only: never waits for another program.
    bool calls() const { return step == Step::kTakeOver || step == Step::kTell; }
    auto operator<=>(const Lane&) const = default;
  };
  struct Round {
    Lane lane;
    std::vector<T> items;
  };

  // `most_calls`: how many lanes that call other programs may be worked on at a time, so that
  // programs that do not answer leave somebody for the rest.
  explicit TransferLanes(int most_calls) : most_calls_(most_calls) {}

  void Add(const Lane& lane, T item) { lanes_[lane].waiting.push_back(std::move(item)); }

  // At most `most` of what waits longest in a lane that nobody works on; its lane is worked on
  // until Done.
  std::optional<Round> Take(size_t most) {
    const auto found = Ready();
    if (found == lanes_.rend()) return std::nullopt;
    auto& [lane, state] = *found;
    state.taken = true;
    calls_ += lane.calls() ? 1 : 0;
    const auto n = static_cast<std::ptrdiff_t>(std::min(most, state.waiting.size()));
    Round round{lane,
                {std::make_move_iterator(state.waiting.begin()),
                 std::make_move_iterator(state.waiting.begin() + n)}};
    state.waiting.erase(state.waiting.begin(), state.waiting.begin() + n);
    return round;
  }

  void Done(const Lane& lane) {
    const auto found = lanes_.find(lane);
    calls_ -= lane.calls() ? 1 : 0;
    found->second.taken = false;
    if (found->second.waiting.empty()) lanes_.erase(found);
  }

  // Take would yield something.
  bool ready() { return Ready() != lanes_.rend(); }

  size_t waiting(const Lane& lane) const {
    const auto found = lanes_.find(lane);
    return found == lanes_.end() ? 0 : found->second.waiting.size();
  }

 private:
  struct State {
    std::deque<T> waiting;
    bool taken = false;
  };
  using Lanes = std::map<Lane, State>;

  typename Lanes::reverse_iterator Ready() {
    return std::find_if(lanes_.rbegin(), lanes_.rend(), [this](const auto& entry) {
      return !entry.second.taken && !entry.second.waiting.empty() &&
             (!entry.first.calls() || calls_ < most_calls_);
    });
  }

  const int most_calls_;
  int calls_ = 0;
  Lanes lanes_;  // those with something in them, or taken
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_LANES_H_
