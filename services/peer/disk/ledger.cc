#include "services/peer/disk/ledger.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lib/core/log.h"

namespace arkshare {
namespace {

// States are the numbers of the enums in ledger_records.h; keys, roots and transfer ids are raw
// bytes.
constexpr char kLedgerSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS listings(
  number INTEGER PRIMARY KEY AUTOINCREMENT,   -- AUTOINCREMENT: never used twice, even after a delete
  name TEXT NOT NULL, path BLOB NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL,
  inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL DEFAULT -1,       -- -1: not believed; the file is to be hashed again
  state INTEGER NOT NULL, unsettled INTEGER NOT NULL,
  time INTEGER NOT NULL DEFAULT 0);           -- milliseconds since the epoch; 0: not known
CREATE INDEX IF NOT EXISTS listings_present ON listings(state) WHERE state = 1;
CREATE TABLE IF NOT EXISTS releases(
  transfer_id BLOB PRIMARY KEY, listing INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL,
  receiver BLOB NOT NULL, state INTEGER NOT NULL, ticket BLOB NOT NULL,
  reason TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT NOT NULL, time INTEGER NOT NULL);
-- The database itself refuses to release a listing twice.
CREATE UNIQUE INDEX IF NOT EXISTS releases_once ON releases(listing) WHERE state > 0;
CREATE INDEX IF NOT EXISTS releases_content ON releases(root, size) WHERE state > 0;
CREATE INDEX IF NOT EXISTS releases_hidden ON releases(state) WHERE state = 1;
CREATE INDEX IF NOT EXISTS releases_confirmed ON releases(state) WHERE state = 4;
CREATE INDEX IF NOT EXISTS releases_refused ON releases(state) WHERE state = 0;
CREATE INDEX IF NOT EXISTS releases_refused_of ON releases(receiver) WHERE state = 0;
-- move: 0 a copy, 1 a move, 2 kept as a copy by the owner because the source did not answer.
CREATE TABLE IF NOT EXISTS transfers(
  transfer_id BLOB PRIMARY KEY, move INTEGER NOT NULL, source BLOB NOT NULL,
  source_listing INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL, name TEXT NOT NULL,
  state INTEGER NOT NULL, listing INTEGER NOT NULL, ticket BLOB NOT NULL,
  index_told INTEGER NOT NULL, confirmed INTEGER NOT NULL,
  time INTEGER NOT NULL DEFAULT 0);           -- when the book was owned; 0: not, or not known
CREATE INDEX IF NOT EXISTS transfers_open ON transfers(state) WHERE state < 4;
CREATE TABLE IF NOT EXISTS unshared(path BLOB PRIMARY KEY);
-- The newest files and folders at such a path, to follow them when they are renamed: a FileMark.
CREATE TABLE IF NOT EXISTS unshared_marks(
  path BLOB NOT NULL, folder INTEGER NOT NULL, inode INTEGER NOT NULL, born_ns INTEGER NOT NULL,
  PRIMARY KEY(path, inode, born_ns));
-- kind: 1 a name, 2 keywords, 3 a content, whose root is the query. action: WishRecord::Action.
CREATE TABLE IF NOT EXISTS wishes(
  wish INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, query BLOB NOT NULL,
  size INTEGER NOT NULL, action INTEGER NOT NULL, fetch_limit INTEGER NOT NULL,
  time INTEGER NOT NULL, UNIQUE(kind, query, size));
CREATE TABLE IF NOT EXISTS wish_finds(
  wish INTEGER NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL, name TEXT NOT NULL,
  peer INTEGER NOT NULL, time INTEGER NOT NULL, fetched INTEGER NOT NULL,
  PRIMARY KEY(wish, root, size));
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL);
)sql";

// These need the columns that AddColumns adds.
constexpr char kHistoryIndexes[] = R"sql(
CREATE INDEX IF NOT EXISTS transfers_history ON transfers(time, transfer_id) WHERE state IN (3, 4);
CREATE INDEX IF NOT EXISTS releases_history ON releases(time, transfer_id) WHERE state > 0;
)sql";

// Brings the tables of an earlier version to the present form.
absl::Status AddColumns(SqlDatabase& db) {
  // The files are hashed once more: kDoubtedCtime.
  absl::Status status = db.AddColumn("listings", "ctime_ns", "INTEGER NOT NULL DEFAULT -1");
  if (status.ok()) status = db.AddColumn("listings", "time", "INTEGER NOT NULL DEFAULT 0");
  if (status.ok()) status = db.AddColumn("transfers", "time", "INTEGER NOT NULL DEFAULT 0");
  return status;
}

}  // namespace

