// The books of one session, as its messages state them.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCED_SHELF_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCED_SHELF_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/index/catalog/catalog.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// The contents of one message of an Announce stream.
struct Announcement {
  uint64_t first_sequence = 0;
  std::vector<StatementRecord> statements;
  bool snapshot_complete = false;
  uint32_t free_slots = 0;
  uint64_t upload_limit = 0;
  std::vector<PublicKey> silent;  // peers that did not answer this one
  uint64_t members_version = 0;   // of the list of members that the peer has
  std::string local_address{};    // AnnounceRequest.local_address
  // In the first message of a stream: the network from which it comes. Then local_address counts.
  std::optional<std::string> network{};
};

// Applies the messages of a session in order, each statement once. Has a lock of its own, so that
// no other session waits for them; the catalog's is taken under it. Thread-safe.
class AnnouncedShelf {
 public:
  // `catalog` must outlive it.
  AnnouncedShelf(Catalog* catalog, Catalog::ShelfPtr shelf)
      : catalog_(catalog), shelf_(std::move(shelf)) {}

  const Catalog::ShelfPtr& shelf() const { return shelf_; }
  // Returns the number of the last statement that has been applied.
  uint64_t applied() const { return applied_; }
  // Applies the message and returns `applied`. SEQUENCE_GAP, LIMIT_EXCEEDED, INVALID_FIELD. The
  // catalog ignores statements for a shelf that is closed.
  absl::StatusOr<uint64_t> Apply(const Announcement& announcement);

 private:
  absl::Status ApplyStatementsLocked(const Announcement& announcement)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(applying_);

  Catalog* const catalog_;
  const Catalog::ShelfPtr shelf_;
  Mutex applying_;
  std::atomic<uint64_t> applied_ = 0;  // written with applying_ held
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_ANNOUNCED_SHELF_H_
