// The Watch streams at the index by which this peer learns of books that its owner wishes for.
#ifndef ARKSHARE_SERVICES_PEER_WISHES_WISH_STREAMS_H_
#define ARKSHARE_SERVICES_PEER_WISHES_WISH_STREAMS_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "arkshare/v1/index.pb.h"
#include "lib/core/mutex.h"
#include "services/peer/session/index_client.h"

namespace arkshare {

// A stream for each wish, without a thread. The next message of a stream is read when the one
// before was taken, so each holds one message at most. Thread-safe, but one thread calls Next.
class WishStreams {
 public:
  // `index` must outlive it.
  explicit WishStreams(const IndexClient* index) : index_(index) {}
  // Ends all streams and waits for their ends.
  ~WishStreams();
  WishStreams(const WishStreams&) = delete;
  WishStreams& operator=(const WishStreams&) = delete;

  // Begins a stream for a wish, in place of an earlier one, at the index in use now.
  void Begin(uint64_t wish, const v1::WatchRequest& request);
  // Ends the stream of a wish, if there is one: Next returns nothing of it any more.
  void End(uint64_t wish);
  void EndAll();

  struct News {
    uint64_t wish = 0;
    // A message that keeps to the contract; nullopt: the stream has ended.
    std::optional<v1::WatchResponse> message{};
    absl::Status end{};  // why
  };
  // Waits for the next message or end, for at most `wait` of real time, or until Wake.
  std::optional<News> Next(absl::Duration wait);
  void Wake();

 private:
  class Stream;
  using StreamPtr = std::shared_ptr<Stream>;
  struct Event {
    Stream* stream;
    std::optional<absl::Status> end;  // nullopt: the stream has a message
  };

  void Push(Event event);
  // Returns the stream of a wish, which is to be cancelled without the lock, because gRPC may call
  // back at once; nullptr when there is none.
  StreamPtr DetachLocked(uint64_t wish) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the news in an event; nullopt when its stream was ended here.
  std::optional<News> Take(const Event& event);

  const IndexClient* const index_;
  Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Event> events_ ABSL_GUARDED_BY(mutex_);
  // All streams that have not ended, also those that End has cancelled.
  std::map<Stream*, StreamPtr> streams_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, StreamPtr> of_wish_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WISHES_WISH_STREAMS_H_
