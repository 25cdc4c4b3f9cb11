#include "services/peer/disk/ledger.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <cstdlib>

#include "lib/core/log.h"
#include "services/peer/disk/ledger_row.h"

namespace arkshare {
namespace {

// States are the numbers of the enums in ledger.h; keys, roots and transfer ids are raw bytes.
constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS listings(
  number INTEGER PRIMARY KEY AUTOINCREMENT,   -- AUTOINCREMENT: never used twice, also after a delete
  name TEXT NOT NULL, path BLOB NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL,
  inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  state INTEGER NOT NULL, unsettled INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS listings_present ON listings(state) WHERE state = 1;
CREATE TABLE IF NOT EXISTS releases(
  transfer_id BLOB PRIMARY KEY, listing INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL,
  receiver BLOB NOT NULL, state INTEGER NOT NULL, ticket BLOB NOT NULL,
  reason TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT NOT NULL, time INTEGER NOT NULL);
-- The database itself refuses to release a listing twice.
CREATE UNIQUE INDEX IF NOT EXISTS releases_once ON releases(listing) WHERE state > 0;
CREATE INDEX IF NOT EXISTS releases_content ON releases(root, size) WHERE state > 0;
CREATE INDEX IF NOT EXISTS releases_hidden ON releases(state) WHERE state = 1;
-- move: 0 a copy, 1 a move, 2 kept as a copy by the owner, because the source did not answer.
CREATE TABLE IF NOT EXISTS transfers(
  transfer_id BLOB PRIMARY KEY, move INTEGER NOT NULL, source BLOB NOT NULL,
  source_listing INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL, name TEXT NOT NULL,
  state INTEGER NOT NULL, listing INTEGER NOT NULL, ticket BLOB NOT NULL,
  index_told INTEGER NOT NULL, confirmed INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS transfers_open ON transfers(state) WHERE state < 4;
CREATE TABLE IF NOT EXISTS unshared(path BLOB PRIMARY KEY);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL);
)sql";

constexpr char kListingColumns[] =
    "number, name, path, root, size, inode, mtime_ns, state, unsettled FROM listings ";
constexpr char kReleaseColumns[] =
    "transfer_id, listing, root, size, receiver, state, ticket, reason, message, metadata, time "
    "FROM releases ";

ListingRecord ReadListing(const SqlStatement& row) {
  return ListingRecord{
      .number = static_cast<uint64_t>(row.Int(0)),
      .name = OrDie(BookName::Parse(row.Bytes(1))),
      .path = row.Bytes(2),
      .content = ReadContent(row, 3),
      .identity = {.inode = static_cast<uint64_t>(row.Int(5)),
                   .size = static_cast<uint64_t>(row.Int(4)),
                   .mtime_ns = row.Int(6)},
      .state = static_cast<ListingRecord::State>(row.Int(7)),
      .unsettled = row.Int(8) != 0,
  };
}

// "key=value" a line; keys and values are ours and have neither.
std::string EncodeMetadata(const ErrorMetadata& metadata) {
  std::string out;
  for (const auto& [key, value] : metadata) absl::StrAppend(&out, key, "=", value, "\n");
  return out;
}

ErrorMetadata DecodeMetadata(const std::string& text) {
  ErrorMetadata out;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> entry = absl::StrSplit(line, absl::MaxSplits('=', 1));
    out.insert(entry);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const SharedFolder* folder,
                                                     const Clock* clock) {
  auto ledger = std::unique_ptr<Ledger>(new Ledger(folder, clock));
  absl::StatusOr<std::unique_ptr<SqlDatabase>> db =
      SqlDatabase::Open(folder->StatePath("ledger.db"), /*durable=*/true);
  if (!db.ok() && absl::IsResourceExhausted(db.status()) && folder->FreeReserve()) {
    db = SqlDatabase::Open(folder->StatePath("ledger.db"), /*durable=*/true);
  }
  if (!db.ok()) {
    return absl::Status(db.status().code(),
                        absl::StrCat("the ledger ", folder->StatePath("ledger.db"),
                                     " cannot be opened: ", db.status().message(),
                                     "; it holds what this peer has promised, so make room for it "
                                     "or restore it from a backup, and do not remove it"));
  }
  MutexLock lock(&ledger->mutex_);
  ledger->db_ = *std::move(db);
  absl::Status made = ledger->Commit(
      [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return ledger->db_->Execute(kSchema); });
  if (!made.ok()) return made;
  return ledger;
}

absl::Status Ledger::Commit(absl::FunctionRef<absl::Status()> body) {
  absl::Status status = db_->Transaction(body);
  if (status.ok() && !reserve_) {
    reserve_ = folder_->RestoreReserve();
  } else if (absl::IsResourceExhausted(status)) {
    reserve_ = false;
    if (!folder_->FreeReserve()) return status;
    LogWarning("disk_full", {{"freed_reserve_of", folder_->path()}});
    status = db_->Transaction(body);
  }
  if (status.ok() || absl::IsResourceExhausted(status)) return status;
  LogCritical("ledger_write_failed",
              {{"why", status}, {"hint", "start this program again; it recovers"}});
  std::_Exit(70);
}

absl::StatusOr<std::vector<ListingRecord>> Ledger::PresentListings() {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), absl::StrCat("SELECT ", kListingColumns, "WHERE state = 1"));
  std::vector<ListingRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(ReadListing(rows));
  }
}

