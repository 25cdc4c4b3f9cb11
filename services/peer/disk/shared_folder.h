// The only door to the disk: a shared folder and the peer's own state inside it.
//
//   DIR/                     the books
//   DIR/.arkshare/key        the Ed25519 seed; ledger.db, cache.db; reserve; lock
//   DIR/.arkshare/staging/   downloads in progress, one file a transfer, named by its id in hex
//   DIR/.arkshare/released/  given away and not yet confirmed: "<transfer id in hex>-<listing
//   number>"
//
// Every path is relative to DIR and resolved beneath it without following any symlink
// (openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; part by part with O_NOFOLLOW where a sandbox
// refuses openat2). Errors: NotFound, AlreadyExists, ResourceExhausted (disk full),
// PermissionDenied, InvalidArgument (not a regular file, a symlink on the way), Internal.
//
// An fsync that fails ends the process: what the kernel dropped cannot be asked for again, and the
// restart recovers from what is on the disk.
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
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// Thread-safe: holds nothing but descriptors.
class SharedFolder {
 public:
  // Creates .arkshare/ when missing and locks it for this process.
  // Errors for people: NotFound, PermissionDenied, AlreadyExists (another peer shares this folder),
  // FailedPrecondition (a network file system).
  static absl::StatusOr<std::unique_ptr<SharedFolder>> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // Of .arkshare/, for databases.
  std::string StatePath(absl::string_view file) const;
  // The peer's key; drawn and written durably the first time.
  absl::StatusOr<PrivateKey> LoadOrCreateKey() const;

  // --- Books ---
  absl::StatusOr<FileStat> Stat(const std::string& path) const;
  // A regular file, for reading. The stat is of the opened file.
  struct OpenedFile {
    UniqueFd fd;
    FileStat stat;
  };
  absl::StatusOr<OpenedFile> OpenFile(const std::string& path) const;
  // Calls `visit` for everything in the folder except dot-files, parents before children; folders
  // that cannot be read are visited and skipped.
  void Walk(const std::function<void(const std::string& path, const FileStat& stat)>& visit) const;
  // Descriptors of folders, for inotify: "" is DIR itself.
  absl::StatusOr<UniqueFd> OpenFolder(const std::string& path) const;

  // --- Receiving ---
  // A new file with room for `size` bytes; replaces a left-over of the same id. ResourceExhausted.
  absl::StatusOr<UniqueFd> CreateStaging(const TransferId& id, uint64_t size) const;
  // The same, but what an interrupted download of that id has left there is kept.
  absl::StatusOr<UniqueFd> ReopenStaging(const TransferId& id, uint64_t size) const;
  // Makes staged files' bytes and their names durable.
  void SyncStaging(absl::Span<const int> fds) const;
  absl::Status RemoveStaging(const TransferId& id) const;
  absl::StatusOr<FileStat> StatStaging(const TransferId& id) const;
  std::vector<TransferId> ListStaging() const;
  // Renames a staged file into the library, never over another (AlreadyExists); not yet durable,
  // see SyncAdmitted. NotFound when it is not in staging. Creates folders on the way.
  absl::Status Admit(const TransferId& id, const std::string& path) const;
  // Makes renames of staged files to `paths` durable: their folders and staging/.
  void SyncAdmitted(absl::Span<const std::string> paths) const;
  // Copies an open file into staging (reflink where possible), durably.
  absl::StatusOr<FileStat> StageCopy(int from_fd, const TransferId& id) const;

  // --- Giving away ---
  struct HiddenFile {
    TransferId transfer_id;
    uint64_t listing = 0;

    bool operator==(const HiddenFile&) const = default;
  };
  // Renames a book into released/. The stat is of what was really there; not yet durable, see
  // SyncHidden.
  absl::StatusOr<FileStat> Hide(const std::string& path, const HiddenFile& hidden) const;
  // Makes renames of `paths` into released/ durable: their folders and released/.
  void SyncHidden(absl::Span<const std::string> paths) const;
  // Renames a hidden file back, never over another (AlreadyExists), durably.
  absl::Status Unhide(const HiddenFile& hidden, const std::string& path) const;
  // Deletes hidden files (absent ones count as deleted) and makes that durable.
  absl::Status RemoveHidden(absl::Span<const HiddenFile> hidden) const;
  absl::StatusOr<FileStat> StatHidden(const HiddenFile& hidden) const;
  std::vector<HiddenFile> ListHidden() const;

  // --- The reserve ---
  // 1 MiB that is given up when the disk is full, so that the ledger can still write. False when
  // there is none left.
  bool FreeReserve() const;
  // Makes it again; false when there is no room for it.
  bool RestoreReserve() const;

 private:
  SharedFolder() = default;
  // A folder, and a name in it.
  struct Place {
    UniqueFd folder;
    std::string leaf;
  };
  absl::StatusOr<Place> OpenParent(const std::string& path, bool create) const;
  absl::StatusOr<UniqueFd> OpenStaging(const TransferId& id, uint64_t size, int truncate) const;
  absl::Status RenameInto(int from_dir, const std::string& from, const std::string& path) const;
  void SyncFoldersOf(absl::Span<const std::string> paths) const;

  std::string path_;
  uint64_t device_ = 0;
  UniqueFd root_, state_, staging_, released_, lock_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_SHARED_FOLDER_H_
