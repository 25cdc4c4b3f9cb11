// The receiver's half of the ledger.
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/ledger_row.h"

namespace arkshare {

absl::Status Ledger::RecordIntents(absl::Span<const TransferRecord> records) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement insert(db_.get(),
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

absl::Status Ledger::RecordPrepared(absl::Span<const TransferId> ids) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(), "UPDATE transfers SET state = 2 WHERE transfer_id = ?");
    for (const TransferId& id : ids) {
      if (absl::Status s = update.BindBlob(id.bytes()).Run(); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status Ledger::RecordDropped(const TransferId& id) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(), "UPDATE transfers SET state = 5 WHERE transfer_id = ?");
    return update.BindBlob(id.bytes()).Run();
  });
}

absl::StatusOr<std::vector<uint64_t>> Ledger::RecordOwned(absl::Span<const Owned> books) {
  MutexLock lock(&mutex_);
  std::vector<uint64_t> numbers;
  absl::Status status = Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    numbers.clear();  // of a first attempt on a full disk
    SqlStatement update(db_.get(),
                        "UPDATE transfers SET state = 3, move = ?, listing = ?, name = ?, "
                        "ticket = ? WHERE transfer_id = ?");
    for (const Owned& book : books) {
      absl::StatusOr<uint64_t> inserted = InsertListing(*book.listing);
      if (!inserted.ok()) return inserted.status();
      numbers.push_back(*inserted);
      const TransferRecord& record = *book.transfer;
      absl::Status s = update.Bind(record.kept   ? 2
                                   : record.move ? 1
                                                 : 0)
                           .Bind(static_cast<int64_t>(*inserted))
                           .BindText(book.listing->name.value())
                           .BindBlob(record.ticket ? EncodeTicket(*record.ticket) : std::string())
                           .BindBlob(record.id.bytes())
                           .Run();
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
    SqlStatement book(db_.get(), "UPDATE listings SET name = ?, path = ? WHERE number = ?");
    absl::Status s = book.BindText(name.value())
                         .BindBlob(name.value())
                         .Bind(static_cast<int64_t>(listing))
                         .Run();
    if (!s.ok()) return s;
    SqlStatement transfer(db_.get(), "UPDATE transfers SET name = ? WHERE transfer_id = ?");
    return transfer.BindText(name.value()).BindBlob(id.bytes()).Run();
  });
}

absl::Status Ledger::RecordProgress(absl::Span<const TransferRecord> records) {
  MutexLock lock(&mutex_);
  return Commit([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement update(db_.get(),
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
  });
}

absl::StatusOr<std::vector<TransferRecord>> Ledger::OpenTransfers() {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(),
                    "SELECT transfer_id, move, source, source_listing, root, size, name, state, "
                    "listing, ticket, index_told, confirmed FROM transfers WHERE state < 4 "
                    "ORDER BY rowid");
  std::vector<TransferRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    TransferRecord record{
        .id = OrDie(TransferId::FromBytes(rows.Bytes(0))),
        .move = rows.Int(1) == 1,
        .kept = rows.Int(1) == 2,
        .source = OrDie(PublicKey::FromBytes(rows.Bytes(2))),
        .source_listing = static_cast<uint64_t>(rows.Int(3)),
        .content = ReadContent(rows, 4),
        .name = OrDie(BookName::Parse(rows.Bytes(6))),
        .state = static_cast<TransferRecord::State>(rows.Int(7)),
        .listing = static_cast<uint64_t>(rows.Int(8)),
        .ticket = std::nullopt,
        .index_told = rows.Int(10) != 0,
        .confirmed = rows.Int(11) != 0,
    };
    if (const std::string ticket = rows.Bytes(9); !ticket.empty()) {
      record.ticket = OrDie(DecodeTicket(ticket));
    }
    out.push_back(std::move(record));
  }
}

}  // namespace arkshare
