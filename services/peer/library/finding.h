// A path of the shared folder, as the scanner found it.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "services/peer/disk/ledger_records.h"

namespace arkshare {

struct Finding {
  std::string path;
  // A hashed file that may be shared. Otherwise the path has no book, and its listing ends.
  std::optional<ListingRecord> book{};
  bool lend_only = false;
  std::string lend_reason{};  // as in Book
  // Without a book: why the listing ends.
  ListingRecord::State ended = ListingRecord::State::kDeleted;
  // Without a book: the file that is there all the same.
  struct Unlisted {
    uint64_t size = 0;   // bytes
    std::string reason;  // why it is not shared, for people; empty: still to be hashed
  };
  std::optional<Unlisted> unlisted{};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_FINDING_H_
