// A thin, owning door to SQLite. One connection belongs to one class, which serialises its use.
#ifndef ARKSHARE_SERVICES_PEER_DISK_SQLITE_H_
#define ARKSHARE_SERVICES_PEER_DISK_SQLITE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace arkshare {

class SqlDatabase;

// One prepared statement: call Bind, then Step until it returns false. The destructor returns the
// statement to the database, which keeps it for the next one with the same text, because preparing
// a statement costs more than running most of them.
class SqlStatement {
 public:
  // `db` must outlive it.
  SqlStatement(SqlDatabase* db, absl::string_view sql);
  ~SqlStatement();
  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;

  // Each call binds the next parameter.
  SqlStatement& Bind(int64_t value);
  SqlStatement& BindText(absl::string_view text);
  SqlStatement& BindBlob(absl::string_view bytes);

  // Returns true when there is a row, false when there are no more. Errors: ResourceExhausted when
  // the disk is full, DataLoss when the file is damaged, Internal otherwise.
  absl::StatusOr<bool> Step();
  // Runs a statement without rows and resets it, so that it can be bound and run again.
  absl::Status Run();

  int64_t Int(int column) const;
  std::string Bytes(int column) const;

 private:
  void Reset();

  SqlDatabase* const db_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
};

class SqlDatabase {
 public:
  // Opens or creates `path`. `durable`: WAL with synchronous=FULL, so that a commit that returned
  // survives a power cut; otherwise synchronous=OFF.
  static absl::StatusOr<std::unique_ptr<SqlDatabase>> Open(const std::string& path, bool durable);
  ~SqlDatabase();

  // Runs statements without parameters and rows.
  absl::Status Execute(const char* sql);
  // Adds a column to a table unless it has it.
  absl::Status AddColumn(const char* table, const char* column, const char* declaration);
  sqlite3* handle() { return db_; }

  // Runs `body` between BEGIN IMMEDIATE and COMMIT; rolls back and returns its error when it fails.
  template <typename Body>
  absl::Status Transaction(Body body) {
    if (absl::Status s = Execute("BEGIN IMMEDIATE"); !s.ok()) return s;
    absl::Status status = body();
    if (status.ok()) status = Execute("COMMIT");
    if (!status.ok()) Execute("ROLLBACK").IgnoreError();
    return status;
  }

 private:
  friend class SqlStatement;
  explicit SqlDatabase(sqlite3* db) : db_(db) {}

  sqlite3* db_;
  // The statements that are not in use, by their text.
  std::map<std::string, sqlite3_stmt*, std::less<>> prepared_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_SQLITE_H_
