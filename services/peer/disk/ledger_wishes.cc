#include "services/peer/disk/ledger_wishes.h"

#include <string>
#include <utility>
#include <variant>

#include "services/peer/disk/ledger_row.h"

namespace arkshare {
namespace {

// The numbers of the alternatives of WishQuery, in the table.
enum class QueryKind { kName = 1, kKeywords = 2, kContent = 3 };

// A query as the table stores it: the size is 0 unless it is a content.
struct StoredQuery {
  QueryKind kind = QueryKind::kName;
  std::string text;
  uint64_t size = 0;
};

StoredQuery Store(const WishQuery& query) {
  if (const auto* name = std::get_if<BookName>(&query)) return {QueryKind::kName, name->value()};
  if (const auto* content = std::get_if<ContentId>(&query)) {
    return {QueryKind::kContent, RootBytes(*content), content->size};
  }
  return {QueryKind::kKeywords, std::get<WishKeywords>(query).text};
}

WishQuery ReadQuery(const SqlStatement& row, int column) {
  switch (static_cast<QueryKind>(row.Int(column))) {
    case QueryKind::kName:
      return OrDie(BookName::Parse(row.Bytes(column + 1)));
    case QueryKind::kKeywords:
      return WishKeywords{row.Bytes(column + 1)};
    case QueryKind::kContent:
      return ReadContent(row, column + 1);
  }
  return OrDie(absl::StatusOr<WishQuery>(absl::DataLossError("a wish has an unknown kind")));
}

absl::StatusOr<std::vector<WishFind>> FindsOf(SqlDatabase* db, uint64_t wish) {
  SqlStatement rows(db,
                    "SELECT root, size, name, peer, time, fetched FROM wish_finds WHERE wish = ? "
                    "ORDER BY rowid");
  rows.Bind(static_cast<int64_t>(wish));
  std::vector<WishFind> out;
  while (true) {
    absl::StatusOr<bool> row = rows.Step();
    if (!row.ok()) return row.status();
    if (!*row) return out;
    out.push_back({.content = ReadContent(rows, 0),
                   .name = OrDie(BookName::Parse(rows.Bytes(2))),
                   .peer_id = static_cast<uint32_t>(rows.Int(3)),
                   .time = absl::FromUnixMillis(rows.Int(4)),
                   .fetched = rows.Int(5) != 0});
  }
}

absl::StatusOr<uint64_t> PutWish(SqlDatabase* db, const WishRecord& wish) {
  const StoredQuery query = Store(wish.query);
  SqlStatement put(db,
                   "INSERT INTO wishes(kind, query, size, action, fetch_limit, time) "
                   "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(kind, query, size) DO UPDATE SET "
                   "action = excluded.action, fetch_limit = excluded.fetch_limit");
  absl::Status s = put.Bind(static_cast<int64_t>(query.kind))
                       .BindBlob(query.text)
                       .Bind(static_cast<int64_t>(query.size))
                       .Bind(static_cast<int64_t>(wish.action))
                       .Bind(wish.fetch_limit)
                       .Bind(absl::ToUnixMillis(wish.time))
                       .Run();
  if (!s.ok()) return s;
  SqlStatement find(db, "SELECT wish FROM wishes WHERE kind = ? AND query = ? AND size = ?");
  absl::StatusOr<bool> row = find.Bind(static_cast<int64_t>(query.kind))
                                 .BindBlob(query.text)
                                 .Bind(static_cast<int64_t>(query.size))
                                 .Step();
  if (!row.ok()) return row.status();
  return static_cast<uint64_t>(find.Int(0));
}

}  // namespace

absl::StatusOr<std::vector<WishRecord>> LedgerWishes::All() {
  return file_->Read([&](SqlDatabase* db) -> absl::StatusOr<std::vector<WishRecord>> {
    std::vector<WishRecord> out;
    {
      SqlStatement rows(db,
                        "SELECT wish, kind, query, size, action, fetch_limit, time FROM wishes "
                        "ORDER BY wish");
      while (true) {
        absl::StatusOr<bool> row = rows.Step();
        if (!row.ok()) return row.status();
        if (!*row) break;
        out.push_back({.id = static_cast<uint64_t>(rows.Int(0)),
                       .query = ReadQuery(rows, 1),
                       .action = static_cast<WishRecord::Action>(rows.Int(4)),
                       .fetch_limit = static_cast<uint32_t>(rows.Int(5)),
                       .time = absl::FromUnixMillis(rows.Int(6))});
      }
    }
    for (WishRecord& wish : out) {
      absl::StatusOr<std::vector<WishFind>> finds = FindsOf(db, wish.id);
      if (!finds.ok()) return finds.status();
      wish.finds = *std::move(finds);
    }
    return out;
  });
}

absl::StatusOr<uint64_t> LedgerWishes::Put(const WishRecord& wish) {
  uint64_t id = 0;
  absl::Status status = file_->Commit([&](SqlDatabase* db) {
    absl::StatusOr<uint64_t> put = PutWish(db, wish);
    if (put.ok()) id = *put;
    return put.status();
  });
  if (!status.ok()) return status;
  return id;
}

absl::Status LedgerWishes::Remove(uint64_t wish) {
  return file_->Commit([&](SqlDatabase* db) {
    SqlStatement finds(db, "DELETE FROM wish_finds WHERE wish = ?");
    if (absl::Status s = finds.Bind(static_cast<int64_t>(wish)).Run(); !s.ok()) return s;
    SqlStatement remove(db, "DELETE FROM wishes WHERE wish = ?");
    return remove.Bind(static_cast<int64_t>(wish)).Run();
  });
}

absl::Status LedgerWishes::AddFinds(uint64_t wish, absl::Span<const WishFind> finds) {
  return file_->Commit([&](SqlDatabase* db) {
    // A wish that was removed meanwhile must leave nothing.
    SqlStatement insert(db,
                        "INSERT OR IGNORE INTO wish_finds(wish, root, size, name, peer, time, "
                        "fetched) SELECT wish, ?, ?, ?, ?, ?, ? FROM wishes WHERE wish = ?");
    for (const WishFind& find : finds) {
      absl::Status s = insert.BindBlob(RootBytes(find.content))
                           .Bind(static_cast<int64_t>(find.content.size))
                           .BindText(find.name.value())
                           .Bind(find.peer_id)
                           .Bind(absl::ToUnixMillis(find.time))
                           .Bind(find.fetched ? 1 : 0)
                           .Bind(static_cast<int64_t>(wish))
                           .Run();
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::Status LedgerWishes::SetFetched(uint64_t wish, const ContentId& content) {
  return file_->Commit([&](SqlDatabase* db) {
    SqlStatement update(
        db, "UPDATE wish_finds SET fetched = 1 WHERE wish = ? AND root = ? AND size = ?");
    return update.Bind(static_cast<int64_t>(wish))
        .BindBlob(RootBytes(content))
        .Bind(static_cast<int64_t>(content.size))
        .Run();
  });
}

}  // namespace arkshare
