#include "services/peer/disk/ledger_meta.h"

namespace arkshare {

absl::StatusOr<std::optional<int64_t>> FindMeta(SqlDatabase* db, absl::string_view key) {
  SqlStatement rows(db, "SELECT value FROM meta WHERE key = ?");
  absl::StatusOr<bool> row = rows.BindText(key).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return rows.Int(0);
}

absl::Status SetMeta(SqlDatabase* db, absl::string_view key, int64_t value) {
  SqlStatement update(db,
                      "INSERT INTO meta(key, value) VALUES(?, ?) "
                      "ON CONFLICT(key) DO UPDATE SET value = excluded.value");
  return update.BindText(key).Bind(value).Run();
}

}  // namespace arkshare
