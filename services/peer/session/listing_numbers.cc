#include "services/peer/session/listing_numbers.h"

#include <absl/status/statusor.h>

#include "lib/core/log.h"

namespace arkshare {

void ListingNumbers::Check(const std::string& index_address, uint64_t largest_known) {
  uint64_t drawn = library_->number_at_load();
  if (!told_.insert(index_address).second) {
    const absl::StatusOr<uint64_t> last = listings_->LastNumber();
    if (!last.ok()) return;
    drawn = *last;
  }
  // No ledger draws a number as large as that.
  constexpr uint64_t kBeyondAll = uint64_t{1} << 62;
  if (largest_known <= drawn || largest_known >= kBeyondAll) return;
  const absl::StatusOr<size_t> renumbered = library_->Renumber(largest_known);
  if (!renumbered.ok()) {
    LogError("not_renumbered", {{"why", renumbered.status()}});
    told_.erase(index_address);
    return;
  }
  LogWarning("ledger_is_older",
             {{"last_number", drawn},
              {"index_knows", largest_known},
              {"renumbered", *renumbered},
              {"hint",
               "the shared folder was restored from a backup: the listings have new numbers, "
               "and books that were given away since the backup are here once more"}});
}

}  // namespace arkshare
