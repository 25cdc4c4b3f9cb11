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

std::vector<LibraryItem> LibraryTables::Items(const std::string& after, size_t limit) const {
  std::vector<LibraryItem> out;
  auto listed = listings.by_path().upper_bound(after);
  const auto listed_end = listings.by_path().end();
  auto other = unlisted.by_path().upper_bound(after);
  const auto other_end = unlisted.by_path().end();
  while (out.size() < limit && (listed != listed_end || other != other_end)) {
    if (other == other_end || (listed != listed_end && listed->first <= other->first)) {
      const Book& book = listings.Find(listed->second)->book;
      out.push_back({listed->first, book.record.content.size, book, ""});
      if (other != other_end && other->first == listed->first) ++other;
      ++listed;
    } else {
      out.push_back({other->first, other->second.size, std::nullopt, other->second.reason});
      ++other;
    }
  }
  return out;
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
