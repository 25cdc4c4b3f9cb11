#include "lib/relay/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "lib/core/clock.h"

namespace arkshare {
namespace {

constexpr int kEventsAtOnce = 64;
// How long the thread waits when nothing is due.
constexpr absl::Duration kIdleLoop = absl::Minutes(1);

absl::Time LoopNow() { return Clock::Real()->Monotonic(); }

// A socket can be closed, and its number used again, while its events wait to be handled.
uint64_t EventData(int fd, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
}

}  // namespace

EventLoop::EventLoop()
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = EventData(wake_fd_, 0)}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
  thread_ = std::thread([this] { Loop(); });
}

EventLoop::~EventLoop() {
  Stop();
  close(epoll_fd_);
  close(wake_fd_);
}

void EventLoop::Post(Work work) {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    posted_.push_back(std::move(work));
  }
  (void)eventfd_write(wake_fd_, 1);
}

void EventLoop::Run(const Work& work) {
  bool done = false;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    posted_.push_back([&] {
      work();
      MutexLock work_lock(&mutex_);
      done = true;
      ran_.NotifyAll();
    });
  }
  (void)eventfd_write(wake_fd_, 1);
  MutexLock lock(&mutex_);
  while (!done) ran_.Wait(&mutex_);
}

void EventLoop::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  (void)eventfd_write(wake_fd_, 1);
  if (thread_.joinable()) thread_.join();
}

void EventLoop::Watch(int fd, uint32_t events, Handler handler) {
  const uint32_t generation = next_generation_++;
  watched_[fd] = {generation, std::make_shared<const Handler>(std::move(handler))};
  epoll_event event{.events = events, .data = {.u64 = EventData(fd, generation)}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
}

void EventLoop::Change(int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = EventData(fd, watched_.at(fd).generation)}};
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Forget(int fd) {
  if (watched_.erase(fd) != 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

uint64_t EventLoop::After(absl::Duration delay, Work work) {
  const uint64_t timer = next_timer_++;
  const absl::Time due = LoopNow() + delay;
  timers_[{due, timer}] = std::move(work);
  due_[timer] = due;
  return timer;
}

void EventLoop::Cancel(uint64_t timer) {
  const auto place = due_.find(timer);
  if (place == due_.end()) return;
  timers_.erase({place->second, timer});
  due_.erase(place);
}

void EventLoop::Loop() {
  std::array<epoll_event, kEventsAtOnce> events;
  while (RunPosted()) {
    const int ready = epoll_wait(epoll_fd_, events.data(), kEventsAtOnce, RunTimers());
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const auto fd = static_cast<int>(static_cast<uint32_t>(event.data.u64));
      if (fd == wake_fd_) {
        eventfd_t count = 0;
        (void)eventfd_read(wake_fd_, &count);
        continue;
      }
      const auto place = watched_.find(fd);
      if (place == watched_.end() || place->second.generation != event.data.u64 >> 32) continue;
      // The handler may forget its own socket.
      const std::shared_ptr<const Handler> handler = place->second.handler;
      (*handler)(event.events);
    }
  }
}

bool EventLoop::RunPosted() {
  while (true) {
    std::vector<Work> posted;
    {
      MutexLock lock(&mutex_);
      if (posted_.empty()) return !stopping_;
      posted.swap(posted_);
    }
    for (const Work& work : posted) work();
  }
}

int EventLoop::RunTimers() {
  const absl::Time now = LoopNow();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const Work work = std::move(timers_.begin()->second);
    due_.erase(timers_.begin()->first.second);
    timers_.erase(timers_.begin());
    work();
  }
  const absl::Duration left =
      timers_.empty() ? kIdleLoop : std::min(timers_.begin()->first.first - now, kIdleLoop);
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

}  // namespace arkshare
