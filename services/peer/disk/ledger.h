// The record of what a peer has promised: its listings and its moves, and what its owner decided.
//
// The tables are described in ledger_schema.cc, where a program that audits a ledger reads them.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_

#include <absl/status/statusor.h>

#include <memory>

#include "lib/core/clock.h"
#include "services/peer/disk/ledger_file.h"
#include "services/peer/disk/ledger_history.h"
#include "services/peer/disk/ledger_listings.h"
#include "services/peer/disk/ledger_releases.h"
#include "services/peer/disk/ledger_session.h"
#include "services/peer/disk/ledger_transfers.h"
#include "services/peer/disk/ledger_unshared.h"
#include "services/peer/disk/ledger_wishes.h"
#include "services/peer/disk/shared_folder.h"

namespace arkshare {

// Opens the ledger, and has its parts, which share one file. A class that needs one part takes that
// part. Thread-safe.
class Ledger {
 public:
  // `folder` and `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const SharedFolder* folder,
                                                      const Clock* clock);

  LedgerListings* listings() { return &listings_; }
  LedgerReleases* releases() { return &releases_; }
  LedgerTransfers* transfers() { return &transfers_; }
  LedgerUnshared* unshared() { return &unshared_; }
  LedgerHistory* history() { return &history_; }
  LedgerWishes* wishes() { return &wishes_; }
  LedgerSession* session() { return &session_; }

 private:
  Ledger(std::unique_ptr<LedgerFile> file, const Clock* clock);

  const std::unique_ptr<LedgerFile> file_;
  LedgerListings listings_;
  LedgerReleases releases_;
  LedgerTransfers transfers_;
  LedgerUnshared unshared_;
  LedgerHistory history_;
  LedgerWishes wishes_;
  LedgerSession session_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_H_
