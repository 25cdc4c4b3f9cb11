// What happens in the catalog, for those who watch it.
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
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/catalog/records.h"
#include "services/index/search/query.h"

namespace arkshare {

// A watcher that falls further behind is cut off (WATCH_LAGGED).
inline constexpr size_t kMostEventsBehind = 10'000;

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
  // When it happened, by Clock::Monotonic; nothing for what a snapshot tells.
  std::optional<absl::Time> since;
  std::optional<BookEvent> book;
  std::optional<BookEvent> old_book;
  std::optional<PeerSummary> peer;
  uint32_t peer_id = 0;
  // What is sent of it, made once for all watchers: [1] for those on loopback. Nothing for what a
  // snapshot tells, which has one reader.
  struct Wire {
    std::once_flag made;
    std::string bytes;
  };
  std::unique_ptr<std::array<Wire, 2>> wire;
};

using EventPtr = std::shared_ptr<const CatalogEvent>;

// The events that wait for one watcher. Thread-safe.
class EventQueue {
 public:
  // Only books that match `filter`, when there is one; peers always. `wake` is called, from any
  // thread, after something was queued for a reader that had found nothing, and when the reader is
  // cut off.
  EventQueue(std::optional<BookQuery> filter, std::function<void()> wake);

  const std::optional<BookQuery>& filter() const { return filter_; }
  // True when the filter lets `event` through.
  bool Wants(const CatalogEvent& event) const;
  void Push(EventPtr event);
  // The reader has fallen behind for good.
  void CutOff();
  // WATCH_LAGGED once the reader has fallen too far behind.
  absl::Status status() const;
  // The next event, or null when there is none now; then `wake` will be called.
  absl::StatusOr<EventPtr> Pop();

  // Calls `wake` if it is due. Not under a lock that `wake` takes too.
  void WakeReader();
  // After this `wake` is never called again; waits for a call that runs now.
  void Close();

 private:
  const std::optional<BookQuery> filter_;
  mutable Mutex mutex_;
  std::deque<EventPtr> events_ ABSL_GUARDED_BY(mutex_);
  bool lagged_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool cut_off_told_ ABSL_GUARDED_BY(mutex_) = false;
  // Held while `wake` runs.
  Mutex wake_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  std::function<void()> wake_ ABSL_GUARDED_BY(wake_mutex_);
};

// Fans events out. Thread-safe; the order of Publish calls is every watcher's order.
class Events {
 public:
  // Readers are woken at most once in `pause`, by a thread of its own, so that what happens
  // meanwhile reaches them together; at once by who calls WakeReaders when it is zero.
  explicit Events(absl::Duration pause = absl::ZeroDuration());
  // Waits for who has just removed itself.
  ~Events();

  void Add(std::shared_ptr<EventQueue> queue);
  void Remove(const EventQueue* queue);
  // Nobody watches: events need not even be made.
  bool empty() const;
  void Publish(CatalogEvent event);
  // More happened at once than any watcher may be behind.
  void CutOffAll();
  // Wakes the readers of what was published. Call without any lock.
  void WakeReaders();

 private:
  void WakeAll();
  void RunPulse();

  const absl::Duration pause_;
  mutable Mutex mutex_;
  std::vector<std::shared_ptr<EventQueue>> queues_ ABSL_GUARDED_BY(mutex_);
  CondVar pulse_cv_;
  bool wake_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread pulse_;  // from the first watcher on
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_EVENTS_H_
