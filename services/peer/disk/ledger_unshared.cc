#include "services/peer/disk/ledger_unshared.h"

#include <cstdint>

namespace arkshare {

absl::StatusOr<std::vector<UnsharedRecord>> LedgerUnshared::All() {
  return file_->Read([&](SqlDatabase* db) -> absl::StatusOr<std::vector<UnsharedRecord>> {
    SqlStatement rows(db,
                      "SELECT path, folder, inode, born_ns FROM unshared "
                      "LEFT JOIN unshared_marks USING(path) ORDER BY unshared_marks.rowid");
    std::vector<UnsharedRecord> out;
    while (true) {
      absl::StatusOr<bool> row = rows.Step();
      if (!row.ok()) return row.status();
      if (!*row) return out;
      // Without a mark, the columns are NULL and read as 0.
      out.push_back({.path = rows.Bytes(0),
                     .folder = rows.Int(1) != 0,
                     .mark = {static_cast<uint64_t>(rows.Int(2)), rows.Int(3)}});
    }
  });
}

absl::Status LedgerUnshared::Put(absl::Span<const UnsharedRecord> records) {
  return file_->Commit([&](SqlDatabase* db) {
    SqlStatement path(db, "INSERT OR IGNORE INTO unshared(path) VALUES(?)");
    SqlStatement mark(db,
                      "INSERT OR REPLACE INTO unshared_marks(path, folder, inode, born_ns) "
                      "VALUES(?, ?, ?, ?)");
    SqlStatement surplus(
        db,
        "DELETE FROM unshared_marks WHERE path = ?1 AND rowid NOT IN (SELECT rowid "
        "FROM unshared_marks WHERE path = ?1 ORDER BY rowid DESC LIMIT 8)");
    for (const UnsharedRecord& record : records) {
      if (absl::Status s = path.BindBlob(record.path).Run(); !s.ok()) return s;
      if (!record.folder && record.mark == FileMark()) continue;
      absl::Status s = mark.BindBlob(record.path)
                           .Bind(record.folder ? 1 : 0)
                           .Bind(static_cast<int64_t>(record.mark.inode))
                           .Bind(record.mark.born_ns)
                           .Run();
      if (s.ok()) s = surplus.BindBlob(record.path).Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status LedgerUnshared::Remove(absl::Span<const std::string> paths) {
  return file_->Commit([&](SqlDatabase* db) {
    SqlStatement path(db, "DELETE FROM unshared WHERE path = ?");
    SqlStatement mark(db, "DELETE FROM unshared_marks WHERE path = ?");
    for (const std::string& gone : paths) {
      if (absl::Status s = path.BindBlob(gone).Run(); !s.ok()) return s;
      if (absl::Status s = mark.BindBlob(gone).Run(); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

}  // namespace arkshare
