// The watch over the calls of the program: Ctrl-C ends them, and the user is told of slow ones.
#ifndef ARKSHARE_CLIENTS_CLI_CALL_WATCH_H_
#define ARKSHARE_CLIENTS_CLI_CALL_WATCH_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <functional>
#include <string>
#include <utility>

#include "clients/cli/interrupts.h"

namespace arkshare {

inline constexpr absl::Duration kCallTimeout = absl::Seconds(10);

// The connections of one program share it. Not thread-safe, except for what Interrupts allows.
class CallWatch {
 public:
  explicit CallWatch(Interrupts* interrupts) : interrupts_(interrupts) {}

  Interrupts* interrupts() const { return interrupts_; }
  bool interrupted() const { return interrupts_->triggered(); }
  // The result of a call that an interrupt has ended.
  absl::Status Interrupted() const { return absl::CancelledError("interrupted"); }

  // Sets the function to call, from another thread, when a call waits longer than a second.
  // `server` is "the index at HOST:PORT" or "the peer at unix:PATH".
  void OnSlowCall(std::function<void(const std::string& server)> callback) {
    on_slow_call_ = std::move(callback);
  }
  // The callback for a SlowNote on a call to `server`; null without OnSlowCall.
  std::function<void()> SlowCallback(const std::string& server) const {
    if (!on_slow_call_) return nullptr;
    return [this, server] { on_slow_call_(server); };
  }

 private:
  Interrupts* const interrupts_;
  std::function<void(const std::string& server)> on_slow_call_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_CALL_WATCH_H_