Ledger::Ledger(const SharedFolder* folder, const Clock* clock, std::unique_ptr<SqlDatabase> db)
    : folder_(folder),
      clock_(clock),
      db_(std::move(db)),
      listings_(db_.get()),
      releases_(db_.get()),
      transfers_(db_.get()),
      unshared_(db_.get()),
      history_(db_.get()),
      wishes_(db_.get()) {}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const SharedFolder* folder,
                                                     const Clock* clock) {
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
  auto ledger = std::unique_ptr<Ledger>(new Ledger(folder, clock, *std::move(db)));
  MutexLock lock(&ledger->mutex_);
  absl::Status made = ledger->Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (absl::Status s = ledger->db_->Execute(kLedgerSchema); !s.ok()) return s;
    if (absl::Status s = AddColumns(*ledger->db_); !s.ok()) return s;
    if (absl::Status s = ledger->db_->Execute(kHistoryIndexes); !s.ok()) return s;
    if (absl::Status s = ledger->releases_.TrimRefusals(); !s.ok()) return s;
    return ledger->ComparePlace(folder->traits());
  });
  if (!made.ok()) return made;
  return ledger;
}

absl::Status Ledger::ComparePlace(const FolderTraits& traits) {
  bool same = false;
  {
    SqlStatement rows(db_.get(), "SELECT value FROM meta WHERE key = 'place'");
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    same = *row && rows.Int(0) == traits.place && traits.place != 0;
  }
  if (same && traits.ctime_trusted) return absl::OkStatus();
  if (absl::Status s = listings_.DoubtAll(); !s.ok()) return s;
  SqlStatement update(db_.get(),
                      "INSERT INTO meta(key, value) VALUES('place', ?) "
                      "ON CONFLICT(key) DO UPDATE SET value = excluded.value");
  return update.Bind(traits.place).Run();
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

// --- Listings ---

absl::StatusOr<std::vector<ListingRecord>> Ledger::PresentListings() {
  MutexLock lock(&mutex_);
  return listings_.Present();
}

absl::StatusOr<std::optional<ListingRecord>> Ledger::FindListing(uint64_t number) {
  MutexLock lock(&mutex_);
  return listings_.Find(number);
}

absl::StatusOr<uint64_t> Ledger::ReplaceListing(uint64_t gone, ListingRecord::State gone_state,
                                                const ListingRecord& added) {
  absl::StatusOr<std::vector<uint64_t>> numbers = ReplaceListings({{gone, gone_state, &added}});
  if (!numbers.ok()) return numbers.status();
  return numbers->front();
}

absl::StatusOr<std::vector<uint64_t>> Ledger::ReplaceListings(absl::Span<const Replacement> changes,
                                                              uint64_t above) {
  MutexLock lock(&mutex_);
  std::vector<uint64_t> numbers;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    numbers.assign(changes.size(), 0);  // drops those of a first attempt on a full disk
    if (above != 0) {
      if (absl::Status s = listings_.SkipTo(above); !s.ok()) return s;
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      const auto& [gone, gone_state, added] = changes[i];
      if (gone != 0) {
        if (absl::Status s = listings_.SetState({gone}, gone_state); !s.ok()) return s;
      }
      if (added == nullptr) continue;
      absl::StatusOr<uint64_t> inserted = listings_.Insert(*added, clock_->Now());
      if (!inserted.ok()) return inserted.status();
      numbers[i] = *inserted;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return numbers;
}

absl::Status Ledger::PruneListings() {
  constexpr uint64_t kKept = 10'000;
  constexpr uint64_t kSlice = 50'000;  // numbers in one transaction, which holds the lock
  const absl::StatusOr<uint64_t> last = LastListingNumber();
  if (!last.ok()) return last.status();
  for (uint64_t after = 0; after + kKept < *last; after += kSlice) {
    const uint64_t through = std::min(after + kSlice, *last - kKept);
    MutexLock lock(&mutex_);
    absl::Status s = Commit(
        [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return listings_.DeleteEnded(after, through); });
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Ledger::LastListingNumber() {
  MutexLock lock(&mutex_);
  return listings_.LastNumber();
}

absl::StatusOr<uint64_t> Ledger::DrawListingNumber() {
  MutexLock lock(&mutex_);
  uint64_t number = 0;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::StatusOr<uint64_t> drawn = listings_.DrawNumber();
    if (drawn.ok()) number = *drawn;
    return drawn.status();
  });
  if (!status.ok()) return status;
  return number;
}

absl::Status Ledger::EndListing(uint64_t number, ListingRecord::State state) {
  MutexLock lock(&mutex_);
  return Commit([&]()
                    ABSL_NO_THREAD_SAFETY_ANALYSIS { return listings_.SetState({number}, state); });
}

absl::Status Ledger::SettleListings(absl::Span<const uint64_t> numbers) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return listings_.Settle(numbers); });
}

absl::Status Ledger::RecordIdentities(absl::Span<const Identity> identities) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::Status status;
    for (const auto& [listing, identity] : identities) {
      if (status.ok()) status = listings_.SetIdentity(listing, identity);
    }
    return status;
  });
}

// --- The source's half ---

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindRelease(const TransferId& id) {
  MutexLock lock(&mutex_);
  return releases_.Find(id);
}

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindReleaseOfListing(uint64_t listing) {
  MutexLock lock(&mutex_);
  return releases_.FindOfListing(listing);
}

absl::StatusOr<std::optional<ReleaseRecord>> Ledger::FindReleaseOfContent(
    const ContentId& content) {
  MutexLock lock(&mutex_);
  return releases_.FindOfContent(content);
}

