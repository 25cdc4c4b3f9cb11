#include "services/peer/disk/ledger_schema.h"

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

absl::Status MakeLedgerTables(SqlDatabase& db) {
  absl::Status status = db.Execute(kLedgerSchema);
  if (status.ok()) status = AddColumns(db);
  if (status.ok()) status = db.Execute(kHistoryIndexes);
  return status;
}

}  // namespace arkshare
