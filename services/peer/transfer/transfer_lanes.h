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
// a lane and takes everything that waits in it. While it writes, syncs or calls, other transfers
// gather for the next round. So no transfer waits when its lane is free, and the more there are,
// the more share one sync, one transaction, one signature. Not thread-safe; no I/O.
template <typename T>
class TransferLanes {
 public:
  // In the order of a transfer's life. Later steps are taken first, so that transfers end. kPrepare
  // and kOwn need only this peer's disk; kRelease calls the source, kReport the index and the
  // source.
  enum class Step { kPrepare, kRelease, kOwn, kReport };
  struct Lane {
    Step step = Step::kPrepare;
    // The source of the books where the step calls it; unset for the others.
    PublicKey source{};

    // Whether the step waits for other programs.
    bool calls() const { return step == Step::kRelease || step == Step::kReport; }
    auto operator<=>(const Lane&) const = default;
  };
  struct Round {
    Lane lane;
    std::vector<T> items;
  };

  // At most `max_calls` lanes that call other programs are worked on at a time, so that programs
  // that do not answer leave threads for the rest.
  explicit TransferLanes(int max_calls) : max_calls_(max_calls) {}

  void Add(const Lane& lane, T item) { lanes_[lane].waiting.push_back(std::move(item)); }

  // Returns the first `max` items of a lane that no thread works on. The caller works on it until
  // Done.
  std::optional<Round> Take(size_t max) {
    const auto found = Ready();
    if (found == lanes_.rend()) return std::nullopt;
    auto& [lane, state] = *found;
    state.taken = true;
    calls_ += lane.calls() ? 1 : 0;
    const auto n = static_cast<std::ptrdiff_t>(std::min(max, state.waiting.size()));
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

  // Whether Take returns something.
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
             (!entry.first.calls() || calls_ < max_calls_);
    });
  }

  const int max_calls_;
  int calls_ = 0;
  Lanes lanes_;  // with items, or taken
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_LANES_H_