absl::Status Ledger::RecordReleases(absl::Span<const ReleaseRecord> records) {
  std::vector<uint64_t> released;
  for (const ReleaseRecord& record : records) {
    if (record.state != ReleaseRecord::State::kRefused) released.push_back(record.item.listing);
  }
  MutexLock lock(&mutex_);
  ++release_changes_;
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (absl::Status s = releases_.Insert(records, clock_->Now()); !s.ok()) return s;
    if (released.size() < records.size()) {
      if (absl::Status s = releases_.TrimRefusalsOf(records.back().receiver); !s.ok()) return s;
      if (absl::Status s = releases_.TrimRefusals(); !s.ok()) return s;
    }
    return listings_.SetState(released, ListingRecord::State::kReleased);
  });
}

absl::Status Ledger::RecordReleaseStates(absl::Span<const TransferId> ids,
                                         ReleaseRecord::State state) {
  MutexLock lock(&mutex_);
  ++release_changes_;
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return releases_.SetState(ids, state); });
}

absl::StatusOr<std::vector<ReleaseRecord>> Ledger::HiddenReleases() {
  MutexLock lock(&mutex_);
  return releases_.Hidden();
}

absl::StatusOr<uint64_t> Ledger::CountHidden() {
  MutexLock lock(&mutex_);
  return releases_.CountHidden();
}

absl::StatusOr<std::vector<ReleaseRecord>> Ledger::ConfirmedReleases() {
  MutexLock lock(&mutex_);
  return releases_.Confirmed();
}

// --- The receiver's half ---

absl::Status Ledger::RecordIntents(absl::Span<const TransferRecord> records) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return transfers_.InsertIntents(records); });
}

absl::Status Ledger::RecordPrepared(absl::Span<const TransferId> ids) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return transfers_.SetState(ids, TransferRecord::State::kPrepared);
  });
}

absl::Status Ledger::RecordDropped(const TransferId& id) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return transfers_.SetState({id}, TransferRecord::State::kDropped);
  });
}

absl::StatusOr<std::vector<uint64_t>> Ledger::RecordOwned(absl::Span<const Owned> books) {
  MutexLock lock(&mutex_);
  std::vector<uint64_t> numbers;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    numbers.clear();  // drops those of a first attempt on a full disk
    for (const Owned& book : books) {
      absl::StatusOr<uint64_t> number = listings_.Insert(*book.listing, clock_->Now());
      if (!number.ok()) return number.status();
      numbers.push_back(*number);
      absl::Status s =
          transfers_.SetOwned(*book.transfer, *number, book.listing->name, clock_->Now());
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return numbers;
}

absl::Status Ledger::RenameOwned(const TransferId& id, uint64_t listing, const BookName& name) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (absl::Status s = listings_.Rename(listing, name); !s.ok()) return s;
    return transfers_.Rename(id, name);
  });
}

absl::Status Ledger::RenameTransfer(const TransferId& id, const BookName& name) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return transfers_.Rename(id, name); });
}

absl::Status Ledger::RecordProgress(absl::Span<const TransferRecord> records,
                                    absl::Span<const ListingRecord> listings) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    absl::Status status = transfers_.SetProgress(records);
    for (const ListingRecord& listing : listings) {
      if (status.ok()) status = listings_.SetIdentity(listing.number, listing.identity);
    }
    return status;
  });
}

absl::StatusOr<std::vector<TransferRecord>> Ledger::OpenTransfers() {
  MutexLock lock(&mutex_);
  return transfers_.Open();
}

// --- What the owner decided, and the peer's number ---

absl::StatusOr<std::vector<UnsharedRecord>> Ledger::Unshared() {
  MutexLock lock(&mutex_);
  return unshared_.All();
}

absl::Status Ledger::RecordUnshared(absl::Span<const UnsharedRecord> records) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return unshared_.Put(records); });
}

absl::Status Ledger::RecordShared(absl::Span<const std::string> paths) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return unshared_.Remove(paths); });
}

absl::StatusOr<uint32_t> Ledger::LastPeerId() { return ReadNumber("peer_id"); }

absl::Status Ledger::SetLastPeerId(uint32_t id) { return RecordNumber("peer_id", id); }

absl::StatusOr<uint32_t> Ledger::LastRelayPort() { return ReadNumber("relay_port"); }

absl::Status Ledger::SetLastRelayPort(uint32_t port) { return RecordNumber("relay_port", port); }

absl::StatusOr<uint32_t> Ledger::ReadNumber(absl::string_view key) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), "SELECT value FROM meta WHERE key = ?");
  rows.BindText(key);
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  return *row ? static_cast<uint32_t>(rows.Int(0)) : 0u;
}

absl::Status Ledger::RecordNumber(absl::string_view key, uint32_t value) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(),
                        "INSERT INTO meta(key, value) VALUES(?, ?) "
                        "ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    return update.BindText(key).Bind(static_cast<int64_t>(value)).Run();
  });
}

}  // namespace arkshare
