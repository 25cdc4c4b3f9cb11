// Opens files beneath a folder without ever leaving it, and turns errno into a status.
#ifndef ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_
#define ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// Opens an existing `path` below `folder` as openat(2) does, but follows no symlink, and ".."
// cannot leave the folder. Uses openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; where the
// kernel or a sandbox refuses that call, opens part by part with O_NOFOLLOW. Adds O_CLOEXEC and
// O_NOFOLLOW to `flags`. InvalidArgument when there is a symlink on the way or the path leaves the
// folder.
absl::StatusOr<UniqueFd> OpenBeneath(int folder, const std::string& path, int flags);

// Opens the folder `path` below `folder`, "" for `folder` itself, and first makes what is missing
// of it, durably. For the errors see OpenBeneath and ErrnoStatus.
absl::StatusOr<UniqueFd> OpenOrMakeFolder(int folder, const std::string& path);
// Makes the folders of a path that are not there, durably, and returns those that it has made,
// outermost first.
absl::StatusOr<std::vector<std::string>> MakeFolders(int folder, const std::string& path);

// Makes OpenBeneath open part by part from now on; for tests.
void DisableOpenat2ForTest(bool disabled);

// Returns NotFound, AlreadyExists, ResourceExhausted (ENOSPC, EDQUOT), PermissionDenied,
// InvalidArgument (ELOOP, EXDEV, ENOTDIR, EISDIR, ENAMETOOLONG, ENXIO) or Internal, with the
// system's words.
absl::Status ErrnoStatus(int error, absl::string_view what);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_
