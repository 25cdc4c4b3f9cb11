#include "services/index/catalog/snapshot_scans.h"

#include <utility>

namespace arkshare {
namespace {

// Listings that Continue visits in one call.
constexpr size_t kScanSlice = 250;

EventPtr BookInSnapshot(const SnapshotScan& scan, const Shelf& shelf, BookListing listing) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kBookListed;
  event->revision = scan.revision;
  event->book = BookEvent{shelf.info.peer_id, std::move(listing)};
  return event;
}

EventPtr PeerInSnapshot(const SnapshotScan& scan, const PeerSummary& peer) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kPeerListed;
  event->revision = scan.revision;
  event->peer = peer;
  return event;
}

EventPtr EndOfSnapshot(const SnapshotScan& scan) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kSnapshotComplete;
  event->revision = scan.revision;
  return event;
}

// The source in which the scan still has to read this number of the shelf; null when the scan has
// passed it, or does not read the shelf.
SnapshotScan::Source* SourceAhead(SnapshotScan& scan, const Shelf& shelf, uint64_t number) {
  const auto place = scan.place_of.find(&shelf);
  if (place == scan.place_of.end()) return nullptr;
  const bool passed = place->second == scan.current && number <= scan.last;
  return passed ? nullptr : &scan.sources[place->second];
}

void ReleaseShelves(SnapshotScan& scan) {
  for (size_t i = scan.current; i < scan.sources.size(); ++i) --scan.sources[i].shelf->pins;
  scan.sources.clear();
  scan.place_of.clear();
  scan.ended = true;
}

}  // namespace

SnapshotScans::ScanPtr SnapshotScans::Start(
    std::shared_ptr<EventQueue> queue, uint64_t revision,
    const absl::btree_map<uint32_t, std::shared_ptr<Shelf>>& shelves) {
  auto scan = std::make_shared<SnapshotScan>();
  scan->queue = std::move(queue);
  scan->revision = revision;
  for (const auto& [peer_id, shelf] : shelves) {
    if (!shelf->visible()) continue;
    ++shelf->pins;
    scan->place_of[shelf.get()] = scan->sources.size();
    scan->sources.push_back({shelf, shelf->Summary(), {}, {}});
  }
  scans_.push_back(scan.get());
  return scan;
}

std::vector<EventPtr> SnapshotScans::Continue(SnapshotScan& scan, const Holdings& holdings) {
  std::vector<EventPtr> events;
  if (scan.ended) return events;
  size_t visits = 0;
  while (scan.current < scan.sources.size()) {
    SnapshotScan::Source& source = scan.sources[scan.current];
    if (!scan.peer_sent) {
      events.push_back(PeerInSnapshot(scan, source.peer));
      scan.peer_sent = true;
    }
    const auto& books = source.shelf->by_number;
    for (auto book = books.upper_bound(scan.last); book != books.end(); ++book) {
      const auto& [number, edition] = *book;
      if (!source.added.Contains(number)) {
        EventPtr event = BookInSnapshot(scan, *source.shelf, holdings.ListingOf(edition, number));
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
  events.push_back(EndOfSnapshot(scan));
  End(scan);
  return events;
}

void SnapshotScans::End(SnapshotScan& scan) {
  ReleaseShelves(scan);
  std::erase(scans_, &scan);
}

void SnapshotScans::Added(const Shelf& shelf, uint64_t number) {
  EndLagged();
  for (SnapshotScan* scan : scans_) {
    if (SnapshotScan::Source* source = SourceAhead(*scan, shelf, number)) {
      source->added.Insert(number);
    }
  }
}

void SnapshotScans::Removed(const Shelf& shelf, const BookListing& listing) {
  EndLagged();
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

// A watcher that was cut off may not call again for a long time, and would keep its shelves pinned.
void SnapshotScans::EndLagged() {
  std::erase_if(scans_, [](SnapshotScan* scan) {
    const bool lagged = !scan->queue->status().ok();
    if (lagged) ReleaseShelves(*scan);
    return lagged;
  });
}

}  // namespace arkshare
