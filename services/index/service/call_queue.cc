#include "services/index/service/call_queue.h"

#include <absl/time/time.h>

#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr absl::Duration kComeBack = absl::Seconds(1);
// A call takes this much by itself, also one without a message.
constexpr size_t kBytesOfCall = 1'024;

}  // namespace

absl::Status CallQueue::Add(const Caller& caller, size_t bytes, TurnQueue::Steps work) {
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
  turns_.AddSteps(caller,
                  [this, address = caller.address, bytes, work = std::move(work)]() mutable {
                    if (work()) return true;
                    work = nullptr;  // its memory is free before others may use it
                    End(address, bytes);
                    return false;
                  });
  return absl::OkStatus();
}

void CallQueue::End(const std::string& address, size_t bytes) {
  MutexLock lock(&mutex_);
  bytes_ -= bytes;
  const auto of_address = bytes_of_address_.find(address);
  of_address->second -= bytes;
  if (of_address->second == 0) bytes_of_address_.erase(of_address);
}

}  // namespace arkshare
