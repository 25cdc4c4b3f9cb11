// The changes of the catalog, on their way to watchers.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_EVENTS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_EVENTS_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/records.h"
#include "services/index/search/query.h"

namespace arkshare {

// A watcher that falls further behind is cut off (WATCH_LAGGED).
inline constexpr size_t kMostEventsBehind = 10'000;
// Events that wait to be handed to watchers' queues. When there are more, all watchers are cut off:
// the memory is bounded, and the catalog does not wait for watchers.
inline constexpr size_t kMostEventsInLine = 100'000;

struct BookEvent {
  uint32_t peer_id = 0;
  BookListing listing;
};

struct CatalogEvent {
  enum class Kind {
    kBookListed,        // book
    kBookGone,          // book
    kBookMoved,         // old_book, book
    kPeerListed,        // peer
    kPeerGone,          // peer_id
    kSnapshotComplete,  // only from Watch
  };
  Kind kind = Kind::kSnapshotComplete;
  uint64_t revision = 0;  // of the catalog after this event
  // When it happened, by Clock::Monotonic; nothing for an event of a snapshot.
  std::optional<absl::Time> since;
  std::optional<BookEvent> book;
  std::optional<BookEvent> old_book;
  std::optional<PeerSummary> peer;
  uint32_t peer_id = 0;
  // Its bytes on the wire, encoded once for all watchers: [1] for those on loopback. Null for an
  // event of a snapshot, which has one reader.
  struct Wire {
    std::once_flag made;
    std::string bytes;
  };
  std::unique_ptr<std::array<Wire, 2>> wire;
};

using EventPtr = std::shared_ptr<const CatalogEvent>;

// The parts of a watch that its reader wants.
struct WatchParts {
  bool books = true;
  bool peers = true;
  bool snapshot = true;  // otherwise only changes
};

// The events that wait for one watcher. Thread-safe.
class EventQueue {
 public:
  // Takes only books that match `filter`, when there is one, and only the kinds of events in
  // `parts`. `wake` is called, from any thread, after an event was queued for a reader that had
  // found none, and when the reader is cut off.
  EventQueue(std::optional<BookQuery> filter, std::function<void()> wake, WatchParts parts = {});

  const std::optional<BookQuery>& filter() const { return filter_; }
  const WatchParts& parts() const { return parts_; }
  // Returns whether `event` passes the filter.
  bool Wants(const CatalogEvent& event) const;
  void Push(EventPtr event);
  // Ends the queue: its reader has fallen too far behind.
  void CutOff();
  // Returns true when WakeReader is due, once until it is called.
  bool TakeDue();
  // WATCH_LAGGED once the reader has fallen too far behind.
  absl::Status status() const;
  // Returns the next event. Returns null when there is none now; `wake` will be called then.
  absl::StatusOr<EventPtr> Pop();

  // Calls `wake` if it is due. Requires that the caller holds no lock that `wake` takes.
  void WakeReader();
  // `wake` is never called again. Waits for a call that runs now.
  void Close();

 private:
  bool WakeIsDueLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::optional<BookQuery> filter_;
  const WatchParts parts_;
  mutable Mutex mutex_;
  std::deque<EventPtr> events_ ABSL_GUARDED_BY(mutex_);
  bool lagged_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool cut_off_told_ ABSL_GUARDED_BY(mutex_) = false;
  bool due_taken_ ABSL_GUARDED_BY(mutex_) = false;
  // Held while `wake` runs.
  Mutex wake_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::function<void()> wake_ ABSL_GUARDED_BY(wake_mutex_);
};

class WatchFilters;

// Hands each event to the queues that want it, in the order of the Publish calls. What is published
// under the catalog's lock only goes into a line, at a cost that no watcher changes. WakeReaders
// finds the queues that want it, without that lock. Thread-safe.
//
// mutex_ is taken under the catalog's lock. dispatch_mutex_ comes before mutex_ and
// EventQueue::mutex_, and is never taken under the catalog's lock. `wake` of a queue runs with
// EventQueue::wake_mutex_ held and may take the catalog's lock.
class Events {
 public:
  // With a `pause`, a thread hands events over and wakes the readers, at most once in it, so that
  // they learn of several changes together. Without one, WakeReaders does so itself. `clock` says
  // when events happen.
  explicit Events(const Clock* clock, absl::Duration pause = absl::ZeroDuration());
  ~Events();

  // The queue gets the events that are published from now on.
  void Add(std::shared_ptr<EventQueue> queue);
  // Requires that the caller does not hold the catalog's lock.
  void Remove(const EventQueue* queue);
  // Returns whether there is no watcher, so that events need not be made.
  bool empty() const;
  void Publish(CatalogEvent event);
  // Cuts off all watchers, because more has happened at once than a watcher may be behind.
  void CutOffAll();
  // Hands over what was published, and wakes its readers. Requires that the caller does not hold
  // the catalog's lock, nor, without a pause, a lock that a `wake` takes.
  void WakeReaders();

 private:
  struct Added {
    std::shared_ptr<EventQueue> queue;
  };
  struct Removed {
    const EventQueue* queue;
  };
  struct CutOff {};
  using Entry = std::variant<EventPtr, Added, Removed, CutOff>;
  using Woken = std::vector<std::shared_ptr<EventQueue>>;

  void CutOffAllLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Hands over all of the line, and adds those whose reader is to be woken to `woken`.
  void Dispatch(Woken& woken);
  void DispatchOne(Entry& entry, Woken& woken) ABSL_EXCLUSIVE_LOCKS_REQUIRED(dispatch_mutex_);
  void WakeAll();
  void RunPulse();

  const Clock* const clock_;
  const absl::Duration pause_;
  Mutex dispatch_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  const std::unique_ptr<WatchFilters> filters_ ABSL_PT_GUARDED_BY(dispatch_mutex_);
  mutable Mutex mutex_;
  std::deque<Entry> line_ ABSL_GUARDED_BY(mutex_);
  size_t events_in_line_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queue_count_ ABSL_GUARDED_BY(mutex_) = 0;
  CondVar pulse_cv_;
  CondVar stop_cv_;
  bool wake_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread pulse_;  // started for the first watcher
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_EVENTS_H_
