#include "services/peer/disk/ledger_listings.h"

#include <absl/strings/str_cat.h>

#include "services/peer/disk/ledger_row.h"

namespace arkshare {
namespace {

constexpr char kListingColumns[] =
    "number, name, path, root, size, inode, mtime_ns, state, unsettled FROM listings ";

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

}  // namespace

absl::StatusOr<std::vector<ListingRecord>> LedgerListings::Present() const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kListingColumns, "WHERE state = 1"));
  std::vector<ListingRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(ReadListing(rows));
  }
}

absl::StatusOr<std::optional<ListingRecord>> LedgerListings::Find(uint64_t number) const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kListingColumns, "WHERE number = ?"));
  absl::StatusOr<bool> row = rows.Bind(static_cast<int64_t>(number)).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return ReadListing(rows);
}

absl::StatusOr<uint64_t> LedgerListings::Insert(const ListingRecord& listing) {
  SqlStatement insert(db_,
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

absl::StatusOr<uint64_t> LedgerListings::DrawNumber() {
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

absl::Status LedgerListings::SetState(absl::Span<const uint64_t> numbers,
                                      ListingRecord::State state) {
  SqlStatement update(db_, "UPDATE listings SET state = ? WHERE number = ?");
  for (uint64_t number : numbers) {
    absl::Status s =
        update.Bind(static_cast<int64_t>(state)).Bind(static_cast<int64_t>(number)).Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status LedgerListings::Settle(absl::Span<const uint64_t> numbers) {
  SqlStatement update(db_, "UPDATE listings SET unsettled = 0 WHERE number = ?");
  for (uint64_t number : numbers) {
    if (absl::Status s = update.Bind(static_cast<int64_t>(number)).Run(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status LedgerListings::SetIdentities(absl::Span<const ListingRecord> listings) {
  SqlStatement update(db_, "UPDATE listings SET inode = ?, mtime_ns = ? WHERE number = ?");
  for (const ListingRecord& listing : listings) {
    absl::Status s = update.Bind(static_cast<int64_t>(listing.identity.inode))
                         .Bind(listing.identity.mtime_ns)
                         .Bind(static_cast<int64_t>(listing.number))
                         .Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status LedgerListings::Rename(uint64_t number, const BookName& name) {
  SqlStatement update(db_, "UPDATE listings SET name = ?, path = ? WHERE number = ?");
  return update.BindText(name.value())
      .BindBlob(name.value())
      .Bind(static_cast<int64_t>(number))
      .Run();
}

}  // namespace arkshare
