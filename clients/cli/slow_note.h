// A note to the user while a call takes long.
#ifndef ARKSHARE_CLIENTS_CLI_SLOW_NOTE_H_
#define ARKSHARE_CLIENTS_CLI_SLOW_NOTE_H_

#include <absl/time/time.h>

#include <functional>
#include <thread>

#include "lib/core/mutex.h"

namespace arkshare {

// Calls `say` once, on a thread of its own, when the object lives longer than `patience`. The call
// ends before the object does. Does nothing when `say` is null.
class SlowNote {
 public:
  explicit SlowNote(std::function<void()> say, absl::Duration patience = absl::Seconds(1));
  ~SlowNote();
  SlowNote(const SlowNote&) = delete;
  SlowNote& operator=(const SlowNote&) = delete;

 private:
  void Run(absl::Duration patience);

  const std::function<void()> say_;
  Mutex mutex_;
  CondVar ended_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_SLOW_NOTE_H_
