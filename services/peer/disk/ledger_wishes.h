// The ledger's record of wishes and of what they have found.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_WISHES_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_WISHES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <vector>

#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_records.h"

namespace arkshare {

// Thread-safe. Each change is durable when the call returns.
class LedgerWishes {
 public:
  // `file` must outlive it.
  explicit LedgerWishes(LedgerFile* file) : file_(file) {}

  // In the order in which they were added, each with what it has found, oldest first.
  absl::StatusOr<std::vector<WishRecord>> All();
  // Adds a wish without what it has found, or gives the wish with the same query its action and
  // limit. Returns its id.
  absl::StatusOr<uint64_t> Put(const WishRecord& wish);
  absl::Status Remove(uint64_t wish);
  // Adds what a wish has found; a content that it has found before stays as it is.
  absl::Status AddFinds(uint64_t wish, absl::Span<const WishFind> finds);
  // Notes that a content was received for a wish.
  absl::Status SetFetched(uint64_t wish, const ContentId& content);

 private:
  LedgerFile* const file_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_WISHES_H_
