#include "services/peer/disk/listing_rows.h"

#include <absl/strings/str_cat.h>

#include "services/peer/disk/ledger_row.h"

namespace arkshare {
namespace {

constexpr char kListingColumns[] =
    "number, name, path, root, size, inode, mtime_ns, ctime_ns, state, unsettled FROM listings ";

ListingRecord ReadListing(const SqlStatement& row) {
  return ListingRecord{
      .number = static_cast<uint64_t>(row.Int(0)),
      .name = OrDie(BookName::Parse(row.Bytes(1))),
      .path = row.Bytes(2),
      .content = ReadContent(row, 3),
      .identity = {.inode = static_cast<uint64_t>(row.Int(5)),
                   .size = static_cast<uint64_t>(row.Int(4)),
                   .mtime_ns = row.Int(6),
                   .ctime_ns = row.Int(7)},
      .state = static_cast<ListingRecord::State>(row.Int(8)),
      .unsettled = row.Int(9) != 0,
  };
}

}  // namespace

absl::StatusOr<std::vector<ListingRecord>> ListingRows::Present() const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kListingColumns, "WHERE state = 1"));
  std::vector<ListingRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(ReadListing(rows));
  }
}

absl::StatusOr<std::optional<ListingRecord>> ListingRows::Find(uint64_t number) const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kListingColumns, "WHERE number = ?"));
  absl::StatusOr<bool> row = rows.Bind(static_cast<int64_t>(number)).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return ReadListing(rows);
}

absl::StatusOr<uint64_t> ListingRows::Insert(const ListingRecord& listing, absl::Time now) {
  SqlStatement insert(db_,
                      "INSERT INTO listings(name, path, root, size, inode, mtime_ns, ctime_ns, "
                      "state, unsettled, time) VALUES(?, ?, ?, ?, ?, ?, ?, 1, ?, ?)");
  absl::Status status = insert.BindText(listing.name.value())
                            .BindBlob(listing.path)
                            .BindBlob(RootBytes(listing.content))
                            .Bind(static_cast<int64_t>(listing.content.size))
                            .Bind(static_cast<int64_t>(listing.identity.inode))
                            .Bind(listing.identity.mtime_ns)
                            .Bind(listing.identity.ctime_ns)
                            .Bind(listing.unsettled ? 1 : 0)
                            .Bind(absl::ToUnixMillis(now))
                            .Run();
  if (!status.ok()) return status;
  return static_cast<uint64_t>(sqlite3_last_insert_rowid(db_->handle()));
}

absl::StatusOr<std::vector<absl::Time>> ListingRows::Times(
    absl::Span<const uint64_t> numbers) const {
  std::vector<absl::Time> times;
  for (const uint64_t number : numbers) {
    SqlStatement rows(db_, "SELECT time FROM listings WHERE number = ?");
    absl::StatusOr<bool> row = rows.Bind(static_cast<int64_t>(number)).Step();
    if (!row.ok()) return row.status();
    times.push_back(*row ? absl::FromUnixMillis(rows.Int(0)) : absl::UnixEpoch());
  }
  return times;
}

absl::StatusOr<uint64_t> ListingRows::DrawNumber() {
  SqlStatement insert(db_,
                      "INSERT INTO listings(name, path, root, size, inode, mtime_ns, state, "
                      "unsettled) VALUES('', x'', x'', 0, 0, 0, 0, 0)");
  if (absl::Status s = insert.Run(); !s.ok()) return s;
  const int64_t number = sqlite3_last_insert_rowid(db_->handle());
  // AUTOINCREMENT remembers the number.
  SqlStatement remove(db_, "DELETE FROM listings WHERE number = ?");
  if (absl::Status s = remove.Bind(number).Run(); !s.ok()) return s;
  return static_cast<uint64_t>(number);
}

absl::Status ListingRows::SetState(absl::Span<const uint64_t> numbers, ListingRecord::State state) {
  SqlStatement update(db_, "UPDATE listings SET state = ? WHERE number = ?");
  for (uint64_t number : numbers) {
    absl::Status s =
        update.Bind(static_cast<int64_t>(state)).Bind(static_cast<int64_t>(number)).Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListingRows::DeleteEnded(uint64_t after, uint64_t through) {
  SqlStatement remove(db_,
                      "DELETE FROM listings WHERE number > ? AND number <= ? AND state IN (3, 4) "
                      "AND number NOT IN (SELECT listing FROM transfers)");
  return remove.Bind(static_cast<int64_t>(after)).Bind(static_cast<int64_t>(through)).Run();
}

absl::StatusOr<uint64_t> ListingRows::LastNumber() const {
  SqlStatement rows(db_, "SELECT seq FROM sqlite_sequence WHERE name = 'listings'");
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  return *row ? static_cast<uint64_t>(rows.Int(0)) : uint64_t{0};
}

absl::Status ListingRows::SkipTo(uint64_t number) {
  // The table has no row before the first number is drawn.
  SqlStatement first(db_,
                     "INSERT INTO sqlite_sequence(name, seq) SELECT 'listings', 0 WHERE NOT EXISTS "
                     "(SELECT 1 FROM sqlite_sequence WHERE name = 'listings')");
  if (absl::Status s = first.Run(); !s.ok()) return s;
  SqlStatement last(db_, "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'listings'");
  return last.Bind(static_cast<int64_t>(number)).Run();
}

absl::Status ListingRows::Settle(absl::Span<const uint64_t> numbers) {
  SqlStatement update(db_, "UPDATE listings SET unsettled = 0 WHERE number = ?");
  for (uint64_t number : numbers) {
    if (absl::Status s = update.Bind(static_cast<int64_t>(number)).Run(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ListingRows::SetIdentity(uint64_t number, const FileIdentity& identity) {
  SqlStatement update(db_,
                      "UPDATE listings SET inode = ?, mtime_ns = ?, ctime_ns = ? WHERE number = ?");
  return update.Bind(static_cast<int64_t>(identity.inode))
      .Bind(identity.mtime_ns)
      .Bind(identity.ctime_ns)
      .Bind(static_cast<int64_t>(number))
      .Run();
}

absl::Status ListingRows::DoubtAll() {
  SqlStatement update(db_, "UPDATE listings SET ctime_ns = ? WHERE state = 1");
  return update.Bind(kDoubtedCtime).Run();
}

absl::Status ListingRows::Rename(uint64_t number, const BookName& name) {
  SqlStatement update(db_, "UPDATE listings SET name = ?, path = ? WHERE number = ?");
  return update.BindText(name.value())
      .BindBlob(name.value())
      .Bind(static_cast<int64_t>(number))
      .Run();
}

}  // namespace arkshare
