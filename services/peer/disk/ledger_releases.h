// The ledger's table of releases: the source's half of every move.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_records.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Runs the statements on one table. Has no lock: Ledger calls it with its own lock held, and calls
// what writes within a transaction.
class LedgerReleases {
 public:
  // `db` must outlive it.
  explicit LedgerReleases(SqlDatabase* db) : db_(db) {}

  // Each Find returns nullopt when there is none.
  absl::StatusOr<std::optional<ReleaseRecord>> Find(const TransferId& id) const;
  // Skips refused releases.
  absl::StatusOr<std::optional<ReleaseRecord>> FindOfListing(uint64_t listing) const;
  // Returns the latest; skips refused releases.
  absl::StatusOr<std::optional<ReleaseRecord>> FindOfContent(const ContentId& content) const;
  // Neither confirmed nor restored, oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> Hidden() const;
  absl::StatusOr<uint64_t> CountHidden() const;
  // Confirmed, but the hidden copy is not yet proven to be the book; oldest first.
  absl::StatusOr<std::vector<ReleaseRecord>> Confirmed() const;

  // Fails for a second release of a listing. Stores `now` as the time of each.
  absl::Status Insert(absl::Span<const ReleaseRecord> records, absl::Time now);
  // Deletes the oldest refusals beyond kMaxRefusalsOfReceiver.
  absl::Status TrimRefusalsOf(const PublicKey& receiver);
  // Deletes the oldest refusals beyond kMaxRefusals.
  absl::Status TrimRefusals();
  absl::Status SetState(absl::Span<const TransferId> ids, ReleaseRecord::State state);

 private:
  SqlDatabase* const db_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_RELEASES_H_
