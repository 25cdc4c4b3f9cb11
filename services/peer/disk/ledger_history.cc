#include "services/peer/disk/ledger_history.h"

#include <absl/strings/string_view.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "services/peer/disk/ledger_row.h"

namespace arkshare {
namespace {

// The columns: id, kind (0: of a copy; 1: of a move; 2: kept as a copy), other peer, root, size,
// name, time.
constexpr absl::string_view kReceived =
    "SELECT transfer_id, move, source, root, size, name, time FROM transfers "
    "WHERE state IN (3, 4) AND (time, transfer_id) < (?, ?) "
    "ORDER BY time DESC, transfer_id DESC LIMIT ?";
// The kind is the state: 3 is RESTORED.
constexpr absl::string_view kGiven =
    "SELECT r.transfer_id, r.state, r.receiver, r.root, r.size, COALESCE(l.name, ''), r.time "
    "FROM releases AS r LEFT JOIN listings AS l ON l.number = r.listing "
    "WHERE r.state > 0 AND (r.time, r.transfer_id) < (?, ?) "
    "ORDER BY r.time DESC, r.transfer_id DESC LIMIT ?";

HistoryRecord::Kind ReceivedKind(int64_t move) {
  return move == 1 ? HistoryRecord::Kind::kReceived : HistoryRecord::Kind::kCopied;
}

HistoryRecord::Kind GivenKind(int64_t state) {
  return state == static_cast<int64_t>(ReleaseRecord::State::kRestored)
             ? HistoryRecord::Kind::kRestored
             : HistoryRecord::Kind::kGiven;
}

absl::StatusOr<std::vector<HistoryRecord>> ReadSome(SqlDatabase* db, absl::string_view sql,
                                                    HistoryRecord::Kind (*kind_of)(int64_t),
                                                    const std::optional<HistoryPlace>& after,
                                                    size_t limit) {
  SqlStatement rows(db, sql);
  rows.Bind(after ? absl::ToUnixMillis(after->time) : std::numeric_limits<int64_t>::max())
      .BindBlob(after ? after->id.bytes() : std::string())
      .Bind(static_cast<int64_t>(limit));
  std::vector<HistoryRecord> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back(
        {.place = {absl::FromUnixMillis(rows.Int(6)), OrDie(TransferId::FromBytes(rows.Bytes(0)))},
         .kind = kind_of(rows.Int(1)),
         .other = OrDie(PublicKey::FromRecord(rows.Bytes(2))),
         .content = ReadContent(rows, 3),
         .name = rows.Bytes(5)});
  }
}

}  // namespace

absl::StatusOr<std::vector<HistoryRecord>> LedgerHistory::Read(
    const std::optional<HistoryPlace>& after, size_t limit) {
  absl::StatusOr<std::vector<HistoryRecord>> received, given;
  // Under one lock: a book that comes and one that goes are of one moment.
  file_->Read([&](SqlDatabase* db) {
    received = ReadSome(db, kReceived, ReceivedKind, after, limit);
    if (received.ok()) given = ReadSome(db, kGiven, GivenKind, after, limit);
  });
  if (!received.ok()) return received.status();
  if (!given.ok()) return given.status();
  std::vector<HistoryRecord> all;
  std::merge(std::make_move_iterator(received->begin()), std::make_move_iterator(received->end()),
             std::make_move_iterator(given->begin()), std::make_move_iterator(given->end()),
             std::back_inserter(all), [](const HistoryRecord& a, const HistoryRecord& b) {
               if (a.place.time != b.place.time) return a.place.time > b.place.time;
               return a.place.id.bytes() > b.place.id.bytes();
             });
  if (all.size() > limit) all.resize(limit);
  return all;
}

}  // namespace arkshare
