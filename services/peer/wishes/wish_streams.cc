#include "services/peer/wishes/wish_streams.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/status.h"

namespace arkshare {

// A hold keeps the call from ending while its message waits to be taken. So each message must be
// followed by ReadNext, also after Cancel.
class WishStreams::Stream : public grpc::ClientReadReactor<v1::WatchResponse> {
 public:
  Stream(WishStreams* owner, uint64_t wish, std::shared_ptr<v1::IndexService::Stub> stub,
         v1::WatchRequest request)
      : owner_(owner), wish_(wish), stub_(std::move(stub)), request_(std::move(request)) {}

  void Start() {
    stub_->async()->Watch(&context_, &request_, this);
    AddHold();
    StartRead(&message_);
    StartCall();
  }
  void ReadNext() { StartRead(&message_); }
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      owner_->Push({this, std::nullopt});
    } else {
      RemoveHold();
    }
  }
  void OnDone(const grpc::Status& status) override {
    // The owner may delete this at once.
    owner_->Push({this, FromGrpcStatus(status, "the index", Reason::kIndexUnreachable)});
  }

  uint64_t wish() const { return wish_; }
  v1::WatchResponse TakeMessage() { return std::exchange(message_, {}); }

 private:
  WishStreams* const owner_;
  const uint64_t wish_;
  const std::shared_ptr<v1::IndexService::Stub> stub_;
  const v1::WatchRequest request_;
  grpc::ClientContext context_;
  v1::WatchResponse message_;
};

WishStreams::~WishStreams() {
  EndAll();
  const auto any_left = [this] {
    MutexLock lock(&mutex_);
    return !streams_.empty();
  };
  while (any_left()) Next(absl::Hours(1));
}

void WishStreams::Begin(uint64_t wish, const v1::WatchRequest& request) {
  const auto stream = std::make_shared<Stream>(this, wish, index_->stub(), request);
  StreamPtr replaced;
  {
    MutexLock lock(&mutex_);
    replaced = DetachLocked(wish);
    of_wish_[wish] = stream;
    streams_[stream.get()] = stream;
  }
  if (replaced != nullptr) replaced->Cancel();
  stream->Start();
}

WishStreams::StreamPtr WishStreams::DetachLocked(uint64_t wish) {
  const auto place = of_wish_.find(wish);
  if (place == of_wish_.end()) return nullptr;
  return std::move(of_wish_.extract(place).mapped());
}

void WishStreams::End(uint64_t wish) {
  StreamPtr ended;
  {
    MutexLock lock(&mutex_);
    ended = DetachLocked(wish);
  }
  if (ended != nullptr) ended->Cancel();
}

void WishStreams::EndAll() {
  std::map<uint64_t, StreamPtr> ended;
  {
    MutexLock lock(&mutex_);
    ended.swap(of_wish_);
  }
  for (const auto& [wish, stream] : ended) stream->Cancel();
}

void WishStreams::Push(Event event) {
  MutexLock lock(&mutex_);
  events_.push_back(std::move(event));
  changed_.NotifyAll();
}

void WishStreams::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
  changed_.NotifyAll();
}

std::optional<WishStreams::News> WishStreams::Next(absl::Duration wait) {
  std::optional<Event> event;
  {
    MutexLock lock(&mutex_);
    // A wake-up without news only makes the caller look once more.
    if (events_.empty() && !woken_) changed_.WaitFor(&mutex_, wait);
    woken_ = false;
    if (events_.empty()) return std::nullopt;
    event = std::move(events_.front());
    events_.pop_front();
  }
  return Take(*event);
}

std::optional<WishStreams::News> WishStreams::Take(const Event& event) {
  Stream* const stream = event.stream;
  const uint64_t wish = stream->wish();
  StreamPtr ended;
  bool current = false;
  {
    MutexLock lock(&mutex_);
    const auto place = of_wish_.find(wish);
    current = place != of_wish_.end() && place->second.get() == stream;
    if (event.end) {
      ended = std::move(streams_.extract(stream).mapped());
      if (current) of_wish_.erase(place);
    }
  }
  if (event.end) {
    if (!current) return std::nullopt;
    return News{.wish = wish, .end = *event.end};
  }
  News news{.wish = wish, .message = stream->TakeMessage()};
  stream->ReadNext();
  if (!current) return std::nullopt;
  if (absl::Status answer = CheckAnswer(*news.message); !answer.ok()) {
    End(wish);
    return News{.wish = wish, .end = std::move(answer)};
  }
  return news;
}

}  // namespace arkshare
