// Asks the index for a better way to this peer while its session goes on.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_RECHECK_H_
#define ARKSHARE_SERVICES_PEER_SESSION_RECHECK_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "arkshare/v1/index.pb.h"

namespace arkshare {

// One registration at a time, on a thread of its own: a dial-back that fails takes seconds, and
// meanwhile the books are to stay listed. All methods belong to one thread.
class Recheck {
 public:
  using Answer = absl::StatusOr<v1::RegisterResponse>;

  Recheck() = default;
  ~Recheck() { Take(); }
  Recheck(const Recheck&) = delete;
  Recheck& operator=(const Recheck&) = delete;

  // Begins to run `call`, and then `wake`, on the thread of the registration. Requires that the
  // answer of an earlier one was taken.
  void Begin(std::function<Answer()> call, std::function<void()> wake) {
    ended_ = false;
    thread_ = std::thread([this, call = std::move(call), wake = std::move(wake)] {
      answer_ = call();
      ended_ = true;
      wake();
    });
  }
  // Whether one was begun, and its answer is not taken.
  bool begun() const { return thread_.joinable(); }
  // Its answer; null until that is there, and when none was begun.
  const Answer* answer() const { return begun() && ended_ ? &answer_ : nullptr; }
  // Waits for the answer, and takes it; nothing when none was begun.
  std::optional<Answer> Take() {
    if (!begun()) return std::nullopt;
    thread_.join();
    return std::move(answer_);
  }

 private:
  std::thread thread_;
  std::atomic<bool> ended_ = false;
  Answer answer_ = absl::UnknownError("not asked");
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_RECHECK_H_