absl::StatusOr<std::optional<ListingRecord>> Ledger::FindListing(uint64_t number) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), absl::StrCat("SELECT ", kListingColumns, "WHERE number = ?"));
  absl::StatusOr<bool> row = rows.Bind(static_cast<int64_t>(number)).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return ReadListing(rows);
}

absl::StatusOr<uint64_t> Ledger::InsertListing(const ListingRecord& listing) {
  SqlStatement insert(db_.get(),
                      "INSERT INTO listings(name, path, root, size, inode, mtime_ns, state, "
                      "unsettled) VALUES(?, ?, ?, ?, ?, ?, 1, ?)");
  absl::Status status = insert.BindText(listing.name.value())
                            .BindBlob(listing.path)
                            .BindBlob(RootBytes(listing.content))
                            .Bind(static_cast<int64_t>(listing.content.size))
                            .Bind(static_cast<int64_t>(listing.identity.inode))
                            .Bind(listing.identity.mtime_ns)
                            .Bind(listing.unsettled ? 1 : 0)
                            .Run();
  if (!status.ok()) return status;
  return static_cast<uint64_t>(sqlite3_last_insert_rowid(db_->handle()));
}

absl::StatusOr<uint64_t> Ledger::ReplaceListing(uint64_t gone, ListingRecord::State gone_state,
                                                const ListingRecord& added) {
  MutexLock lock(&mutex_);
  uint64_t number = 0;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (gone != 0) {
      SqlStatement end(db_.get(), "UPDATE listings SET state = ? WHERE number = ?");
      absl::Status s =
          end.Bind(static_cast<int64_t>(gone_state)).Bind(static_cast<int64_t>(gone)).Run();
      if (!s.ok()) return s;
    }
    absl::StatusOr<uint64_t> inserted = InsertListing(added);
    if (inserted.ok()) number = *inserted;
    return inserted.status();
  });
  if (!status.ok()) return status;
  return number;
}

absl::StatusOr<uint64_t> Ledger::DrawListingNumber() {
  MutexLock lock(&mutex_);
  uint64_t number = 0;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement insert(db_.get(),
                        "INSERT INTO listings(name, path, root, size, inode, mtime_ns, state, "
                        "unsettled) VALUES('', x'', x'', 0, 0, 0, 0, 0)");
    if (absl::Status s = insert.Run(); !s.ok()) return s;
    number = static_cast<uint64_t>(sqlite3_last_insert_rowid(db_->handle()));
    // AUTOINCREMENT remembers it.
    SqlStatement remove(db_.get(), "DELETE FROM listings WHERE number = ?");
    return remove.Bind(static_cast<int64_t>(number)).Run();
  });
  if (!status.ok()) return status;
  return number;
}

absl::Status Ledger::EndListing(uint64_t number, ListingRecord::State state) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement end(db_.get(), "UPDATE listings SET state = ? WHERE number = ?");
    return end.Bind(static_cast<int64_t>(state)).Bind(static_cast<int64_t>(number)).Run();
  });
}

