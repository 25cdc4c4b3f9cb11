#include "services/index/catalog/events.h"

#include <absl/strings/str_cat.h>

#include <string>
#include <utility>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/core/search_words.h"
#include "services/index/catalog/watch_filters.h"
#include "services/index/search/pre_filter.h"
#include "services/index/store/words.h"

namespace arkshare {
namespace {

bool Matches(const BookQuery& query, const BookListing& listing) {
  std::string folded;
  if (query.NeedsWords()) {
    const auto& keywords = std::get<Keywords>(query.what());
    if (!PreFilter(keywords).MayMatch(listing.name.value())) return false;
    folded = NameWords(listing.name.value());
  }
  return query.Matches(listing.name, listing.content, DistinctWords(folded));
}

absl::Status Lagged() {
  return MakeError(Reason::kWatchLagged,
                   absl::StrCat("this watch fell more than ", kMostEventsBehind,
                                " changes behind: watch again"));
}

}  // namespace

EventQueue::EventQueue(std::optional<BookQuery> filter, std::function<void()> wake,
                       WatchParts parts)
    : filter_(std::move(filter)), parts_(parts), wake_(std::move(wake)) {}

bool EventQueue::Wants(const CatalogEvent& event) const {
  if (event.kind == CatalogEvent::Kind::kSnapshotComplete) return true;
  if (!event.book.has_value()) return parts_.peers;
  if (!parts_.books) return false;
  if (!filter_.has_value()) return true;
  return Matches(*filter_, event.book->listing) ||
         (event.old_book.has_value() && Matches(*filter_, event.old_book->listing));
}

bool EventQueue::WakeIsDueLocked() const {
  return lagged_ ? !cut_off_told_ : reader_waits_ && !events_.empty();
}

bool EventQueue::TakeDue() {
  MutexLock lock(&mutex_);
  return WakeIsDueLocked() && !std::exchange(due_taken_, true);
}

void EventQueue::Push(EventPtr event) {
  MutexLock lock(&mutex_);
  if (lagged_) return;
  if (events_.size() >= kMostEventsBehind) {
    lagged_ = true;
    events_.clear();
    return;
  }
  events_.push_back(std::move(event));
}

void EventQueue::CutOff() {
  MutexLock lock(&mutex_);
  lagged_ = true;
  events_.clear();
}

absl::Status EventQueue::status() const {
  MutexLock lock(&mutex_);
  return lagged_ ? Lagged() : absl::OkStatus();
}

absl::StatusOr<EventPtr> EventQueue::Pop() {
  MutexLock lock(&mutex_);
  if (lagged_) return Lagged();
  if (events_.empty()) {
    reader_waits_ = true;
    return nullptr;
  }
  EventPtr event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void EventQueue::WakeReader() {
  MutexLock wake_lock(&wake_mutex_);
  {
    MutexLock lock(&mutex_);
    due_taken_ = false;
    if (!WakeIsDueLocked()) return;
    cut_off_told_ = lagged_;
    reader_waits_ = false;
  }
  if (wake_) wake_();
}

void EventQueue::Close() {
  MutexLock lock(&wake_mutex_);
  wake_ = nullptr;
}

Events::Events(const Clock* clock, absl::Duration pause)
    : clock_(clock), pause_(pause), filters_(std::make_unique<WatchFilters>()) {}

Events::~Events() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    pulse_cv_.NotifyAll();
    stop_cv_.NotifyAll();
  }
  if (pulse_.joinable()) pulse_.join();
}

void Events::Add(std::shared_ptr<EventQueue> queue) {
  MutexLock lock(&mutex_);
  ++queue_count_;
  line_.emplace_back(Added{std::move(queue)});
  if (pause_ > absl::ZeroDuration() && !pulse_.joinable()) {
    pulse_ = std::thread([this] { RunPulse(); });
  }
}

void Events::Remove(const EventQueue* queue) {
  {
    MutexLock lock(&mutex_);
    --queue_count_;
    line_.emplace_back(Removed{queue});
    if (pause_ > absl::ZeroDuration()) {
      wake_wanted_ = true;
      pulse_cv_.NotifyAll();
      return;
    }
  }
  WakeAll();
}

bool Events::empty() const {
  MutexLock lock(&mutex_);
  return queue_count_ == 0;
}

void Events::Publish(CatalogEvent event) {
  MutexLock lock(&mutex_);
  if (queue_count_ == 0) return;
  if (events_in_line_ >= kMostEventsInLine) return CutOffAllLocked();
  event.since = clock_->Monotonic();
  event.wire = std::make_unique<std::array<CatalogEvent::Wire, 2>>();
  line_.emplace_back(std::make_shared<const CatalogEvent>(std::move(event)));
  ++events_in_line_;
}

void Events::CutOffAll() {
  MutexLock lock(&mutex_);
  CutOffAllLocked();
}

// The watchers in the line missed an event, so the events before it mean nothing to them either.
void Events::CutOffAllLocked() {
  std::erase_if(line_, [](const Entry& entry) { return std::holds_alternative<EventPtr>(entry); });
  events_in_line_ = 0;
  line_.emplace_back(CutOff());
}

void Events::WakeReaders() {
  if (pause_ <= absl::ZeroDuration()) return WakeAll();
  MutexLock lock(&mutex_);
  if (line_.empty() || wake_wanted_) return;
  wake_wanted_ = true;
  pulse_cv_.NotifyAll();
}

void Events::WakeAll() {
  Woken woken;
  Dispatch(woken);
  for (const std::shared_ptr<EventQueue>& queue : woken) queue->WakeReader();
}

void Events::Dispatch(Woken& woken) {
  MutexLock dispatch_lock(&dispatch_mutex_);
  std::deque<Entry> entries;
  {
    MutexLock lock(&mutex_);
    entries.swap(line_);
    events_in_line_ = 0;
  }
  for (Entry& entry : entries) DispatchOne(entry, woken);
}

void Events::DispatchOne(Entry& entry, Woken& woken) {
  if (auto* added = std::get_if<Added>(&entry)) return filters_->Add(std::move(added->queue));
  if (const auto* removed = std::get_if<Removed>(&entry)) return filters_->Remove(removed->queue);
  if (std::holds_alternative<CutOff>(entry)) {
    return filters_->VisitAll([&](const std::shared_ptr<EventQueue>& queue) {
      queue->CutOff();
      if (queue->TakeDue()) woken.push_back(queue);
    });
  }
  const EventPtr& event = std::get<EventPtr>(entry);
  filters_->VisitThoseThatWant(*event, [&](const std::shared_ptr<EventQueue>& queue) {
    queue->Push(event);
    if (queue->TakeDue()) woken.push_back(queue);
  });
}

void Events::RunPulse() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (!wake_wanted_ && !stopping_) pulse_cv_.Wait(&mutex_);
      if (stopping_) return;
      wake_wanted_ = false;
    }
    WakeAll();
    // Watchers learn of the first change after a pause at once, and of those within it together. A
    // spurious wakeup only makes one pause shorter.
    MutexLock lock(&mutex_);
    if (!stopping_) stop_cv_.WaitFor(&mutex_, pause_);
  }
}

}  // namespace arkshare
