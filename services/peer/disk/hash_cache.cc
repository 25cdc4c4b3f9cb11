#include "services/peer/disk/hash_cache.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "lib/core/log.h"
#include "lib/core/merkle.h"

namespace arkshare {
namespace {

constexpr char kCacheSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS files(
  inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL, root BLOB NOT NULL,
  PRIMARY KEY(inode, size, mtime_ns, ctime_ns)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pieces(
  root BLOB NOT NULL, size INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY(root, size));
CREATE TABLE IF NOT EXISTS place(fingerprint INTEGER NOT NULL);
)sql";
// Tables of another shape are not used.
constexpr int64_t kCacheVersion = 2;

absl::StatusOr<int64_t> ReadInt(SqlDatabase* db, const char* sql) {
  SqlStatement rows(db, sql);
  absl::StatusOr<bool> row = rows.Step();
  if (!row.ok()) return row.status();
  return *row ? rows.Int(0) : 0;
}

// Drops what was remembered in another form, about another place, or without ctime.
absl::Status DropUnbelievable(SqlDatabase* db, const FolderTraits& traits) {
  absl::StatusOr<int64_t> version = ReadInt(db, "PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version != kCacheVersion) {
    const std::string begin_again = absl::StrCat(
        "DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS pieces; PRAGMA user_version = ",
        kCacheVersion);
    if (absl::Status s = db->Execute(begin_again.c_str()); !s.ok()) return s;
  }
  if (absl::Status s = db->Execute(kCacheSchema); !s.ok()) return s;
  absl::StatusOr<int64_t> place = ReadInt(db, "SELECT fingerprint FROM place");
  if (!place.ok()) return place.status();
  if (*place == traits.place && traits.place != 0 && traits.ctime_trusted) return absl::OkStatus();
  if (absl::Status s = db->Execute("DELETE FROM files; DELETE FROM place"); !s.ok()) return s;
  SqlStatement insert(db, "INSERT INTO place VALUES(?)");
  return insert.Bind(traits.place).Run();
}

absl::StatusOr<std::unique_ptr<SqlDatabase>> OpenWithSchema(const std::string& path,
                                                            const FolderTraits& traits) {
  absl::StatusOr<std::unique_ptr<SqlDatabase>> db = SqlDatabase::Open(path, /*durable=*/false);
  if (!db.ok()) return db;
  absl::Status ready = (*db)->Transaction([&] { return DropUnbelievable(db->get(), traits); });
  if (!ready.ok()) return ready;
  return db;
}

void LogFailure(const absl::Status& status) {
  if (!status.ok()) LogWarning("hash_cache_failed", {{"why", status}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<HashCache>> HashCache::Open(const SharedFolder& folder) {
  const std::string path = folder.StatePath("cache.db");
  absl::StatusOr<std::unique_ptr<SqlDatabase>> db = OpenWithSchema(path, folder.traits());
  LogFailure(db.status());
  if (absl::IsDataLoss(db.status())) {
    for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
    db = OpenWithSchema(path, folder.traits());
    LogFailure(db.status());
  }
  if (!db.ok()) db = OpenWithSchema(":memory:", folder.traits());
  if (!db.ok()) return db.status();
  return std::unique_ptr<HashCache>(new HashCache(*std::move(db)));
}

std::optional<ContentId> HashCache::FindContent(const FileIdentity& identity) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(),
                    "SELECT root FROM files WHERE inode = ? AND size = ? AND mtime_ns = ? AND "
                    "ctime_ns = ?");
  absl::StatusOr<bool> row = rows.Bind(static_cast<int64_t>(identity.inode))
                                 .Bind(static_cast<int64_t>(identity.size))
                                 .Bind(identity.mtime_ns)
                                 .Bind(identity.ctime_ns)
                                 .Step();
  LogFailure(row.status());
  if (!row.ok() || !*row) return std::nullopt;
  absl::StatusOr<Sha256Digest> root = DigestFromBytes(rows.Bytes(0));
  if (!root.ok()) return std::nullopt;
  return ContentId{*root, identity.size};
}

std::optional<std::vector<Sha256Digest>> HashCache::FindPieces(const ContentId& id) {
  MutexLock lock(&mutex_);
  SqlStatement rows(db_.get(), "SELECT hashes FROM pieces WHERE root = ? AND size = ?");
  absl::StatusOr<bool> row =
      rows.BindBlob(DigestBytes(id.root)).Bind(static_cast<int64_t>(id.size)).Step();
  LogFailure(row.status());
  if (!row.ok() || !*row) return std::nullopt;
  const std::string bytes = rows.Bytes(0);
  std::vector<Sha256Digest> pieces(bytes.size() / sizeof(Sha256Digest));
  if (bytes.size() != PieceCount(id.size) * sizeof(Sha256Digest)) return std::nullopt;
  if (!pieces.empty()) std::memcpy(pieces.data(), bytes.data(), bytes.size());
  return pieces;
}

void HashCache::Forget(const FileIdentity& identity) {
  MutexLock lock(&mutex_);
  SqlStatement row(db_.get(), "DELETE FROM files WHERE inode = ? AND size = ? AND mtime_ns = ?");
  LogFailure(row.Bind(static_cast<int64_t>(identity.inode))
                 .Bind(static_cast<int64_t>(identity.size))
                 .Bind(identity.mtime_ns)
                 .Run());
}

void HashCache::Remember(const FileIdentity& identity, const ContentId& id,
                         absl::Span<const Sha256Digest> pieces) {
  RememberAll({Entry{identity, id, {pieces.begin(), pieces.end()}}});
}

void HashCache::RememberAll(absl::Span<const Entry> entries) {
  MutexLock lock(&mutex_);
  LogFailure(db_->Transaction([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement file(db_.get(), "INSERT OR REPLACE INTO files VALUES(?, ?, ?, ?, ?)");
    SqlStatement list(db_.get(), "INSERT OR REPLACE INTO pieces VALUES(?, ?, ?)");
    for (const auto& [identity, id, pieces] : entries) {
      absl::Status s = file.Bind(static_cast<int64_t>(identity.inode))
                           .Bind(static_cast<int64_t>(identity.size))
                           .Bind(identity.mtime_ns)
                           .Bind(identity.ctime_ns)
                           .BindBlob(DigestBytes(id.root))
                           .Run();
      if (s.ok() && pieces.size() > 1) {
        s = list.BindBlob(DigestBytes(id.root))
                .Bind(static_cast<int64_t>(id.size))
                .BindBlob(absl::string_view(reinterpret_cast<const char*>(pieces.data()),
                                            pieces.size() * sizeof(Sha256Digest)))
                .Run();
      }
      if (!s.ok()) return s;
    }
    return absl::OkStatus();
  }));
}

void HashCache::Prune(absl::Span<const uint64_t> inodes) {
  constexpr int64_t kFew = 1000;
  MutexLock lock(&mutex_);
  LogFailure(db_->Transaction([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    SqlStatement count(db_.get(), "SELECT COUNT(*) FROM files");
    absl::StatusOr<bool> row = count.Step();
    if (!row.ok()) return row.status();
    if (count.Int(0) < 2 * static_cast<int64_t>(inodes.size()) + kFew) return absl::OkStatus();
    absl::Status s = db_->Execute(
        "CREATE TEMP TABLE IF NOT EXISTS live(inode INTEGER PRIMARY KEY); DELETE FROM live");
    SqlStatement live(db_.get(), "INSERT OR IGNORE INTO live VALUES(?)");
    for (size_t i = 0; s.ok() && i < inodes.size(); ++i) {
      s = live.Bind(static_cast<int64_t>(inodes[i])).Run();
    }
    if (!s.ok()) return s;
    return db_->Execute(
        "DELETE FROM files WHERE inode NOT IN (SELECT inode FROM live);"
        "DELETE FROM pieces WHERE (root, size) NOT IN (SELECT root, size FROM files);"
        "DELETE FROM live");
  }));
}

absl::StatusOr<HashedFile> HashFile(int fd, const FileIdentity& identity,
                                    const std::atomic<bool>* stop) {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  BookHasher hasher(identity.size);
  std::vector<uint8_t> buffer(
      std::min<uint64_t>(std::max<uint64_t>(identity.size, 1), 1024 * 1024));
  for (uint64_t offset = 0; offset < identity.size;) {
    if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
      return absl::CancelledError("the peer stops");
    }
    const size_t n = std::min<uint64_t>(buffer.size(), identity.size - offset);
    if (absl::Status s = ReadFully(fd, offset, buffer.data(), n); !s.ok()) return s;
    hasher.Update(absl::MakeConstSpan(buffer.data(), n));
    offset += n;
  }
  absl::StatusOr<FileStat> after = StatFd(fd);
  if (!after.ok()) return after.status();
  if (!IsUnchanged(identity, after->identity)) {
    return absl::FailedPreconditionError("the file changed while it was hashed");
  }
  absl::StatusOr<BookHasher::Result> result = hasher.Finish();
  if (!result.ok()) return result.status();
  return HashedFile{result->id, std::move(result->pieces)};
}

}  // namespace arkshare
