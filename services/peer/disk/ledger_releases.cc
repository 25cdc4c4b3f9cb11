#include "services/peer/disk/ledger_releases.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "services/peer/disk/ledger_row.h"
#include "services/peer/disk/listing_rows.h"

namespace arkshare {
namespace {

constexpr char kReleaseColumns[] =
    "transfer_id, listing, root, size, receiver, state, ticket, reason, message, metadata, time "
    "FROM releases ";

// Writes "key=value" a line. The keys and values are this peer's own: they contain neither "=" nor
// line breaks.
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

ReleaseRecord ReadRelease(const SqlStatement& row) {
  ReleaseRecord record;
  record.item.transfer_id = OrDie(TransferId::FromBytes(row.Bytes(0)));
  record.item.listing = static_cast<uint64_t>(row.Int(1));
  record.item.content = ReadContent(row, 2);
  record.receiver = OrDie(PublicKey::FromRecord(row.Bytes(4)));
  record.state = static_cast<ReleaseRecord::State>(row.Int(5));
  if (record.state == ReleaseRecord::State::kRefused) {
    record.refusal =
        MakeError(ReasonFromName(row.Bytes(7)), row.Bytes(8), DecodeMetadata(row.Bytes(9)));
  } else {
    record.ticket = OrDie(DecodeTicket(row.Bytes(6)));
  }
  record.time = absl::FromUnixMillis(row.Int(10));
  return record;
}

absl::StatusOr<std::vector<ReleaseRecord>> ReadAll(SqlStatement& rows) {
  std::vector<ReleaseRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(ReadRelease(rows));
  }
}

absl::StatusOr<std::optional<ReleaseRecord>> ReadFirst(SqlStatement& rows) {
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return ReadRelease(rows);
}

// Fails for a second release of a listing.
absl::Status InsertReleases(SqlDatabase* db, absl::Span<const ReleaseRecord> records,
                            absl::Time now) {
  SqlStatement insert(db,
                      "INSERT INTO releases(transfer_id, listing, root, size, receiver, state, "
                      "ticket, reason, message, metadata, time) "
                      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const ReleaseRecord& record : records) {
    const bool refused = record.state == ReleaseRecord::State::kRefused;
    absl::Status s = insert.BindBlob(record.item.transfer_id.bytes())
                         .Bind(static_cast<int64_t>(record.item.listing))
                         .BindBlob(RootBytes(record.item.content))
                         .Bind(static_cast<int64_t>(record.item.content.size))
                         .BindBlob(record.receiver.bytes())
                         .Bind(static_cast<int64_t>(record.state))
                         .BindBlob(refused ? std::string() : EncodeTicket(record.ticket))
                         .BindText(refused ? ReasonName(GetReason(record.refusal)) : "")
                         .BindText(refused ? record.refusal.message() : "")
                         .BindText(refused ? EncodeMetadata(GetErrorMetadata(record.refusal)) : "")
                         .Bind(absl::ToUnixMillis(now))
                         .Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

// Deletes the oldest refusals beyond kMaxRefusalsOfReceiver.
absl::Status TrimRefusalsOf(SqlDatabase* db, const PublicKey& receiver) {
  SqlStatement remove(db,
                      "DELETE FROM releases WHERE state = 0 AND receiver = ?1 AND rowid <= "
                      "(SELECT rowid FROM releases WHERE state = 0 AND receiver = ?1 "
                      "ORDER BY rowid DESC LIMIT 1 OFFSET ?2)");
  return remove.BindBlob(receiver.bytes()).Bind(kMaxRefusalsOfReceiver).Run();
}

}  // namespace

absl::Status LedgerReleases::TrimRefusals(SqlDatabase* db) {
  SqlStatement remove(db,
                      "DELETE FROM releases WHERE state = 0 AND rowid <= "
                      "(SELECT rowid FROM releases WHERE state = 0 "
                      "ORDER BY rowid DESC LIMIT 1 OFFSET ?)");
  return remove.Bind(kMaxRefusals).Run();
}

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::Find(const TransferId& id) {
  return file_->Read([&](SqlDatabase* db) {
    SqlStatement rows(db, absl::StrCat("SELECT ", kReleaseColumns, "WHERE transfer_id = ?"));
    rows.BindBlob(id.bytes());
    return ReadFirst(rows);
  });
}

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::FindOfListing(uint64_t listing) {
  return file_->Read([&](SqlDatabase* db) {
    SqlStatement rows(db,
                      absl::StrCat("SELECT ", kReleaseColumns, "WHERE listing = ? AND state > 0"));
    rows.Bind(static_cast<int64_t>(listing));
    return ReadFirst(rows);
  });
}

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::FindOfContent(
    const ContentId& content) {
  return file_->Read([&](SqlDatabase* db) {
    SqlStatement rows(db, absl::StrCat("SELECT ", kReleaseColumns,
                                       "WHERE root = ? AND size = ? AND state > 0 "
                                       "ORDER BY rowid DESC LIMIT 1"));
    rows.BindBlob(RootBytes(content)).Bind(static_cast<int64_t>(content.size));
    return ReadFirst(rows);
  });
}

absl::StatusOr<std::vector<ReleaseRecord>> LedgerReleases::Hidden() {
  return file_->Read([](SqlDatabase* db) {
    SqlStatement rows(db,
                      absl::StrCat("SELECT ", kReleaseColumns, "WHERE state = 1 ORDER BY rowid"));
    return ReadAll(rows);
  });
}

absl::StatusOr<uint64_t> LedgerReleases::CountHidden() {
  return file_->Read([](SqlDatabase* db) -> absl::StatusOr<uint64_t> {
    SqlStatement rows(db, "SELECT COUNT(*) FROM releases WHERE state = 1");
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    return static_cast<uint64_t>(rows.Int(0));
  });
}

absl::StatusOr<std::vector<ReleaseRecord>> LedgerReleases::Confirmed() {
  return file_->Read([](SqlDatabase* db) {
    SqlStatement rows(db,
                      absl::StrCat("SELECT ", kReleaseColumns, "WHERE state = 4 ORDER BY rowid"));
    return ReadAll(rows);
  });
}

absl::Status LedgerReleases::Record(absl::Span<const ReleaseRecord> records) {
  std::vector<uint64_t> released;
  for (const ReleaseRecord& record : records) {
    if (record.state != ReleaseRecord::State::kRefused) released.push_back(record.item.listing);
  }
  return file_->Commit([&](SqlDatabase* db) {
    ++changes_;  // under the file's lock: a later read sees the change
    if (absl::Status s = InsertReleases(db, records, clock_->Now()); !s.ok()) return s;
    if (released.size() < records.size()) {
      if (absl::Status s = TrimRefusalsOf(db, records.back().receiver); !s.ok()) return s;
      if (absl::Status s = TrimRefusals(db); !s.ok()) return s;
    }
    return ListingRows(db).SetState(released, ListingRecord::State::kReleased);
  });
}

absl::Status LedgerReleases::RecordState(absl::Span<const TransferId> ids,
                                         ReleaseRecord::State state) {
  return file_->Commit([&](SqlDatabase* db) {
    ++changes_;
    SqlStatement update(db, "UPDATE releases SET state = ? WHERE transfer_id = ?");
    for (const TransferId& id : ids) {
      absl::Status s = update.Bind(static_cast<int64_t>(state)).BindBlob(id.bytes()).Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

}  // namespace arkshare
