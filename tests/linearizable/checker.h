// Checks whether a sequential object could have given a concurrent history.
//
// The algorithm of Wing and Gong (1993) with Lowe's cache of configurations (2017): it looks for an
// order of the operations that agrees with real time (what ended before another began comes first)
// and in which every answer is the one that the model gives.
#ifndef ARKSHARE_TESTS_LINEARIZABLE_CHECKER_H_
#define ARKSHARE_TESTS_LINEARIZABLE_CHECKER_H_

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace arkshare {

// An operation between its call and its answer. Times are all different; only their order matters.
template <typename Operation>
struct Timed {
  uint64_t begin = 0;
  uint64_t end = 0;
  Operation operation;
};

struct Verdict {
  bool linearizable = false;
  // Places in the history: the longest order that was found, and, if the history is not
  // linearizable, the operation that had to come next but could not.
  std::vector<size_t> order;
  size_t culprit = 0;
};

// The calls and answers of a history in order of time. Operations can be taken out, and put back in
// reverse order.
class EventList {
 public:
  // An event of operation `i` is 2i + 1 for its call, 2i + 2 for its answer; 0 is the end.
  template <typename Operation>
  explicit EventList(const std::vector<Timed<Operation>>& history)
      : next_(2 * history.size() + 1), previous_(2 * history.size() + 1) {
    std::vector<std::pair<uint64_t, size_t>> events;
    for (size_t i = 0; i < history.size(); ++i) {
      events.emplace_back(history[i].begin, 2 * i + 1);
      events.emplace_back(history[i].end, 2 * i + 2);
    }
    std::sort(events.begin(), events.end());
    size_t last = 0;
    for (const auto& [time, event] : events) {
      Link(last, event);
      last = event;
    }
    Link(last, 0);
  }

  size_t first() const { return next_[0]; }
  size_t after(size_t event) const { return next_[event]; }
  static bool IsCall(size_t event) { return event % 2 == 1; }
  static size_t OperationOf(size_t event) { return (event - 1) / 2; }

  void Take(size_t operation) {
    for (const size_t event : {2 * operation + 1, 2 * operation + 2}) {
      next_[previous_[event]] = next_[event];
      previous_[next_[event]] = previous_[event];
    }
  }
  void PutBack(size_t operation) {
    for (const size_t event : {2 * operation + 2, 2 * operation + 1}) {
      next_[previous_[event]] = event;
      previous_[next_[event]] = event;
    }
  }

 private:
  void Link(size_t a, size_t b) {
    next_[a] = b;
    previous_[b] = a;
  }

  std::vector<size_t> next_;
  std::vector<size_t> previous_;
};

// `step(state, operation)` is the state after the operation, or nothing when its answer is not the
// one that this state gives. States can be compared and hashed (AbslHashValue).
template <typename State, typename Operation, typename Step>
Verdict CheckLinearizable(const State& initial, const std::vector<Timed<Operation>>& history,
                          const Step& step) {
  EventList events(history);
  std::vector<bool> done(history.size());
  absl::flat_hash_set<std::pair<std::vector<bool>, State>> seen;
  std::vector<std::pair<size_t, State>> past;  // an operation, and the state before it
  State state = initial;
  Verdict verdict;
  for (size_t event = events.first(); event != 0;) {
    const size_t operation = EventList::OperationOf(event);
    if (EventList::IsCall(event)) {
      std::optional<State> next = step(state, history[operation].operation);
      if (next.has_value()) {
        done[operation] = true;
        if (seen.emplace(done, *next).second) {
          past.emplace_back(operation, std::exchange(state, *std::move(next)));
          events.Take(operation);
          event = events.first();
          continue;
        }
        done[operation] = false;
      }
      event = events.after(event);
      continue;
    }
    // This operation has ended, so nothing that comes later may be tried before it.
    if (past.size() >= verdict.order.size()) {
      verdict.order.clear();
      for (const auto& [earlier, before] : past) verdict.order.push_back(earlier);
      verdict.culprit = operation;
    }
    if (past.empty()) return verdict;
    const size_t undone = past.back().first;
    state = std::move(past.back().second);
    past.pop_back();
    done[undone] = false;
    events.PutBack(undone);
    event = events.after(2 * undone + 1);
  }
  verdict.linearizable = true;
  verdict.order.clear();
  for (const auto& [operation, before] : past) verdict.order.push_back(operation);
  return verdict;
}

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_CHECKER_H_
