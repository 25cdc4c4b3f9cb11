// Finds the watchers that want an event.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_FILTERS_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_FILTERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/content_id.h"
#include "services/index/catalog/events.h"

namespace arkshare {

// The queues of all watchers, by what they filter for, so that a change costs nothing for watchers
// that it does not concern: a name and a content are looked up, and so is each beginning of each
// word of a name that is as long as a keyword of some watcher. Pure. Not thread-safe.
class WatchFilters {
 public:
  using QueuePtr = std::shared_ptr<EventQueue>;

  void Add(QueuePtr queue);
  // Does nothing when the queue is not there.
  void Remove(const EventQueue* queue);
  // Calls visit(queue) once for each queue that wants the event. See EventQueue::Wants.
  using Visit = absl::FunctionRef<void(const QueuePtr&)>;
  void VisitThoseThatWant(const CatalogEvent& event, Visit visit);
  void VisitAll(Visit visit) const;

 private:
  using Slots = std::vector<uint32_t>;
  // One watcher. The fields after `queue` are those of the event, or the name, at hand.
  struct Slot {
    QueuePtr queue;
    size_t keywords = 0;      // of its filter
    uint64_t counted_in = 0;  // the name in which `found` were counted
    size_t found = 0;         // keywords that begin a word of the name
    uint64_t visited_in = 0;  // the event
  };
  struct Keyword {
    Slots slots;
    uint64_t found_in = 0;  // the name
  };

  void VisitBook(const BookListing& book, Visit visit);
  void VisitName(const std::string& folded, Visit visit);
  void VisitOnce(uint32_t slot, Visit visit);

  std::vector<Slot> slots_;
  Slots free_;
  absl::flat_hash_map<const EventQueue*, uint32_t> slot_of_;
  Slots without_filter_;
  absl::flat_hash_map<std::string, Slots> by_name_;
  absl::flat_hash_map<ContentId, Slots> by_content_;
  absl::flat_hash_map<std::string, Keyword> by_keyword_;
  std::map<size_t, size_t> keyword_lengths_;  // in bytes, and how many keywords are that long
  uint64_t event_ = 0;
  uint64_t name_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_WATCH_FILTERS_H_
