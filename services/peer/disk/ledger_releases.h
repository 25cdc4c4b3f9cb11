// The ledger's record of releases: the source's half of every move.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Never forgets what was given away. Of refusals, it keeps the last ones. Thread-safe. Each change
// is durable when the call returns.
class LedgerReleases {
 public:
  // Both must outlive it.
  LedgerReleases(LedgerFile* file, const Clock* clock) : file_(file), clock_(clock) {}

  // Deletes the oldest refusals beyond kMaxRefusals. For Ledger::Open, in its transaction.
  static absl::Status TrimRefusals(SqlDatabase* db);

  absl::StatusOr<std::optional<ReleaseRecord>> Find(const TransferId& id);
  // Returns the release that gave a listing away; nullopt when none did.
  absl::StatusOr<std::optional<ReleaseRecord>> FindOfListing(uint64_t listing);
  // Returns the latest release of this content, which tells where the book went. Skips refusals.
  absl::StatusOr<std::optional<ReleaseRecord>> FindOfContent(const ContentId& content);
  // Returns what was released and is neither confirmed nor restored; oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> Hidden();
  // Returns how many these are.
  absl::StatusOr<uint64_t> CountHidden();
  // Returns what is confirmed and waits for the proof that its hidden copy may be deleted; oldest
  // first.
  absl::StatusOr<std::vector<ReleaseRecord>> Confirmed();

  // Records all of them, of one receiver, in one transaction, and ends the listings that are
  // released: this is the commit point of a move. Keeps the last kMaxRefusalsOfReceiver refusals of
  // the receiver and the last kMaxRefusals of all. Stores the present time as that of each.
  absl::Status Record(absl::Span<const ReleaseRecord> records);
  absl::Status RecordState(absl::Span<const TransferId> ids, ReleaseRecord::State state);
  // Grows when a release is recorded or gets another state. A caller that reads the releases after
  // it sees that change.
  uint64_t changes() const { return changes_; }

 private:
  LedgerFile* const file_;
  const Clock* const clock_;
  std::atomic<uint64_t> changes_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_
