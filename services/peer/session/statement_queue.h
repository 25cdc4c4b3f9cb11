// The statements of a session with the index: which are sent, acknowledged, or to be repeated.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_STATEMENT_QUEUE_H_
#define ARKSHARE_SERVICES_PEER_SESSION_STATEMENT_QUEUE_H_

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <deque>

#include "arkshare/v1/index.pb.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Numbers the statements of a session 1, 2, 3 …, and keeps those that the index has not
// acknowledged. Takes no number from the index that the contract of Announce does not allow
// (kAnswerInvalid), after which the session must not go on. Pure: no lock, no clock, no I/O. Not
// thread-safe.
class StatementQueue {
 public:
  // Begins a session, or begins it again: number 1 is the first of these.
  void Restart(absl::Span<const Library::Change> statements);
  // Appends statements to the session.
  void Add(absl::Span<const Library::Change> statements);

  // A stream begins, and the index says which statement it applied last. Returns false when it has
  // forgotten some that it acknowledged before: the caller then restarts the session.
  absl::StatusOr<bool> BeginStream(uint64_t acknowledged);
  // A later message of the stream: one for each message of this peer, and those with news, which
  // may come at any time; at most 1,000 of these between two messages of this peer.
  absl::Status Acknowledge(uint64_t acknowledged, bool has_news = false);
  // Moves the next statements, at most `most`, into `request`, which is then sent. Returns how
  // many.
  size_t TakeNext(size_t most, v1::AnnounceRequest& request);
  // Whether TakeNext has moved all statements into a message of this stream.
  bool all_taken() const { return next_ == first_ + kept_.size(); }

 private:
  std::deque<v1::Statement> kept_;  // the first is number first_
  uint64_t first_ = 1;
  uint64_t next_ = 1;        // the number that TakeNext gives next
  uint64_t sent_ = 0;        // the largest number that any stream of the session was given
  uint64_t unanswered_ = 0;  // messages of this stream without an acknowledgement
  uint64_t news_ = 0;        // messages with news since the last message of this stream
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_STATEMENT_QUEUE_H_
