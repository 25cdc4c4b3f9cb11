#include "tests/audit/peer_disk.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <system_error>

#include "lib/core/merkle.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

std::optional<FoundFile> HashFound(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<FoundFile> found;
  struct stat st;
  if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    BookHasher hasher(static_cast<uint64_t>(st.st_size));
    std::vector<uint8_t> buffer(1024 * 1024);
    uint64_t left = static_cast<uint64_t>(st.st_size);
    while (left > 0) {
      const ssize_t n = ::read(fd, buffer.data(), std::min<uint64_t>(buffer.size(), left));
      if (n <= 0) break;
      hasher.Update(absl::MakeConstSpan(buffer.data(), static_cast<size_t>(n)));
      left -= static_cast<uint64_t>(n);
    }
    if (absl::StatusOr<BookHasher::Result> result = hasher.Finish(); result.ok()) {
      found =
          FoundFile{result->id, st.st_ino, st.st_mtim.tv_sec * 1'000'000'000L + st.st_mtim.tv_nsec};
    }
  }
  ::close(fd);
  return found;
}

absl::StatusOr<TransferId> TransferIdFromHex(absl::string_view hex) {
  absl::StatusOr<std::string> bytes = FromHex(hex);
  if (!bytes.ok()) return bytes.status();
  return TransferId::FromBytes(*bytes);
}

// A received book that waits beside its place: ".arkshare-<transfer id>.part".
void ReadWaiting(PeerDisk& disk, const fs::path& path) {
  const std::string name = path.filename().native();
  absl::string_view hex = name;
  if (!absl::ConsumePrefix(&hex, ".arkshare-") || !absl::ConsumeSuffix(&hex, ".part")) return;
  absl::StatusOr<TransferId> id = TransferIdFromHex(hex);
  std::optional<FoundFile> found = HashFound(path);
  if (id.ok() && found) disk.staged[*id] = *found;
}

void ReadLibrary(PeerDisk& disk) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(disk.folder, error), end; at != end;
       at.increment(error)) {
    if (error) return;
    if (at->path().filename().native().starts_with('.')) {
      ReadWaiting(disk, at->path());
      at.disable_recursion_pending();
      continue;
    }
    if (std::optional<FoundFile> found = HashFound(at->path())) {
      disk.visible[at->path().lexically_relative(disk.folder).native()] = *found;
    }
  }
}

// Files of the peer's state, whose names are "<transfer id>" or "<transfer id>-<listing>".
void ReadStateFiles(PeerDisk& disk) {
  std::error_code error;
  for (const char* folder : {"staging", "released"}) {
    for (fs::directory_iterator at(disk.folder + "/.arkshare/" + folder, error), end; at != end;
         at.increment(error)) {
      const std::vector<std::string> parts =
          absl::StrSplit(at->path().filename().native(), absl::MaxSplits('-', 1));
      absl::StatusOr<TransferId> id = TransferIdFromHex(parts[0]);
      std::optional<FoundFile> found = HashFound(at->path());
      if (!id.ok() || !found) continue;
      uint64_t listing = 0;
      if (parts.size() == 1) {
        disk.staged.try_emplace(*id, *found);
      } else if (absl::SimpleAtoi(parts[1], &listing)) {
        disk.hidden[{*id, listing}] = *found;
      }
    }
  }
}

class Ledger {
 public:
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& path) {
    auto ledger = std::unique_ptr<Ledger>(new Ledger());
    // Read-only: a reader that closes last would otherwise fold the journal of a killed peer.
    if (sqlite3_open_v2(path.c_str(), &ledger->db_, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
      return absl::NotFoundError(absl::StrCat(path, ": ", sqlite3_errmsg(ledger->db_)));
    }
    sqlite3_busy_timeout(ledger->db_, 10'000);
    if (sqlite3_exec(ledger->db_, "BEGIN", nullptr, nullptr, nullptr) != SQLITE_OK) {
      return absl::InternalError(absl::StrCat(path, ": ", sqlite3_errmsg(ledger->db_)));
    }
    return ledger;
  }
  ~Ledger() { sqlite3_close(db_); }

  class Row {
   public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
    uint64_t Number(int column) const { return static_cast<uint64_t>(Int(column)); }
    std::string Bytes(int column) const {
      const void* data = sqlite3_column_blob(statement_, column);
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
      return data == nullptr ? "" : std::string(static_cast<const char*>(data), size);
    }
    ContentId Content(int column) const {
      return {DigestFromBytes(Bytes(column)).value_or(Sha256Digest{}), Number(column + 1)};
    }
    PublicKey Key(int column) const {
      return PublicKey::FromBytes(Bytes(column)).value_or(PublicKey{});
    }
    TransferId Id(int column) const {
      return TransferId::FromBytes(Bytes(column)).value_or(TransferId{});
    }
    std::optional<MoveTicket> Ticket(int column) const {
      absl::StatusOr<MoveTicket> ticket = DecodeTicket(Bytes(column));
      if (!ticket.ok()) return std::nullopt;
      return *std::move(ticket);
    }

   private:
    sqlite3_stmt* const statement_;
  };

  absl::Status Each(const char* sql, const std::function<void(const Row&)>& visit) {
    sqlite3_stmt* statement = nullptr;
    int rc = sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
      rc = sqlite3_step(statement);
      if (rc == SQLITE_ROW) visit(Row(statement));
    }
    sqlite3_finalize(statement);
    if (rc == SQLITE_DONE) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the ledger cannot be read: ", sqlite3_errmsg(db_)));
  }

 private:
  Ledger() = default;
  sqlite3* db_ = nullptr;
};

