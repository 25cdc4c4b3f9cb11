// The source's half of a move, as far as the listings are concerned.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_RELEASES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_RELEASES_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/library/book.h"
#include "services/peer/library/library_tables.h"

namespace arkshare {

// Which listings are being given away. Thread-safe. A listing that is being released is not served,
// and its path is claimed.
class Releases {
 public:
  // `lends_all`: nothing may be given away. `examine` is called, without locks, with paths to be
  // examined again. All must outlive it.
  Releases(GuardedTables* shared, LedgerListings* listings, LedgerReleases* releases,
           const Clock* clock, bool lends_all,
           std::function<void(const std::string& path)> examine);

  // Stops serving a listing and claims its path. Waits while another release of it is being
  // decided. Errors: kBookMoved, kBookGone, kBookChanged, kNotForTaking, kBookUnsettled.
  absl::StatusOr<Book> Begin(const ReleaseItem& item);
  // Ends the readers of a listing after the commit point. It stays announced until AnnounceGone, or
  // for two seconds.
  void Finish(uint64_t number);
  // Serves a listing again that was not released, and asks for its path to be examined.
  void Cancel(uint64_t number);
  // Announces that a released listing is gone, because its receiver has told the index.
  void AnnounceGone(uint64_t number);

 private:
  GuardedTables* const shared_;
  LedgerListings* const listings_;
  LedgerReleases* const releases_;
  const Clock* const clock_;
  const bool lends_all_;
  const std::function<void(const std::string& path)> examine_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_RELEASES_H_
