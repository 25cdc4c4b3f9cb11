#include "services/peer/disk/ledger_transfers.h"

#include <optional>
#include <string>
#include <utility>

#include "services/peer/disk/ledger_row.h"
#include "services/peer/disk/listing_rows.h"

namespace arkshare {
namespace {

TransferRecord ReadTransfer(const SqlStatement& row) {
  TransferRecord record{
      .id = OrDie(TransferId::FromBytes(row.Bytes(0))),
      .move = row.Int(1) == 1,
      .kept = row.Int(1) == 2,
      .source = OrDie(PublicKey::FromRecord(row.Bytes(2))),
      .source_listing = static_cast<uint64_t>(row.Int(3)),
      .content = ReadContent(row, 4),
      .name = OrDie(BookName::Parse(row.Bytes(6))),
      .state = static_cast<TransferRecord::State>(row.Int(7)),
      .listing = static_cast<uint64_t>(row.Int(8)),
      .ticket = std::nullopt,
      .index_told = row.Int(10) != 0,
      .confirmed = row.Int(11) != 0,
  };
  if (const std::string ticket = row.Bytes(9); !ticket.empty()) {
    record.ticket = OrDie(DecodeTicket(ticket));
  }
  return record;
}

absl::Status SetTransferState(SqlDatabase* db, absl::Span<const TransferId> ids,
                              TransferRecord::State state) {
  SqlStatement update(db, "UPDATE transfers SET state = ? WHERE transfer_id = ?");
  for (const TransferId& id : ids) {
    absl::Status s = update.Bind(static_cast<int64_t>(state)).BindBlob(id.bytes()).Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

// Stores kOwned at `now`, the listing and the name that the book has here, and the record's ticket.
absl::Status SetOwned(SqlDatabase* db, const TransferRecord& record, uint64_t listing,
                      const BookName& name, absl::Time now) {
  SqlStatement update(db,
                      "UPDATE transfers SET state = 3, move = ?, listing = ?, name = ?, "
                      "ticket = ?, time = ? WHERE transfer_id = ?");
  return update.Bind(record.kept   ? 2
                     : record.move ? 1
                                   : 0)
      .Bind(static_cast<int64_t>(listing))
      .BindText(name.value())
      .BindBlob(record.ticket ? EncodeTicket(*record.ticket) : std::string())
      .Bind(absl::ToUnixMillis(now))
      .BindBlob(record.id.bytes())
      .Run();
}

absl::Status RenameTransfer(SqlDatabase* db, const TransferId& id, const BookName& name) {
  SqlStatement update(db, "UPDATE transfers SET name = ? WHERE transfer_id = ?");
  return update.BindText(name.value()).BindBlob(id.bytes()).Run();
}

absl::Status SetProgress(SqlDatabase* db, absl::Span<const TransferRecord> records) {
  SqlStatement update(db,
                      "UPDATE transfers SET state = ?, index_told = ?, confirmed = ? "
                      "WHERE transfer_id = ?");
  for (const TransferRecord& record : records) {
    absl::Status s = update.Bind(static_cast<int64_t>(record.state))
                         .Bind(record.index_told ? 1 : 0)
                         .Bind(record.confirmed ? 1 : 0)
                         .BindBlob(record.id.bytes())
                         .Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TransferRecord>> LedgerTransfers::Open() {
  return file_->Read([](SqlDatabase* db) -> absl::StatusOr<std::vector<TransferRecord>> {
    SqlStatement rows(db,
                      "SELECT transfer_id, move, source, source_listing, root, size, name, state, "
                      "listing, ticket, index_told, confirmed FROM transfers WHERE state < 4 "
                      "ORDER BY rowid");
    std::vector<TransferRecord> out;
    while (true) {
      absl::StatusOr<bool> row = rows.Step();
      if (!row.ok()) return row.status();
      if (!*row) return out;
      out.push_back(ReadTransfer(rows));
    }
  });
}

absl::Status LedgerTransfers::RecordIntents(absl::Span<const TransferRecord> records) {
  return file_->Commit([&](SqlDatabase* db) {
    SqlStatement insert(db,
                        "INSERT INTO transfers(transfer_id, move, source, source_listing, root, "
                        "size, name, state, listing, ticket, index_told, confirmed) "
                        "VALUES(?, ?, ?, ?, ?, ?, ?, 1, 0, x'', 0, 0)");
    for (const TransferRecord& record : records) {
      absl::Status s = insert.BindBlob(record.id.bytes())
                           .Bind(record.move ? 1 : 0)
                           .BindBlob(record.source.bytes())
                           .Bind(static_cast<int64_t>(record.source_listing))
                           .BindBlob(RootBytes(record.content))
                           .Bind(static_cast<int64_t>(record.content.size))
                           .BindText(record.name.value())
                           .Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status LedgerTransfers::RecordPrepared(absl::Span<const TransferId> ids) {
  return file_->Commit(
      [&](SqlDatabase* db) { return SetTransferState(db, ids, TransferRecord::State::kPrepared); });
}

absl::Status LedgerTransfers::RecordDropped(const TransferId& id) {
  return file_->Commit(
      [&](SqlDatabase* db) { return SetTransferState(db, {id}, TransferRecord::State::kDropped); });
}

absl::StatusOr<std::vector<uint64_t>> LedgerTransfers::RecordOwned(absl::Span<const Owned> books) {
  std::vector<uint64_t> numbers;
  absl::Status status = file_->Commit([&](SqlDatabase* db) {
    numbers.clear();
    for (const Owned& book : books) {
      absl::StatusOr<uint64_t> number = ListingRows(db).Insert(*book.listing, clock_->Now());
      if (!number.ok()) return number.status();
      numbers.push_back(*number);
      absl::Status s = SetOwned(db, *book.transfer, *number, book.listing->name, clock_->Now());
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return numbers;
}

absl::Status LedgerTransfers::RenameOwned(const TransferId& id, uint64_t listing,
                                          const BookName& name) {
  return file_->Commit([&](SqlDatabase* db) {
    if (absl::Status s = ListingRows(db).Rename(listing, name); !s.ok()) return s;
    return RenameTransfer(db, id, name);
  });
}

absl::Status LedgerTransfers::Rename(const TransferId& id, const BookName& name) {
  return file_->Commit([&](SqlDatabase* db) { return RenameTransfer(db, id, name); });
}

absl::Status LedgerTransfers::RecordProgress(absl::Span<const TransferRecord> records,
                                             absl::Span<const ListingRecord> listings) {
  return file_->Commit([&](SqlDatabase* db) {
    absl::Status status = SetProgress(db, records);
    for (const ListingRecord& listing : listings) {
      if (status.ok()) status = ListingRows(db).SetIdentity(listing.number, listing.identity);
    }
    return status;
  });
}

}  // namespace arkshare
