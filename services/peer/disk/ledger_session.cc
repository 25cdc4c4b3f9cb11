#include "services/peer/disk/ledger_session.h"

#include <optional>

#include "services/peer/disk/ledger_meta.h"

namespace arkshare {

absl::StatusOr<uint32_t> LedgerSession::Number(const char* key) {
  const absl::StatusOr<std::optional<int64_t>> value =
      file_->Read([&](SqlDatabase* db) { return FindMeta(db, key); });
  if (!value.ok()) return value.status();
  return static_cast<uint32_t>(value->value_or(0));
}

absl::Status LedgerSession::SetNumber(const char* key, uint32_t value) {
  return file_->Commit([&](SqlDatabase* db) { return SetMeta(db, key, int64_t{value}); });
}

}  // namespace arkshare
