#include "services/peer/disk/ledger_file.h"

#include <absl/strings/str_cat.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "lib/core/log.h"

namespace arkshare {

LedgerFile::LedgerFile(const SharedFolder* folder, std::unique_ptr<SqlDatabase> db)
    : folder_(folder), db_(std::move(db)) {}

absl::StatusOr<std::unique_ptr<LedgerFile>> LedgerFile::Open(const SharedFolder* folder) {
  const std::string path = folder->StatePath("ledger.db");
  absl::StatusOr<std::unique_ptr<SqlDatabase>> db = SqlDatabase::Open(path, /*durable=*/true);
  if (!db.ok() && absl::IsResourceExhausted(db.status()) && folder->FreeReserve()) {
    db = SqlDatabase::Open(path, /*durable=*/true);
  }
  if (!db.ok()) {
    return absl::Status(
        db.status().code(),
        absl::StrCat("the ledger ", path, " cannot be opened: ", db.status().message(),
                     "; it holds what this peer has promised, so make room for it "
                     "or restore it from a backup, and do not remove it"));
  }
  return std::unique_ptr<LedgerFile>(new LedgerFile(folder, *std::move(db)));
}

absl::Status LedgerFile::Commit(absl::FunctionRef<absl::Status(SqlDatabase*)> body) {
  MutexLock lock(&mutex_);
  SqlDatabase* const db = db_.get();
  const auto run = [&] { return body(db); };
  absl::Status status = db->Transaction(run);
  if (status.ok() && !reserve_) {
    reserve_ = folder_->RestoreReserve();
  } else if (absl::IsResourceExhausted(status)) {
    reserve_ = false;
    if (!folder_->FreeReserve()) return status;
    LogWarning("disk_full", {{"freed_reserve_of", folder_->path()}});
    status = db->Transaction(run);
  }
  if (status.ok() || absl::IsResourceExhausted(status)) return status;
  LogCritical("ledger_write_failed",
              {{"why", status}, {"hint", "start this program again; it recovers"}});
  std::_Exit(70);
}

}  // namespace arkshare
