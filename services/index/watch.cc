#include "services/index/watch.h"

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>

namespace arkshare {
namespace {

// How many listings are visited under one lock.
constexpr size_t kScanSlice = 1'000;

bool Wanted(const SnapshotScan& scan, const Edition& edition) {
  const std::optional<BookQuery>& filter = scan.queue->filter();
  return !filter.has_value() ||
         filter->Matches(edition.title->name, edition.content, edition.title->words);
}

EventPtr BookInSnapshot(const SnapshotScan& scan, const Shelf& shelf, uint64_t number,
                        const Edition& edition) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kBookListed;
  event->revision = scan.revision;
  event->book = BookEvent{shelf.info.peer_id, {number, edition.title->name, edition.content}};
  return event;
}

}  // namespace

Watch::Watch(Catalog* catalog, std::optional<BookQuery> filter, std::function<void()> wake)
    : catalog_(catalog),
      queue_(std::make_shared<EventQueue>(std::move(filter), std::move(wake))),
      scan_(catalog->StartScan(queue_)) {}

Watch::~Watch() {
  Close();
  catalog_->EndWatch(*scan_);
}

absl::StatusOr<EventPtr> Watch::Next() {
  while (!snapshot_complete_) {
    if (snapshot_.empty()) {
      // Who is too far behind for the changes need not read the rest of the snapshot.
      if (absl::Status status = queue_->status(); !status.ok()) return status;
      const std::vector<EventPtr> more = catalog_->ContinueScan(*scan_);
      snapshot_.assign(more.begin(), more.end());
      continue;
    }
    EventPtr event = std::move(snapshot_.front());
    snapshot_.pop_front();
    snapshot_complete_ = event->kind == CatalogEvent::Kind::kSnapshotComplete;
    return event;
  }
  return queue_->Pop();
}

void Watch::Close() { queue_->Close(); }

std::shared_ptr<SnapshotScan> Catalog::StartScan(std::shared_ptr<EventQueue> queue) {
  auto scan = std::make_shared<SnapshotScan>();
  scan->queue = std::move(queue);
  FairMutexLock lock(&mutex_);
  scan->revision = revision_;
  for (const auto& [peer_id, shelf] : by_id_) {
    if (!shelf->visible()) continue;
    ++shelf->pins;
    scan->place_of[shelf.get()] = scan->sources.size();
    scan->sources.push_back({shelf, shelf->Summary(), {}});
  }
  scans_.push_back(scan.get());
  // Events that come from here on are those after the revision.
  events_.Add(scan->queue);
  return scan;
}

std::vector<EventPtr> Catalog::ContinueScan(SnapshotScan& scan) {
  FairMutexLock lock(&mutex_);
  std::vector<EventPtr> events;
  size_t visits = 0;
  while (scan.current < scan.sources.size()) {
    SnapshotScan::Source& source = scan.sources[scan.current];
    if (!scan.peer_sent) {
      auto event = std::make_shared<CatalogEvent>();
      event->kind = CatalogEvent::Kind::kPeerListed;
      event->revision = scan.revision;
      event->peer = source.peer;
      events.push_back(std::move(event));
      scan.peer_sent = true;
    }
    const auto& books = source.shelf->by_name;
    auto key = !scan.last.has_value()
                   ? books.begin()
                   : books.upper_bound(NameKeyOrder::Plain(scan.last->first, scan.last->second));
    for (; key != books.end(); ++key) {
      const Shelf::Entry& entry = source.shelf->by_number.at(key->number);
      if (entry.since <= scan.revision && Wanted(scan, *entry.edition)) {
        events.push_back(BookInSnapshot(scan, *source.shelf, key->number, *entry.edition));
      }
      if (++visits >= kScanSlice) {
        scan.last.emplace(key->title->name.value(), key->number);
        return events;
      }
    }
    events.insert(events.end(), source.late.begin(), source.late.end());
    --source.shelf->pins;
    scan.place_of.erase(source.shelf.get());
    source = {};
    ++scan.current;
    scan.peer_sent = false;
    scan.last.reset();
  }
  auto mark = std::make_shared<CatalogEvent>();
  mark->kind = CatalogEvent::Kind::kSnapshotComplete;
  mark->revision = scan.revision;
  events.push_back(std::move(mark));
  EndScanLocked(scan);
  return events;
}

void Catalog::EndWatch(SnapshotScan& scan) {
  events_.Remove(scan.queue.get());
  FairMutexLock lock(&mutex_);
  EndScanLocked(scan);
}

void Catalog::EndScanLocked(SnapshotScan& scan) {
  for (size_t i = scan.current; i < scan.sources.size(); ++i) --scan.sources[i].shelf->pins;
  scan.sources.clear();
  scan.place_of.clear();
  std::erase(scans_, &scan);
}

void Catalog::KeepForScansLocked(const Shelf& shelf, uint64_t number, const Shelf::Entry& entry) {
  for (SnapshotScan* scan : scans_) {
    const auto place = scan->place_of.find(&shelf);
    if (place == scan->place_of.end() || entry.since > scan->revision) continue;
    const bool passed = place->second == scan->current && scan->last.has_value() &&
                        NameKeyOrder::ToPlain({entry.edition->title, number}) <=
                            NameKeyOrder::Plain(scan->last->first, scan->last->second);
    if (passed || !Wanted(*scan, *entry.edition)) continue;
    if (++scan->late_count > kMostEventsBehind) {
      scan->queue->CutOff();
      continue;
    }
    scan->sources[place->second].late.push_back(
        BookInSnapshot(*scan, shelf, number, *entry.edition));
  }
}

}  // namespace arkshare
