#include "services/index/catalog/catalog_lists.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/errors.h"

namespace arkshare {

std::vector<PeerSummary> CatalogLists::ListPeers(uint32_t after, size_t most) const {
  ReaderLock lock(&tables_->mutex);
  return tables_->shelves.List(after, most);
}

std::vector<PeerSummary> CatalogLists::ListPeersOf(const std::string& network, uint32_t after,
                                                   size_t most) const {
  ReaderLock lock(&tables_->mutex);
  return tables_->shelves.List(after, most, &network);
}

std::optional<PeerSummary> CatalogLists::FindPeer(uint32_t peer_id) const {
  ReaderLock lock(&tables_->mutex);
  const ShelfPtr shelf = tables_->shelves.Find(peer_id);
  return shelf == nullptr ? std::nullopt : std::optional(shelf->Summary());
}

std::optional<PeerSummary> CatalogLists::FindPeer(const PublicKey& key) const {
  ReaderLock lock(&tables_->mutex);
  const ShelfPtr shelf = tables_->shelves.Find(key);
  return shelf == nullptr ? std::nullopt : std::optional(shelf->Summary());
}

absl::StatusOr<std::vector<BookListing>> CatalogLists::ListBooks(
    uint32_t peer_id, const std::pair<std::string, uint64_t>& after, size_t most) const {
  while (true) {
    {
      ReaderLock lock(&tables_->mutex);
      const ShelfPtr found = tables_->shelves.Find(peer_id);
      if (found == nullptr) {
        return MakeError(Reason::kPeerUnknown,
                         absl::StrCat("no peer ", peer_id, " is here now: list the peers"));
      }
      const Shelf& shelf = *found;
      std::vector<BookListing> books;
      if (!shelf.visible()) return books;
      if (shelf.by_name.has_value() && shelf.by_name->complete()) {
        const auto visit = [&](EditionId edition, uint64_t number)
                               ABSL_SHARED_LOCKS_REQUIRED(tables_->mutex) {
                                 if (books.size() >= most) return false;
                                 books.push_back(tables_->holdings.ListingOf(edition, number));
                                 return true;
                               };
        shelf.by_name->VisitAfter({after.first, after.second}, visit);
        return books;
      }
    }
    OrderSome(peer_id);
  }
}

// A cache in the shelf, hence const.
void CatalogLists::OrderSome(uint32_t peer_id) const {
  WriterLock lock(&tables_->mutex);
  const ShelfPtr shelf = tables_->shelves.Find(peer_id);
  if (shelf != nullptr) tables_->holdings.OrderSome(*shelf);
}

CatalogTable CatalogLists::Table(size_t most_peers, size_t most_books) const {
  ReaderLock lock(&tables_->mutex);
  CatalogTable table;
  table.peer_count = tables_->shelves.by_id().size();
  for (const auto& [peer_id, shelf] : tables_->shelves.by_id()) {
    if (shelf->streaming) ++table.connection_count;
    if (table.rows.size() >= most_peers) continue;
    CatalogTable::Row row{shelf->Summary(), {}};
    for (const auto& [number, edition] : shelf->by_number) {
      if (row.first_books.size() >= most_books) break;
      row.first_books.emplace_back(tables_->holdings.books().NameOf(edition));
    }
    std::sort(row.first_books.begin(), row.first_books.end());
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace arkshare