absl::Status ReadLedger(PeerDisk& disk) {
  absl::StatusOr<std::unique_ptr<Ledger>> ledger =
      Ledger::Open(disk.folder + "/.arkshare/ledger.db");
  if (!ledger.ok()) return ledger.status();
  Ledger& db = **ledger;
  absl::Status status;
  status.Update(db.Each(
      "SELECT number, name, path, root, size, inode, mtime_ns, state, unsettled FROM listings",
      [&](const Ledger::Row& row) {
        disk.listings.push_back({.number = row.Number(0),
                                 .name = row.Bytes(1),
                                 .path = row.Bytes(2),
                                 .content = row.Content(3),
                                 .inode = row.Number(5),
                                 .mtime_ns = row.Int(6),
                                 .state = static_cast<ListingState>(row.Int(7)),
                                 .unsettled = row.Int(8) != 0});
      }));
  status.Update(db.Each(
      "SELECT transfer_id, listing, root, size, receiver, state, ticket, reason FROM releases",
      [&](const Ledger::Row& row) {
        disk.releases.push_back({.id = row.Id(0),
                                 .listing = row.Number(1),
                                 .content = row.Content(2),
                                 .receiver = row.Key(4),
                                 .state = static_cast<ReleaseState>(row.Int(5)),
                                 .ticket = row.Ticket(6),
                                 .reason = row.Bytes(7)});
      }));
  status.Update(db.Each(
      "SELECT transfer_id, move, source, source_listing, root, size, state, listing, ticket, "
      "index_told, confirmed FROM transfers",
      [&](const Ledger::Row& row) {
        disk.transfers.push_back({.id = row.Id(0),
                                  .move = row.Int(1) == 1,
                                  .kept = row.Int(1) == 2,
                                  .source = row.Key(2),
                                  .source_listing = row.Number(3),
                                  .content = row.Content(4),
                                  .state = static_cast<TransferState>(row.Int(6)),
                                  .listing = row.Number(7),
                                  .has_ticket = !row.Bytes(8).empty(),
                                  .ticket = row.Ticket(8),
                                  .index_told = row.Int(9) != 0,
                                  .confirmed = row.Int(10) != 0});
      }));
  status.Update(db.Each("SELECT path FROM unshared",
                        [&](const Ledger::Row& row) { disk.unshared.insert(row.Bytes(0)); }));
  status.Update(db.Each("SELECT seq FROM sqlite_sequence WHERE name = 'listings'",
                        [&](const Ledger::Row& row) { disk.last_number = row.Number(0); }));
  return status;
}

absl::Status ReadKey(PeerDisk& disk) {
  const int fd = ::open((disk.folder + "/.arkshare/key").c_str(), O_RDONLY | O_CLOEXEC);
  std::string seed(33, '\0');
  const ssize_t n = fd < 0 ? -1 : ::read(fd, seed.data(), seed.size());
  if (fd >= 0) ::close(fd);
  if (n != 32) return absl::DataLossError("the peer's key cannot be read");
  seed.resize(32);
  absl::StatusOr<PrivateKey> key = PrivateKey::FromSeed(seed);
  if (!key.ok()) return key.status();
  disk.key = key->public_key();
  return absl::OkStatus();
}

}  // namespace

bool PeerDisk::IsUnshared(const std::string& path) const {
  for (size_t end = path.size(); end != std::string::npos && end > 0;
       end = path.rfind('/', end - 1)) {
    if (unshared.contains(path.substr(0, end))) return true;
  }
  return false;
}

const ListingRow* PeerDisk::FindListing(uint64_t number) const {
  for (const ListingRow& row : listings) {
    if (row.number == number) return &row;
  }
  return nullptr;
}

const ReleaseRow* PeerDisk::FindRelease(const TransferId& id) const {
  for (const ReleaseRow& row : releases) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

const TransferRow* PeerDisk::FindTransfer(const TransferId& id) const {
  for (const TransferRow& row : transfers) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

absl::StatusOr<PeerDisk> ReadPeerDisk(const std::string& folder) {
  PeerDisk disk;
  disk.folder = folder;
  if (absl::Status s = ReadKey(disk); !s.ok()) return s;
  if (absl::Status s = ReadLedger(disk); !s.ok()) return s;
  ReadLibrary(disk);
  ReadStateFiles(disk);
  return disk;
}

}  // namespace arkshare
