// Renames a file and never replaces another one, also where the file system cannot do that in one
// step (mergerfs, bindfs, ntfs-3g, exfat by FUSE).
#ifndef ARKSHARE_SERVICES_PEER_DISK_RENAME_NEW_H_
#define ARKSHARE_SERVICES_PEER_DISK_RENAME_NEW_H_

#include <absl/status/status.h>

#include <string>

namespace arkshare {

// Renames `from` in the open folder `from_dir` to `to` in `to_dir`. Not yet durable.
//
// Uses renameat2(RENAME_NOREPLACE). Where the file system refuses that: linkat and unlinkat. Where
// it has no hard links either: a placeholder that only this call can have made, and renameat over
// it. A call that a crash interrupted is completed when it is repeated with the same names. A
// repeated call also completes the rename of a file that has both names.
//
// Errors: AlreadyExists when `to` is another file; otherwise those of ErrnoStatus, about `to`.
absl::Status RenameNew(int from_dir, const std::string& from, int to_dir, const std::string& to);

// How RenameNew renames; for tests.
enum class RenameWays { kAll, kWithoutNoReplace, kWithoutLinks };
// Makes RenameNew behave as on a file system that lacks some ways.
void SetRenameWaysForTest(RenameWays ways);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_RENAME_NEW_H_
