// The listings of this folder, by number, name, path and content.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LISTING_TABLE_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LISTING_TABLE_H_

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "services/peer/library/book.h"
#include "services/peer/library/path_watch.h"

namespace arkshare {

// Pure: no lock, no clock, no I/O. Library guards it.
class ListingTable {
 public:
  // Tells `watches` of each listing that appears, settles or goes. It must outlive the table;
  // nullptr: tells nothing.
  explicit ListingTable(PathWatches* watches = nullptr) : watches_(watches) {}

  struct Entry {
    Book book;
    bool releasing = false;  // a release of it is being decided
    // Turns true when the listing leaves the table: its readers stop then.
    std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);
  };

  // Requires that no listing has this number or this path. When another path has the same name, the
  // name leads to the new listing.
  void Insert(Book book);
  // Removes a listing, if it is there.
  void Erase(uint64_t number);
  // Notes that the index has answered for a listing, if it is there.
  void Settle(uint64_t number);

  // Each Find returns nullptr when there is no such listing. An entry is valid until the next
  // Insert or Erase.
  const Entry* Find(uint64_t number) const;
  Entry* Find(uint64_t number);
  const Entry* FindName(const BookName& name) const;
  const Entry* FindPath(const std::string& path) const;
  Entry* FindPath(const std::string& path);
  // Returns all listings of the content, in order of number.
  std::vector<const Entry*> FindContent(const ContentId& content) const;
  bool HasContent(const ContentId& content) const { return by_content_.contains(content); }

  // The numbers, in order of path.
  const std::map<std::string, uint64_t>& by_path() const { return by_path_; }
  size_t size() const { return entries_.size(); }
  // The sum of the sizes of all books.
  uint64_t bytes() const { return bytes_; }
  // The number of books that are unsettled.
  uint64_t unsettled() const { return unsettled_; }

 private:
  void Touch(const std::string& path);

  PathWatches* const watches_;
  absl::flat_hash_map<uint64_t, Entry> entries_;
  std::map<std::string, uint64_t> by_path_;
  absl::flat_hash_map<BookName, uint64_t> by_name_;
  absl::flat_hash_map<ContentId, std::set<uint64_t>> by_content_;
  uint64_t bytes_ = 0;
  uint64_t unsettled_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LISTING_TABLE_H_
