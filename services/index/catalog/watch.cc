#include "services/index/catalog/watch.h"

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <algorithm>

namespace arkshare {
namespace {

// How many listings are visited under one lock.
constexpr size_t kScanSlice = 250;

EventPtr BookInSnapshot(const SnapshotScan& scan, const Shelf& shelf, BookListing listing) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kBookListed;
  event->revision = scan.revision;
  event->book = BookEvent{shelf.info.peer_id, std::move(listing)};
  return event;
}

// Where the scan still has to read the shelf, from this number on; null when it has read it, or
// when it need not.
SnapshotScan::Source* SourceAhead(SnapshotScan& scan, const Shelf& shelf, uint64_t number) {
  const auto place = scan.place_of.find(&shelf);
  if (place == scan.place_of.end()) return nullptr;
  const bool passed = place->second == scan.current && number <= scan.last;
  return passed ? nullptr : &scan.sources[place->second];
}

// Who was cut off in the middle of his snapshot may not come by again for long.
void EndLagged(std::vector<SnapshotScan*>& scans) {
  std::erase_if(scans, [](SnapshotScan* scan) {
    const bool lagged = !scan->queue->status().ok();
    if (lagged) scan->End();
    return lagged;
  });
}

}  // namespace

void SnapshotScan::End() {
  for (size_t i = current; i < sources.size(); ++i) --sources[i].shelf->pins;
  sources.clear();
  place_of.clear();
  ended = true;
}

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
  WriterLock lock(&mutex_);
  scan->revision = revision_;
  for (const auto& [peer_id, shelf] : by_id_) {
    if (!shelf->visible()) continue;
    ++shelf->pins;
    scan->place_of[shelf.get()] = scan->sources.size();
    scan->sources.push_back({shelf, shelf->Summary(), {}, {}});
  }
  scans_.push_back(scan.get());
  // Events that come from here on are those after the revision.
  events_.Add(scan->queue);
  return scan;
}

std::vector<EventPtr> Catalog::ContinueScan(SnapshotScan& scan) {
  WriterLock lock(&mutex_);
  std::vector<EventPtr> events;
  if (scan.ended) return events;
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
    const auto& books = source.shelf->by_number;
    for (auto book = books.upper_bound(scan.last); book != books.end(); ++book) {
      const auto& [number, edition] = *book;
      if (!source.added.Contains(number)) {
        EventPtr event = BookInSnapshot(scan, *source.shelf, ListingOfLocked(edition, number));
        if (scan.queue->Wants(*event)) events.push_back(std::move(event));
      }
      scan.last = number;
      if (++visits >= kScanSlice) return events;
    }
    events.insert(events.end(), source.removed.begin(), source.removed.end());
    --source.shelf->pins;
    scan.place_of.erase(source.shelf.get());
    source = {};
    ++scan.current;
    scan.peer_sent = false;
    scan.last = 0;
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
  WriterLock lock(&mutex_);
  EndScanLocked(scan);
}

void Catalog::EndScanLocked(SnapshotScan& scan) {
  scan.End();
  std::erase(scans_, &scan);
}

void Catalog::HideFromScansLocked(const Shelf& shelf, uint64_t number) {
  EndLagged(scans_);
  for (SnapshotScan* scan : scans_) {
    if (SnapshotScan::Source* source = SourceAhead(*scan, shelf, number)) {
      source->added.Insert(number);
    }
  }
}

void Catalog::KeepForScansLocked(const Shelf& shelf, const BookListing& listing) {
  EndLagged(scans_);
  for (SnapshotScan* scan : scans_) {
    SnapshotScan::Source* source = SourceAhead(*scan, shelf, listing.number);
    if (source == nullptr || source->added.Contains(listing.number)) continue;
    EventPtr event = BookInSnapshot(*scan, shelf, listing);
    if (!scan->queue->Wants(*event)) continue;
    if (++scan->removed_count > kMostEventsBehind) {
      scan->queue->CutOff();
      continue;
    }
    source->removed.push_back(std::move(event));
  }
}

}  // namespace arkshare
