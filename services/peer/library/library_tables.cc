#include "services/peer/library/library_tables.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace arkshare {

void LibraryTables::List(Book book) {
  unlisted.Erase(book.record.path);
  // Before the book is announced, so that the index never has both the whole book and a part of it.
  feed.RemovePartialsOf(book.record.content);
  if (!book.record.unsettled) feed.Push(book.listing());
  listings.Insert(std::move(book));
}

void LibraryTables::End(uint64_t number) {
  listings.Erase(number);
  feed.Push(number);
}

template <typename Listed, typename Other>
void LibraryTables::Walk(const std::string& after, size_t limit, Listed listed, Other other) const {
  auto book = listings.by_path().upper_bound(after);
  const auto books_end = listings.by_path().end();
  auto file = unlisted.by_path().upper_bound(after);
  const auto files_end = unlisted.by_path().end();
  for (size_t n = 0; n < limit && (book != books_end || file != files_end); ++n) {
    if (file == files_end || (book != books_end && book->first <= file->first)) {
      listed(listings.Find(book->second)->book);
      if (file != files_end && file->first == book->first) ++file;
      ++book;
    } else {
      other(file->first, file->second);
      ++file;
    }
  }
}

std::vector<LibraryItem> LibraryTables::Items(const std::string& after, size_t limit) const {
  std::vector<LibraryItem> out;
  Walk(
      after, limit,
      [&](const Book& book) {
        out.push_back({book.record.path, book.record.content.size, book, ""});
      },
      [&](const std::string& path, const UnlistedFiles::Entry& entry) {
        out.push_back({path, entry.size, std::nullopt, entry.reason});
      });
  return out;
}

std::vector<LibraryKey> LibraryTables::Keys(const std::string& after, size_t limit) const {
  std::vector<LibraryKey> out;
  Walk(
      after, limit,
      [&](const Book& book) {
        out.push_back({book.record.path, book.record.content.size, book.record.number});
      },
      [&](const std::string& path, const UnlistedFiles::Entry& entry) {
        out.push_back({path, entry.size, 0});
      });
  return out;
}

std::optional<LibraryItem> LibraryTables::ItemAt(const std::string& path) const {
  if (const ListingTable::Entry* entry = listings.FindPath(path)) {
    return LibraryItem{path, entry->book.record.content.size, entry->book, ""};
  }
  const UnlistedFiles::Entry* other = unlisted.Find(path);
  if (other == nullptr) return std::nullopt;
  return LibraryItem{path, other->size, std::nullopt, other->reason};
}

std::vector<std::string> LibraryTables::PathsBeneath(const std::string& folder) const {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::vector<std::string> out;
  const auto add = [&](const auto& by_path) {
    for (auto it = by_path.lower_bound(prefix);
         it != by_path.end() && absl::StartsWith(it->first, prefix); ++it) {
      out.push_back(it->first);
    }
  };
  add(listings.by_path());
  add(unlisted.by_path());
  return out;
}

std::vector<BookListing> LibraryTables::Announced() const {
  std::vector<BookListing> out;
  for (const auto& [path, number] : listings.by_path()) {
    const Book& book = listings.Find(number)->book;
    if (!book.record.unsettled) out.push_back(book.listing());
  }
  for (const auto& [number, listing] : feed.partials()) out.push_back(listing);
  return out;
}

std::vector<uint64_t> TakeSurplus(std::vector<ListingRecord>& listings, uint64_t most) {
  std::sort(listings.begin(), listings.end(),
            [](const ListingRecord& a, const ListingRecord& b) { return a.number > b.number; });
  std::set<std::string> seen;
  std::vector<uint64_t> surplus;
  std::erase_if(listings, [&](const ListingRecord& record) {
    // `most` may be lower than it was.
    if (seen.size() < most && seen.insert(record.path).second) return false;
    surplus.push_back(record.number);
    return true;
  });
  return surplus;
}

}  // namespace arkshare