absl::Status Ledger::SettleListings(absl::Span<const uint64_t> numbers) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement settle(db_.get(), "UPDATE listings SET unsettled = 0 WHERE number = ?");
    for (uint64_t number : numbers) {
      if (absl::Status s = settle.Bind(static_cast<int64_t>(number)).Run(); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<ReleaseRecord>> Ledger::SelectReleases(SqlStatement& statement) {
  std::vector<ReleaseRecord> out;
  while (true) {
    absl::StatusOr<bool> row = statement.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    ReleaseRecord record;
    record.item.transfer_id = OrDie(TransferId::FromBytes(statement.Bytes(0)));
    record.item.listing = static_cast<uint64_t>(statement.Int(1));
    record.item.content = ReadContent(statement, 2);
    record.receiver = OrDie(PublicKey::FromBytes(statement.Bytes(4)));
    record.state = static_cast<ReleaseRecord::State>(statement.Int(5));
    if (record.state == ReleaseRecord::State::kRefused) {
      record.refusal = MakeError(ReasonFromName(statement.Bytes(7)), statement.Bytes(8),
                                 DecodeMetadata(statement.Bytes(9)));
    } else {
      record.ticket = OrDie(DecodeTicket(statement.Bytes(6)));
    }
    record.time = absl::FromUnixMillis(statement.Int(10));
    out.push_back(std::move(record));
  }
}

namespace {
absl::StatusOr<std::optional<ReleaseRecord>> FirstOf(
    absl::StatusOr<std::vector<ReleaseRecord>> rows) {
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}
}  // namespace

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindRelease(const TransferId& id) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), absl::StrCat("SELECT ", kReleaseColumns, "WHERE transfer_id = ?"));
  rows.BindBlob(id.bytes());
  return FirstOf(SelectReleases(rows));
}

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindReleaseOfListing(uint64_t listing) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(),
                    absl::StrCat("SELECT ", kReleaseColumns, "WHERE listing = ? AND state > 0"));
  rows.Bind(static_cast<int64_t>(listing));
  return FirstOf(SelectReleases(rows));
}

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindReleaseOfContent(
    const ContentId& content) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(),
                    absl::StrCat("SELECT ", kReleaseColumns,
                                 "WHERE root = ? AND size = ? AND state > 0 ORDER BY rowid DESC "
                                 "LIMIT 1"));
  rows.BindBlob(RootBytes(content)).Bind(static_cast<int64_t>(content.size));
  return FirstOf(SelectReleases(rows));
}

absl::Status Ledger::RecordReleases(absl::Span<const ReleaseRecord> records) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement insert(db_.get(),
                        "INSERT INTO releases(transfer_id, listing, root, size, receiver, state, "
                        "ticket, reason, message, metadata, time) "
                        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    SqlStatement end(db_.get(), "UPDATE listings SET state = ? WHERE number = ?");
    for (const ReleaseRecord& record : records) {
      const bool refused = record.state == ReleaseRecord::State::kRefused;
      absl::Status s =
          insert.BindBlob(record.item.transfer_id.bytes())
              .Bind(static_cast<int64_t>(record.item.listing))
              .BindBlob(RootBytes(record.item.content))
              .Bind(static_cast<int64_t>(record.item.content.size))
              .BindBlob(record.receiver.bytes())
              .Bind(static_cast<int64_t>(record.state))
              .BindBlob(refused ? std::string() : EncodeTicket(record.ticket))
              .BindText(refused ? ReasonName(GetReason(record.refusal)) : "")
              .BindText(refused ? record.refusal.message() : "")
              .BindText(refused ? EncodeMetadata(GetErrorMetadata(record.refusal)) : "")
              .Bind(absl::ToUnixMillis(clock_->Now()))
              .Run();
      if (!s.ok()) return s;
      if (refused) continue;
      s = end.Bind(static_cast<int64_t>(ListingRecord::State::kReleased))
              .Bind(static_cast<int64_t>(record.item.listing))
              .Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status Ledger::RecordReleaseStates(absl::Span<const TransferId> ids,
                                         ReleaseRecord::State state) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(), "UPDATE releases SET state = ? WHERE transfer_id = ?");
    for (const TransferId& id : ids) {
      absl::Status s = update.Bind(static_cast<int64_t>(state)).BindBlob(id.bytes()).Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<ReleaseRecord>> Ledger::HiddenReleases() {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(),
                    absl::StrCat("SELECT ", kReleaseColumns, "WHERE state = 1 ORDER BY rowid"));
  return SelectReleases(rows);
}

absl::StatusOr<std::vector<std::string>> Ledger::UnsharedPaths() {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), "SELECT path FROM unshared");
  std::vector<std::string> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(rows.Bytes(0));
  }
}

absl::Status Ledger::SetUnshared(const std::string& path, bool unshared) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(), unshared ? "INSERT OR IGNORE INTO unshared(path) VALUES(?)"
                                            : "DELETE FROM unshared WHERE path = ?");
    return update.BindBlob(path).Run();
  });
}

absl::StatusOr<uint32_t> Ledger::LastPeerId() {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), "SELECT value FROM meta WHERE key = 'peer_id'");
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  return *row ? static_cast<uint32_t>(rows.Int(0)) : 0u;
}

absl::Status Ledger::SetLastPeerId(uint32_t id) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(),
                        "INSERT INTO meta(key, value) VALUES('peer_id', ?) "
                        "ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    return update.Bind(static_cast<int64_t>(id)).Run();
  });
}

}  // namespace arkshare
