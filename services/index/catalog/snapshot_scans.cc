#include "services/index/catalog/snapshot_scans.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace arkshare {
namespace {

// Listings that Continue visits in one call.
constexpr size_t kScanSlice = 250;

EventPtr BookInSnapshot(const SnapshotScan& scan, uint32_t peer_id, BookListing listing) {
  auto event = std::make_shared<CatalogEvent>();
  event->kind = CatalogEvent::Kind::kBookListed;
  event->revision = scan.revision;
  event->book = BookEvent{peer_id, std::move(listing)};
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

// Reads the books that are on the shelf and those that have gone, both in order of their numbers.
// Returns false when the slice ends before the shelf.
bool ReadShelf(SnapshotScan& scan, const Shelf& shelf, const Holdings& holdings, size_t& visits,
               std::vector<EventPtr>& events) {
  const uint32_t peer_id = shelf.info.peer_id;
  const auto& books = shelf.by_number;
  auto book = books.upper_bound(scan.last);
  static const ScanLog kNoLog;
  const ScanLog& log = shelf.scan_log == nullptr ? kNoLog : *shelf.scan_log;
  auto removed = log.removed.upper_bound(scan.last);
  while (book != books.end() || removed != log.removed.end()) {
    if (visits >= kScanSlice) return false;
    ++visits;
    const bool here =
        removed == log.removed.end() || (book != books.end() && book->first < removed->first);
    if (here) {
      const auto& [number, edition] = *book++;
      scan.last = number;
      if (!log.IsPart(number, scan.step)) continue;
      events.push_back(BookInSnapshot(scan, peer_id, holdings.ListingOf(edition, number)));
    } else {
      const auto& [number, gone] = *removed++;
      scan.last = number;
      if (!ScanLog::WasPart(gone, scan.step)) continue;
      events.push_back(BookInSnapshot(scan, peer_id, gone.listing));
    }
  }
  return true;
}

// Lets go of a source's shelf.
void Unpin(SnapshotScan::Source& source) {
  if (source.shelf != nullptr) --source.shelf->pins;
  source = {};
}

}  // namespace

SnapshotScans::ScanPtr SnapshotScans::Start(std::shared_ptr<EventQueue> queue, uint64_t revision,
                                            const Shelves& shelves) {
  auto scan = std::make_shared<SnapshotScan>();
  scan->queue = std::move(queue);
  scan->revision = revision;
  scan->step = ++step_;
  for (const auto& [peer_id, shelf] : shelves) {
    if (!shelf->visible()) continue;
    if (shelf->pins++ == 0) DropLog(*shelf);
    scan->sources.push_back({shelf, shelf->Summary()});
  }
  scans_.push_back(scan.get());
  return scan;
}

SnapshotScans::ScanPtr SnapshotScans::StartFound(std::shared_ptr<EventQueue> queue,
                                                 uint64_t revision, const Shelves& shelves,
                                                 std::vector<FoundBook> found) {
  auto scan = std::make_shared<SnapshotScan>();
  scan->queue = std::move(queue);
  scan->revision = revision;
  for (const auto& [peer_id, shelf] : shelves) {
    if (shelf->visible()) scan->sources.push_back({nullptr, shelf->Summary()});
  }
  scan->found = std::move(found);
  std::sort(scan->found.begin(), scan->found.end(), [](const FoundBook& a, const FoundBook& b) {
    return std::tie(a.peer_id, a.listing.number) < std::tie(b.peer_id, b.listing.number);
  });
  return scan;
}

std::vector<EventPtr> SnapshotScans::Continue(SnapshotScan& scan, const Holdings& holdings) {
  std::vector<EventPtr> events;
  if (scan.complete || !scan.queue->status().ok()) return events;
  size_t visits = 0;
  while (scan.current < scan.sources.size()) {
    SnapshotScan::Source& source = scan.sources[scan.current];
    if (!scan.peer_sent) {
      if (visits >= kScanSlice) return events;
      ++visits;
      events.push_back(PeerInSnapshot(scan, source.peer));
      scan.peer_sent = true;
    }
    const uint32_t peer_id = source.peer.info.peer_id;
    for (; scan.next_found < scan.found.size(); ++scan.next_found) {
      FoundBook& book = scan.found[scan.next_found];
      if (book.peer_id != peer_id) break;
      if (visits >= kScanSlice) return events;
      ++visits;
      events.push_back(BookInSnapshot(scan, peer_id, std::move(book.listing)));
    }
    if (source.shelf != nullptr && !ReadShelf(scan, *source.shelf, holdings, visits, events)) {
      return events;
    }
    Unpin(source);
    ++scan.current;
    scan.peer_sent = false;
    scan.last = 0;
  }
  events.push_back(EndOfSnapshot(scan));
  scan.complete = true;
  return events;
}

void SnapshotScans::End(SnapshotScan& scan) {
  for (SnapshotScan::Source& source : scan.sources) {
    Shelf* const shelf = source.shelf.get();
    const std::shared_ptr<Shelf> kept = source.shelf;
    Unpin(source);
    if (shelf != nullptr && shelf->pins == 0) DropLog(*shelf);
  }
  scan.sources.clear();
  scan.complete = true;
  std::erase(scans_, &scan);
}

void SnapshotScans::Added(Shelf& shelf, uint64_t number) {
  ScanLog* const log = LogOf(shelf);
  if (log == nullptr) return;
  log->added.emplace(number, ++step_);
  if (++added_count_ > kMostAddedDuringScans) CutOffAll();
}

void SnapshotScans::Removed(Shelf& shelf, const BookListing& listing) {
  ScanLog* const log = LogOf(shelf);
  if (log == nullptr) return;
  ScanLog::Removed removed{0, ++step_, listing};
  if (const auto added = log->added.find(listing.number); added != log->added.end()) {
    removed.added_at = added->second;
    log->added.erase(added);
    --added_count_;
  }
  log->removed.emplace(listing.number, std::move(removed));
  if (++removed_count_ > kMostRemovedDuringScans) CutOffAll();
}

ScanLog* SnapshotScans::LogOf(Shelf& shelf) {
  if (shelf.pins == 0) {
    DropLog(shelf);
    return nullptr;
  }
  if (shelf.scan_log == nullptr) shelf.scan_log = std::make_unique<ScanLog>();
  return shelf.scan_log.get();
}

void SnapshotScans::DropLog(Shelf& shelf) {
  if (shelf.scan_log == nullptr) return;
  added_count_ -= shelf.scan_log->added.size();
  removed_count_ -= shelf.scan_log->removed.size();
  shelf.scan_log.reset();
}

void SnapshotScans::CutOffAll() {
  for (SnapshotScan* scan : scans_) {
    if (scan->complete) continue;
    scan->queue->CutOff();
    for (SnapshotScan::Source& source : scan->sources) {
      if (source.shelf == nullptr) continue;
      DropLog(*source.shelf);
      Unpin(source);
    }
  }
}

}  // namespace arkshare
