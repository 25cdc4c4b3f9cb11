// A book as the library describes it.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_BOOK_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_BOOK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/core/book_listing.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// Says whether a download moves this peer's books or copies them.
enum class SharePolicy { kMove, kCopy };

// A listing of this folder, as it is now.
struct Book {
  ListingRecord record;
  bool lend_only = false;  // has more than one hard link: a move could not take the others away
  // Why else the book can only be lent, for people, after "only lent: "; empty: nothing is known.
  std::string lend_reason{};
  std::string trouble{};  // why other peers cannot get it now, for people; empty when they can

  BookListing listing() const { return {record.number, record.name, record.content}; }
};

// Returns why a move cannot take a book, for people, after "only lent: "; empty when it can, as far
// as it is known.
inline std::string WhyOnlyLent(const Book& book) {
  return book.lend_only ? "the file has another hard link" : book.lend_reason;
}

// A file in the folder, shared or not.
struct LibraryItem {
  std::string path;
  uint64_t size = 0;            // bytes
  std::optional<Book> book;     // unset while being hashed, and when not shared
  std::string unshared_reason;  // for people; empty when shared or still being hashed
};

// The values by which the files of the folder are put in order.
struct LibraryKey {
  std::string path;
  uint64_t size = 0;    // bytes
  uint64_t number = 0;  // of the listing; 0: not listed
};

// A book opened for one reader.
struct ServedBook {
  UniqueFd fd;
  // The identity of the open file, when it was opened or last read. Differs from that of the record
  // in ctime at most: then the scanner has not looked again yet, and the receiver's check of the
  // bytes decides.
  FileIdentity identity;
  Book book;
  // Turns true when the listing was given away or ended: stop reading.
  std::shared_ptr<const std::atomic<bool>> ended;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_BOOK_H_
