// One thread that serves many sockets.
#ifndef ARKSHARE_LIB_RELAY_EVENT_LOOP_H_
#define ARKSHARE_LIB_RELAY_EVENT_LOOP_H_

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/mutex.h"

namespace arkshare {

// Calls handlers when sockets are ready, and timers when they are due, all on one thread with
// epoll(7). Only Post, Run and Stop may be called from other threads; handlers must not wait.
class EventLoop {
 public:
  using Work = std::function<void()>;
  // Gets the events of epoll_wait. It may be called without a cause, so it reads and writes without
  // waiting.
  using Handler = std::function<void(uint32_t events)>;

  EventLoop();
  // Calls Stop.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs `work` on the thread, soon. Work that is posted after Stop is dropped.
  void Post(Work work);
  // Runs `work` on the thread, and returns when it has run; at once after Stop, without running it.
  // Must not be called on the thread.
  void Run(const Work& work);
  // Ends the thread. Work that is posted already still runs. Sockets stay open. Idempotent.
  void Stop();

  // Watches a socket for `events`: EPOLLIN, EPOLLOUT, or 0 for errors only. One handler a socket.
  void Watch(int fd, uint32_t events, Handler handler);
  void Change(int fd, uint32_t events);
  // Must be called before a watched socket is closed.
  void Forget(int fd);

  // Runs `work` once, after `delay`. Returns a number for Cancel, never 0.
  uint64_t After(absl::Duration delay, Work work);
  // Does nothing for a timer that has run.
  void Cancel(uint64_t timer);

 private:
  struct Watched {
    uint32_t generation = 0;
    std::shared_ptr<const Handler> handler;
  };

  void Loop();
  // Returns false once the thread is to end.
  bool RunPosted();
  // Returns how long epoll_wait may wait, in milliseconds.
  int RunTimers();

  const int epoll_fd_;
  const int wake_fd_;  // an eventfd
  // Only for the thread.
  absl::flat_hash_map<int, Watched> watched_;
  uint32_t next_generation_ = 1;
  absl::btree_map<std::pair<absl::Time, uint64_t>, Work> timers_;
  absl::flat_hash_map<uint64_t, absl::Time> due_;
  uint64_t next_timer_ = 1;
  Mutex mutex_;
  CondVar ran_;
  std::vector<Work> posted_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_EVENT_LOOP_H_
