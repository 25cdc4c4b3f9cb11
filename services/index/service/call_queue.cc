#include "services/index/service/call_queue.h"

#include <absl/time/time.h>

#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "services/index/service/work_queue.h"

namespace arkshare {
namespace {

constexpr absl::Duration kComeBack = absl::Seconds(1);
// A call takes this much by itself, also one without a message.
constexpr size_t kBytesOfCall = 1'024;

}  // namespace

CallQueue::CallQueue() : thread_([this] { Run(); }) {}

CallQueue::~CallQueue() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

absl::Status CallQueue::Add(const Caller& caller, size_t bytes, Work work) {
  bytes += kBytesOfCall;
  MutexLock lock(&mutex_);
  size_t& of_address = bytes_of_address_[caller.address];
  // A single address can use a half, two of them a third each: there is always room for one more.
  if (turns_.SizeOf(caller) >= kMostOfCaller || of_address + bytes > kMostBytes - bytes_) {
    if (of_address == 0) bytes_of_address_.erase(caller.address);
    return MakeError(Reason::kQueueFull,
                     "the index has not finished your earlier calls; send this one again later", {},
                     kComeBack);
  }
  of_address += bytes;
  bytes_ += bytes;
  turns_.Add(caller, {bytes, std::move(work)});
  changed_.NotifyOne();
  return absl::OkStatus();
}

void CallQueue::EndLocked(const std::string& address, size_t bytes) {
  bytes_ -= bytes;
  const auto of_address = bytes_of_address_.find(address);
  of_address->second -= bytes;
  if (of_address->second == 0) bytes_of_address_.erase(of_address);
}

void CallQueue::Run() {
  LowerThreadPriority();
  while (true) {
    std::optional<std::pair<Caller, Piece>> next;
    {
      MutexLock lock(&mutex_);
      while (turns_.empty() && !stopping_) changed_.Wait(&mutex_);
      next = turns_.Next();
      if (!next.has_value()) return;
    }
    auto& [caller, piece] = *next;
    const bool more = piece.work();
    // The lock is not held while the memory of the work is freed.
    if (!more) piece.work = nullptr;
    MutexLock lock(&mutex_);
    if (more) {
      turns_.AddFirst(caller, std::move(piece));
    } else {
      EndLocked(caller.address, piece.bytes);
    }
  }
}

}  // namespace arkshare
