#include "services/peer/disk/ledger.h"

#include <utility>

#include "services/peer/disk/ledger_schema.h"

namespace arkshare {

Ledger::Ledger(std::unique_ptr<LedgerFile> file, const Clock* clock)
    : file_(std::move(file)),
      listings_(file_.get(), clock),
      releases_(file_.get(), clock),
      transfers_(file_.get(), clock),
      unshared_(file_.get()),
      history_(file_.get()),
      wishes_(file_.get()),
      session_(file_.get()) {}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const SharedFolder* folder,
                                                     const Clock* clock) {
  absl::StatusOr<std::unique_ptr<LedgerFile>> file = LedgerFile::Open(folder);
  if (!file.ok()) return file.status();
  absl::Status made = (*file)->Commit([&](SqlDatabase* db) {
    if (absl::Status s = MakeLedgerTables(*db); !s.ok()) return s;
    if (absl::Status s = LedgerReleases::TrimRefusals(db); !s.ok()) return s;
    return LedgerListings::ComparePlace(db, folder->traits());
  });
  if (!made.ok()) return made;
  return std::unique_ptr<Ledger>(new Ledger(*std::move(file), clock));
}

}  // namespace arkshare
