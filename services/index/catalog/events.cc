#include "services/index/catalog/events.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>

#include <string>
#include <utility>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/core/search_words.h"

namespace arkshare {
namespace {

bool Matches(const BookQuery& query, const BookListing& listing) {
  std::vector<std::string> words;
  if (query.NeedsWords()) {
    words = absl::StrSplit(NameWords(listing.name.value()), ' ', absl::SkipEmpty());
  }
  const std::vector<absl::string_view> views(words.begin(), words.end());
  return query.Matches(listing.name, listing.content, views);
}

absl::Status Lagged() {
  return MakeError(Reason::kWatchLagged,
                   absl::StrCat("this watch fell more than ", kMostEventsBehind,
                                " changes behind: watch again"));
}

}  // namespace

EventQueue::EventQueue(std::optional<BookQuery> filter, std::function<void()> wake)
    : filter_(std::move(filter)), wake_(std::move(wake)) {}

bool EventQueue::Wants(const CatalogEvent& event) const {
  if (!filter_.has_value() || !event.book.has_value()) return true;
  return Matches(*filter_, event.book->listing) ||
         (event.old_book.has_value() && Matches(*filter_, event.old_book->listing));
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
    const bool cut_off = lagged_ && !cut_off_told_;
    if (!cut_off && (!reader_waits_ || events_.empty())) return;
    cut_off_told_ = lagged_;
    reader_waits_ = false;
  }
  if (wake_) wake_();
}

void EventQueue::Close() {
  MutexLock lock(&wake_mutex_);
  wake_ = nullptr;
}

Events::Events(const Clock* clock, absl::Duration pause) : clock_(clock), pause_(pause) {}

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
  queues_.push_back(std::move(queue));
  if (pause_ > absl::ZeroDuration() && !pulse_.joinable()) {
    pulse_ = std::thread([this] { RunPulse(); });
  }
}

void Events::Remove(const EventQueue* queue) {
  MutexLock lock(&mutex_);
  std::erase_if(queues_, [&](const auto& other) { return other.get() == queue; });
}

bool Events::empty() const {
  MutexLock lock(&mutex_);
  return queues_.empty();
}

void Events::Publish(CatalogEvent event) {
  MutexLock lock(&mutex_);
  if (queues_.empty()) return;
  event.since = clock_->Monotonic();
  event.wire = std::make_unique<std::array<CatalogEvent::Wire, 2>>();
  const EventPtr shared = std::make_shared<const CatalogEvent>(std::move(event));
  for (const std::shared_ptr<EventQueue>& queue : queues_) {
    if (queue->Wants(*shared)) queue->Push(shared);
  }
}

void Events::CutOffAll() {
  MutexLock lock(&mutex_);
  for (const std::shared_ptr<EventQueue>& queue : queues_) queue->CutOff();
}

void Events::WakeReaders() {
  if (pause_ <= absl::ZeroDuration()) return WakeAll();
  MutexLock lock(&mutex_);
  if (queues_.empty() || wake_wanted_) return;
  wake_wanted_ = true;
  pulse_cv_.NotifyAll();
}

void Events::WakeAll() {
  std::vector<std::shared_ptr<EventQueue>> queues;
  {
    MutexLock lock(&mutex_);
    queues = queues_;
  }
  for (const std::shared_ptr<EventQueue>& queue : queues) queue->WakeReader();
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
