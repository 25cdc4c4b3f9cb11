// What the catalog tells of its peers and their books; catalog.cc has the changes,
// catalog_search.cc the search.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <limits>

#include "lib/core/errors.h"
#include "services/index/catalog/catalog.h"

namespace arkshare {
namespace {

// How many books are put in order under one lock.
constexpr size_t kOrderSlice = 200;

}  // namespace

std::vector<PeerSummary> Catalog::ListPeers(uint32_t after, size_t most) const {
  ReaderLock lock(&mutex_);
  std::vector<PeerSummary> peers;
  for (auto place = by_id_.upper_bound(after); place != by_id_.end() && peers.size() < most;
       ++place) {
    peers.push_back(place->second->Summary());
  }
  return peers;
}

std::optional<PeerSummary> Catalog::FindPeer(uint32_t peer_id) const {
  ReaderLock lock(&mutex_);
  const auto place = by_id_.find(peer_id);
  if (place == by_id_.end()) return std::nullopt;
  return place->second->Summary();
}

std::optional<PeerSummary> Catalog::FindPeer(const PublicKey& key) const {
  ReaderLock lock(&mutex_);
  const auto place = by_key_.find(key);
  if (place == by_key_.end()) return std::nullopt;
  return place->second->Summary();
}

absl::StatusOr<std::vector<BookListing>> Catalog::ListBooks(
    uint32_t peer_id, const std::pair<std::string, uint64_t>& after, size_t most) const {
  while (true) {
    {
      ReaderLock lock(&mutex_);
      const auto place = by_id_.find(peer_id);
      if (place == by_id_.end()) {
        return MakeError(Reason::kPeerUnknown,
                         absl::StrCat("no peer ", peer_id, " is here now: list the peers"));
      }
      const Shelf& shelf = *place->second;
      std::vector<BookListing> books;
      if (!shelf.visible()) return books;
      if (shelf.by_name.has_value() && shelf.by_name->complete()) {
        shelf.by_name->VisitAfter({after.first, after.second},
                                  [&](EditionId edition, uint64_t number)
                                      ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
                                        if (books.size() >= most) return false;
                                        books.push_back(ListingOfLocked(edition, number));
                                        return true;
                                      });
        return books;
      }
    }
    OrderSome(peer_id);
  }
}

void Catalog::OrderSome(uint32_t peer_id) const {
  WriterLock lock(&mutex_);
  const auto place = by_id_.find(peer_id);
  if (place == by_id_.end()) return;
  Shelf& shelf = *place->second;
  if (!shelf.by_name.has_value()) shelf.by_name.emplace(&books_);
  NameOrder& order = *shelf.by_name;
  auto next = shelf.by_number.upper_bound(order.through());
  for (size_t i = 0; i < kOrderSlice && next != shelf.by_number.end(); ++i, ++next) {
    order.Insert(next->second, next->first);
    order.set_through(next->first);
  }
  if (next == shelf.by_number.end()) order.set_through(std::numeric_limits<uint64_t>::max());
}

CatalogTable Catalog::Table(size_t most_peers, size_t most_books) const {
  ReaderLock lock(&mutex_);
  CatalogTable table;
  table.peer_count = by_id_.size();
  for (const auto& [peer_id, shelf] : by_id_) {
    if (shelf->streaming) ++table.connection_count;
    if (table.rows.size() >= most_peers) continue;
    CatalogTable::Row row{shelf->Summary(), {}};
    for (const auto& [number, edition] : shelf->by_number) {
      if (row.first_books.size() >= most_books) break;
      row.first_books.emplace_back(books_.NameOf(edition));
    }
    std::sort(row.first_books.begin(), row.first_books.end());
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace arkshare
