// Why a book that a peer asks for is not here.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_MISSING_BOOK_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_MISSING_BOOK_H_

#include <absl/status/status.h>

#include <string>

#include "lib/core/content_id.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/library/book.h"

namespace arkshare {

// Returns the error for a download of a content that has no listing: kBookMoved with the public key
// of its receiver, or kBookGone. Reads the ledger; returns its error when that fails.
absl::Status WhyNotServed(LedgerReleases& releases, const ContentId& content);

// Returns the error for the release of a listing that is no longer there with this content:
// kBookMoved with the public key of its receiver, kBookChanged or kBookGone. Reads the ledger;
// returns its error when that fails.
absl::Status WhyNotReleased(LedgerListings& listings, LedgerReleases& releases,
                            const ReleaseItem& item);

// Returns kNotForTaking for a book that this peer only lends; `reason` as in Book::lend_reason.
absl::Status OnlyLent(const std::string& reason);

// Returns OK when a listed book may be given away now. Errors: kNotForTaking when this peer lends
// all books or this one, kBookUnsettled when the index does not know it yet.
absl::Status MayRelease(const Book& book, bool lends_all);

// Returns the error for a listed book whose file the disk or the system does not let this peer
// read: kBookChanged, because another peer may have the book, in the words of `why`.
absl::Status CannotReadBook(const absl::Status& why);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_MISSING_BOOK_H_
