#include "services/peer/disk/sqlite.h"

#include <absl/strings/str_cat.h>

#include <cerrno>

namespace arkshare {
namespace {

absl::Status SqlError(sqlite3* db, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", sqlite3_errmsg(db));
  switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_IOERR:
      // SQLite does not report a full disk when there is no room for the shared memory of the log.
      if (const int error = sqlite3_system_errno(db);
          error == ENOSPC || error == EDQUOT || error == EFBIG) {
        return absl::ResourceExhaustedError(message);
      }
      return absl::InternalError(message);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return absl::DataLossError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace

SqlStatement::SqlStatement(SqlDatabase* db, absl::string_view sql) : db_(db) {
  const auto kept = db->prepared_.find(std::string_view(sql.data(), sql.size()));
  if (kept != db->prepared_.end()) {
    statement_ = kept->second;
    db->prepared_.erase(kept);
    return;
  }
  // A failure leaves the statement null, and Step returns the error.
  sqlite3_prepare_v3(db->db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                     &statement_, nullptr);
}

SqlStatement::~SqlStatement() {
  if (statement_ == nullptr) return;
  Reset();
  // Two statements with one text may have been in use at once; one is kept.
  if (!db_->prepared_.emplace(sqlite3_sql(statement_), statement_).second) {
    sqlite3_finalize(statement_);
  }
}

void SqlStatement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  next_parameter_ = 1;
}

SqlStatement& SqlStatement::Bind(int64_t value) {
  sqlite3_bind_int64(statement_, next_parameter_++, value);
  return *this;
}

SqlStatement& SqlStatement::BindText(absl::string_view text) {
  // A null pointer would bind NULL, which is not the empty text.
  sqlite3_bind_text(statement_, next_parameter_++, text.empty() ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}

SqlStatement& SqlStatement::BindBlob(absl::string_view bytes) {
  sqlite3_bind_blob(statement_, next_parameter_++, bytes.empty() ? "" : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> SqlStatement::Step() {
  if (statement_ == nullptr) return SqlError(db_->db_, "cannot prepare a statement");
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqlError(db_->db_, "database");
  }
}

absl::Status SqlStatement::Run() {
  absl::StatusOr<bool> row = Step();
  while (row.ok() && *row) row = Step();
  if (statement_ != nullptr) Reset();
  return row.status();
}

int64_t SqlStatement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string SqlStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

absl::StatusOr<std::unique_ptr<SqlDatabase>> SqlDatabase::Open(const std::string& path,
                                                               bool durable) {
  sqlite3* raw = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  auto db = std::unique_ptr<SqlDatabase>(new SqlDatabase(raw));
  if (rc != SQLITE_OK) return SqlError(raw, absl::StrCat("cannot open ", path));
  sqlite3_busy_timeout(raw, 5000);
  if (absl::Status s = db->Execute("PRAGMA journal_mode=WAL"); !s.ok()) return s;
  const char* sync = durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF";
  if (absl::Status s = db->Execute(sync); !s.ok()) return s;
  return db;
}

SqlDatabase::~SqlDatabase() {
  for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

absl::Status SqlDatabase::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return SqlError(db_, "database");
}

absl::Status SqlDatabase::AddColumn(const char* table, const char* column,
                                    const char* declaration) {
  {
    SqlStatement columns(this, "SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = ?");
    absl::StatusOr<bool> row = columns.BindText(table).BindText(column).Step();
    if (!row.ok()) return row.status();
    if (*row && columns.Int(0) > 0) return absl::OkStatus();
  }
  return Execute(
      absl::StrCat("ALTER TABLE ", table, " ADD COLUMN ", column, " ", declaration).c_str());
}

}  // namespace arkshare
