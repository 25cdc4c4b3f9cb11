// Holds what the streams of a fetch have received until its writer takes it.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_ARRIVAL_QUEUE_H_
#define ARKSHARE_SERVICES_PEER_FETCH_ARRIVAL_QUEUE_H_

#include <absl/functional/function_ref.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "services/peer/fetch/fetch_job.h"
#include "services/peer/fetch/piece_plan.h"

namespace arkshare {

// A part of the book, or only a stream's place in a holder's queue.
struct Arrival {
  PiecePlan::StreamId stream = 0;
  PiecePlan::HolderId holder = 0;
  uint64_t offset = 0;  // of data, in the book
  std::string data{};   // empty: only the place has changed
  std::optional<QueuePlace> place{};
  std::optional<Sha256Digest> piece_hash{};  // when data is exactly one piece
};

// A bounded queue from many streams to one writer. A full queue makes the streams stop reading, and
// HTTP/2's flow control then holds the holders back. Thread-safe; calls no other class.
class ArrivalQueue {
 public:
  // Once it is open it holds `max_bytes`, exceeded by at most one arrival. Before that it holds one
  // arrival with data: until the manifest is known, any bytes could come. It never holds more than
  // kMaxArrivals: a holder could fill the memory with tiny ones.
  static constexpr size_t kMaxArrivals = 4096;
  explicit ArrivalQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // --- Streams ---
  // Reserves room for `bytes` from `holder`. Waits while the queue is full, and calls `on_wait`,
  // which must not block, each time before it waits, at least once a second. Returns false, with
  // nothing reserved, when the queue is closed or the holder was dropped.
  bool Reserve(PiecePlan::HolderId holder, size_t bytes, absl::FunctionRef<void()> on_wait);
  // Gives back the room of an arrival that will not come.
  void Release(size_t bytes);
  // Requires that room for its data is reserved.
  void Push(Arrival arrival);
  // A buffer to receive into: one that the writer is done with, or an empty one.
  std::string SpareBuffer();

  // --- The writer ---
  // Waits until the queue is open. False: it was closed.
  bool AwaitOpen();
  // Waits for the next arrival, which keeps its room until Done. nullopt: the queue is closed.
  std::optional<Arrival> Pop();
  // Gives back the room and the buffer of an arrival.
  void Done(Arrival arrival);

  // --- The fetch ---
  void Open();
  // Takes no more from this holder. What is in the queue stays.
  void DropHolder(PiecePlan::HolderId holder);
  // Ends all waits; nothing more comes out.
  void Close();
  // Bytes of data that are reserved, queued, or being written.
  size_t waiting_bytes() const;

 private:
  bool IsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBack(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  mutable Mutex mutex_;
  CondVar arrived_;  // the writer waits: for open_, arrivals_, closed_
  CondVar room_;     // streams wait: for waiting_bytes_, dropped_, closed_
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;  // arrivals with room
  std::deque<Arrival> arrivals_ ABSL_GUARDED_BY(mutex_);
  std::set<PiecePlan::HolderId> dropped_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> spare_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_ARRIVAL_QUEUE_H_
