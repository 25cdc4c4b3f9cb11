#include "services/peer/holders.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <list>

#include "lib/core/clock.h"
#include "lib/core/ticket.h"
#include "lib/rpc/channel.h"

namespace arkshare {
namespace {

// Idle channels cost little, but peers come and go for ever.
constexpr size_t kMostChannels = 256;

}  // namespace

std::shared_ptr<v1::FileService::Stub> Holders::Stub(const std::string& address) {
  MutexLock lock(&mutex_);
  std::shared_ptr<v1::FileService::Stub>& stub = stubs_[address];
  if (stub == nullptr) {
    stub = v1::FileService::NewStub(MakeChannel(address, credentials_));
    if (stubs_.size() > kMostChannels) {
      const auto other =
          stubs_.begin()->first == address ? std::next(stubs_.begin()) : stubs_.begin();
      std::shared_ptr<v1::FileService::Stub> kept = stub;
      stubs_.erase(other);
      return kept;
    }
  }
  return stub;
}

std::vector<BookHolder> Holders::Reachable(std::vector<BookHolder> holders,
                                           absl::Duration timeout) {
  KeepCallbackQueue();
  struct Call {
    BookHolder* holder;
    std::shared_ptr<v1::FileService::Stub> stub;
    grpc::ClientContext context;
    v1::PingRequest request;
    v1::PingResponse response;
    absl::Time begin;
    bool proven = false;
  };
  Mutex mutex;
  CondVar done;
  size_t left = holders.size();
  std::list<Call> calls;
  for (BookHolder& holder : holders) {
    Call& call = calls.emplace_back();
    call.holder = &holder;
    call.stub = Stub(holder.address);
    call.request.set_nonce(RandomBytes(16));
    SetTimeout(call.context, timeout);
    call.begin = Clock::Real()->Monotonic();
    call.stub->async()->Ping(&call.context, &call.request, &call.response,
                             [&call, &mutex, &done, &left](const grpc::Status& status) {
                               const absl::Duration took = Clock::Real()->Monotonic() - call.begin;
                               const v1::PingResponse& pong = call.response;
                               const bool proven =
                                   status.ok() && pong.nonce() == call.request.nonce() &&
                                   call.holder->key.Verify(
                                       PingSignedBytes(pong.nonce(), pong.boot_id(), ""),
                                       pong.signature());
                               MutexLock lock(&mutex);
                               call.proven = proven;
                               call.holder->round_trip = took;
                               --left;
                               done.NotifyAll();
                             });
  }
  {
    MutexLock lock(&mutex);
    while (left > 0) done.Wait(&mutex);
  }
  std::vector<BookHolder> reachable;
  for (Call& call : calls) {
    if (call.proven) {
      reachable.push_back(*call.holder);
    } else {
      spdlog::info("holder_unreachable peer={} address={}", call.holder->peer_id,
                   call.holder->address);
    }
  }
  std::sort(reachable.begin(), reachable.end(),
            [](const BookHolder& a, const BookHolder& b) { return a.round_trip < b.round_trip; });
  return reachable;
}

}  // namespace arkshare
