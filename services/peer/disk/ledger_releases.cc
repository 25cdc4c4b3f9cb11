#include "services/peer/disk/ledger_releases.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "services/peer/disk/ledger_row.h"

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

}  // namespace

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::Find(const TransferId& id) const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kReleaseColumns, "WHERE transfer_id = ?"));
  rows.BindBlob(id.bytes());
  return ReadFirst(rows);
}

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::FindOfListing(uint64_t listing) const {
  SqlStatement rows(db_,
                    absl::StrCat("SELECT ", kReleaseColumns, "WHERE listing = ? AND state > 0"));
  rows.Bind(static_cast<int64_t>(listing));
  return ReadFirst(rows);
}

absl::StatusOr<std::optional<ReleaseRecord>> LedgerReleases::FindOfContent(
    const ContentId& content) const {
  SqlStatement rows(db_, absl::StrCat("SELECT ", kReleaseColumns,
                                      "WHERE root = ? AND size = ? AND state > 0 "
                                      "ORDER BY rowid DESC LIMIT 1"));
  rows.BindBlob(RootBytes(content)).Bind(static_cast<int64_t>(content.size));
  return ReadFirst(rows);
}

absl::StatusOr<std::vector<ReleaseRecord>> LedgerReleases::Hidden() const {
  SqlStatement rows(db_,
                    absl::StrCat("SELECT ", kReleaseColumns, "WHERE state = 1 ORDER BY rowid"));
  return ReadAll(rows);
}

absl::StatusOr<uint64_t> LedgerReleases::CountHidden() const {
  SqlStatement rows(db_, "SELECT COUNT(*) FROM releases WHERE state = 1");
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  return static_cast<uint64_t>(rows.Int(0));
}

absl::StatusOr<std::vector<ReleaseRecord>> LedgerReleases::Confirmed() const {
  SqlStatement rows(db_,
                    absl::StrCat("SELECT ", kReleaseColumns, "WHERE state = 4 ORDER BY rowid"));
  return ReadAll(rows);
}

absl::Status LedgerReleases::Insert(absl::Span<const ReleaseRecord> records, absl::Time now) {
  SqlStatement insert(db_,
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

absl::Status LedgerReleases::TrimRefusalsOf(const PublicKey& receiver) {
  SqlStatement remove(db_,
                      "DELETE FROM releases WHERE state = 0 AND receiver = ?1 AND rowid <= "
                      "(SELECT rowid FROM releases WHERE state = 0 AND receiver = ?1 "
                      "ORDER BY rowid DESC LIMIT 1 OFFSET ?2)");
  return remove.BindBlob(receiver.bytes()).Bind(kMaxRefusalsOfReceiver).Run();
}

absl::Status LedgerReleases::TrimRefusals() {
  SqlStatement remove(db_,
                      "DELETE FROM releases WHERE state = 0 AND rowid <= "
                      "(SELECT rowid FROM releases WHERE state = 0 "
                      "ORDER BY rowid DESC LIMIT 1 OFFSET ?)");
  return remove.Bind(kMaxRefusals).Run();
}

absl::Status LedgerReleases::SetState(absl::Span<const TransferId> ids,
                                      ReleaseRecord::State state) {
  SqlStatement update(db_, "UPDATE releases SET state = ? WHERE transfer_id = ?");
  for (const TransferId& id : ids) {
    absl::Status s = update.Bind(static_cast<int64_t>(state)).BindBlob(id.bytes()).Run();
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace arkshare
