// The only door to the disk: a shared folder and the peer's own state inside it.
//
//   DIR/                     the books; .arkshare-ID.part beside the place of a book that is about
//   to
//                            enter (see Entrance)
//   DIR/.arkshare/key        the Ed25519 seed; ledger.db, cache.db; reserve; lock
//   DIR/.arkshare/membership the peer's group, if it has joined one; its members
//   DIR/.arkshare/staging/   downloads in progress, one file a transfer, named by its id in hex
//   DIR/.arkshare/released/  given away and not yet confirmed, named by the transfer's id in hex,
//                            a "-" and the listing's number
//
// Every path is relative to DIR and resolved beneath it without following any symlink
// (openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; part by part with O_NOFOLLOW where a sandbox
// refuses openat2). Errors: NotFound, AlreadyExists, ResourceExhausted (disk full),
// PermissionDenied, InvalidArgument (not a regular file, a symlink on the way), Internal.
//
// An fsync that fails ends the process: the kernel may have dropped the data for good. The restart
// recovers from what is on the disk.
#ifndef ARKSHARE_SERVICES_PEER_DISK_SHARED_FOLDER_H_
#define ARKSHARE_SERVICES_PEER_DISK_SHARED_FOLDER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/entrance.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/folder_traits.h"
#include "services/peer/disk/staging_area.h"
#include "services/peer/disk/state_files.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// Thread-safe: it only holds descriptors.
class SharedFolder {
 public:
  // Creates .arkshare/ when missing and locks it for this process. Errors, written for the owner:
  // NotFound, PermissionDenied, AlreadyExists (another peer shares this folder),
  // FailedPrecondition (a network file system; a folder without .arkshare/ on a mount point of
  // /etc/fstab on which nothing is mounted).
  static absl::StatusOr<std::unique_ptr<SharedFolder>> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // As measured by Open. The identities that this class returns have no ctime where it is not
  // trusted.
  const FolderTraits& traits() const { return traits_; }
  // Replaces what Open has measured; for tests, before threads start.
  void SetTraitsForTest(const FolderTraits& traits) { traits_ = traits; }
  // Returns the path of a file in .arkshare/, for databases.
  std::string StatePath(absl::string_view file) const;
  // Returns OK while this folder and its .arkshare/ are at their paths. FailedPrecondition, for
  // people, when one of them was deleted, renamed, replaced or unmounted: no file in it can then be
  // said to be missing, and none must be put there.
  absl::Status CheckInPlace() const;
  // The small files in .arkshare/.
  const StateFiles& state_files() const { return state_files_; }
  // Returns the peer's key; draws it and writes it durably the first time.
  absl::StatusOr<PrivateKey> LoadOrCreateKey() const;

  // --- Books ---
  absl::StatusOr<FileStat> Stat(const std::string& path) const;
  struct OpenedFile {
    UniqueFd fd;
    FileStat stat;  // of the opened file
  };
  // Opens a regular file for reading.
  absl::StatusOr<OpenedFile> OpenFile(const std::string& path) const;
  // Tells the file or folder at a path from all others.
  absl::StatusOr<FileMark> Mark(const std::string& path) const;
  struct Visitor {
    // Called for everything except dot-files, parents before children. Returns false to end the
    // walk.
    std::function<bool(const std::string& path, const FileStat& stat)> entry;
    // Called for a folder or file that cannot be read; a folder is not entered.
    std::function<void(const std::string& path, const absl::Status& why)> unreadable;
  };
  // Visits everything beneath a folder; "" is DIR itself. Returns false when `entry` ended the
  // walk. A folder that is not there has nothing in it.
  bool Walk(const std::string& top, const Visitor& visitor) const;
  // Opens a folder for inotify; "" is DIR itself.
  absl::StatusOr<UniqueFd> OpenFolder(const std::string& path) const;

  // --- Receiving; for files in staging/, see StagingArea ---
  absl::StatusOr<UniqueFd> CreateStaging(const TransferId& id, uint64_t size) const {
    return staging_.Create(id, size);
  }
  absl::StatusOr<UniqueFd> ReopenStaging(const TransferId& id, uint64_t size) const {
    return staging_.Reopen(id, size);
  }
  absl::Status RemoveStaging(const TransferId& id) const { return staging_.Remove(id); }
  absl::StatusOr<FileStat> StatStaging(const TransferId& id) const { return staging_.Stat(id); }
  std::vector<TransferId> ListStaging() const { return staging_.List(); }
  absl::StatusOr<FileStat> StageCopy(int from_fd, const TransferId& id,
                                     StagingArea::GoOn go_on) const {
    return staging_.Copy(from_fd, id, go_on);
  }
  const StagingArea& staging() const { return staging_; }
  // The way from staging/ to a place in the library.
  const Entrance& entrance() const { return entrance_; }
  // Makes the bytes of staged books durable, and the names that they have beside `paths`.
  void SyncStaged(absl::Span<const int> fds, absl::Span<const std::string> paths) const;
  // Renames a staged book into the library; see Entrance::Enter. Not yet durable: see SyncAdmitted.
  absl::Status Admit(const TransferId& id, const std::string& path) const {
    return entrance_.Enter(id, path);
  }
  // Makes renames of staged books to `paths` durable.
  void SyncAdmitted(absl::Span<const std::string> paths) const { SyncFoldersOf(paths); }

  // --- Giving away ---
  struct HiddenFile {
    TransferId transfer_id;
    uint64_t listing = 0;

    bool operator==(const HiddenFile&) const = default;
  };
  // Renames a book into released/ and returns the stat of the file that was moved. Not yet
  // durable: see SyncHidden. The file systems in use change its ctime by that.
  absl::StatusOr<FileStat> Hide(const std::string& path, const HiddenFile& hidden) const;
  // Makes renames of `paths` into released/ durable: syncs their folders and released/.
  void SyncHidden(absl::Span<const std::string> paths) const;
  // Renames a hidden file back, durably. Never replaces a file (AlreadyExists).
  absl::Status Unhide(const HiddenFile& hidden, const std::string& path) const;
  // Deletes hidden files, durably; absent ones count as deleted.
  absl::Status RemoveHidden(absl::Span<const HiddenFile> hidden) const;
  absl::StatusOr<FileStat> StatHidden(const HiddenFile& hidden) const;
  // Opens a hidden file for reading.
  absl::StatusOr<OpenedFile> OpenHidden(const HiddenFile& hidden) const;
  std::vector<HiddenFile> ListHidden() const;

  // Returns how many bytes this program can still write on the disk of the folder; 0 when unknown.
  uint64_t FreeBytes() const;

  // --- The reserve ---
  // Deletes the reserve, a file of 1 MiB, so that the ledger can still write when the disk is full.
  // Returns false when there is none.
  bool FreeReserve() const;
  // Makes it again; returns false when there is no room for it.
  bool RestoreReserve() const;

 private:
  SharedFolder() = default;
  // A folder and a name in it.
  struct Place {
    UniqueFd folder;
    std::string leaf;
  };
  absl::StatusOr<Place> OpenParent(const std::string& path, bool create) const;
  void SyncFoldersOf(absl::Span<const std::string> paths) const;
  absl::StatusOr<OpenedFile> OpenRegular(int folder, const std::string& path) const;
  absl::StatusOr<FileStat> Trusted(absl::StatusOr<FileStat> stat) const;

  std::string path_;
  FolderTraits traits_;
  uint64_t device_ = 0;
  UniqueFd root_, state_, released_, lock_;
  StagingArea staging_;
  Entrance entrance_;
  StateFiles state_files_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_SHARED_FOLDER_H_
