// One peer's shared folder and ledger, as an auditor finds them: read by code of its own, not by
// the peer's. The tables are described in services/peer/disk/ledger_schema.cc.
#ifndef ARKSHARE_TESTS_AUDIT_PEER_DISK_H_
#define ARKSHARE_TESTS_AUDIT_PEER_DISK_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"

namespace arkshare {

// A regular file, hashed now.
struct FoundFile {
  ContentId content;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
};

enum class ListingState { kPresent = 1, kReleased = 2, kDeleted = 3, kChanged = 4 };
struct ListingRow {
  uint64_t number = 0;
  std::string name;
  std::string path;
  ContentId content;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
  ListingState state = ListingState::kPresent;
  bool unsettled = false;
};

enum class ReleaseState { kRefused = 0, kHidden = 1, kGone = 2, kRestored = 3, kConfirmed = 4 };
struct ReleaseRow {
  TransferId id;
  uint64_t listing = 0;
  ContentId content;
  PublicKey receiver;
  ReleaseState state = ReleaseState::kRefused;
  std::optional<MoveTicket> ticket;  // unset: none, or not a ticket
  std::string reason;
};

enum class TransferState { kIntent = 1, kPrepared = 2, kOwned = 3, kDone = 4, kDropped = 5 };
struct TransferRow {
  TransferId id;
  bool move = false;
  bool kept = false;  // by its owner as a copy, since the source did not answer
  PublicKey source;
  uint64_t source_listing = 0;
  ContentId content;
  TransferState state = TransferState::kIntent;
  uint64_t listing = 0;
  bool has_ticket = false;
  std::optional<MoveTicket> ticket;
  bool index_told = false;
  bool confirmed = false;
};

struct PeerDisk {
  std::string folder;  // as it was given
  PublicKey key;
  std::vector<ListingRow> listings;
  std::vector<ReleaseRow> releases;
  std::vector<TransferRow> transfers;
  std::set<std::string> unshared;  // files and folders
  uint64_t last_number = 0;        // the counter that listing numbers are drawn from
  // The library: path relative to the folder; no dot-files, no symlinks.
  std::map<std::string, FoundFile> visible;
  // Received books that are not in their places: in staging/, or beside their places.
  std::map<TransferId, FoundFile> staged;
  std::map<std::pair<TransferId, uint64_t>, FoundFile> hidden;

  // Whether the owner keeps this path or a folder above it private.
  bool IsUnshared(const std::string& path) const;
  const ListingRow* FindListing(uint64_t number) const;
  const ReleaseRow* FindRelease(const TransferId& id) const;
  const TransferRow* FindTransfer(const TransferId& id) const;
};

// Reads only; the peer may run meanwhile, and then ledger and files need not fit each other.
absl::StatusOr<PeerDisk> ReadPeerDisk(const std::string& folder);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_AUDIT_PEER_DISK_H_
