// Opening files beneath a folder without ever leaving it, and errno as a status.
#ifndef ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_
#define ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>

#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// openat(2) for an existing `path` below `folder`: no symlink is followed anywhere, ".." cannot
// leave. Uses openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; where the kernel or a sandbox
// refuses that call, opens part by part with O_NOFOLLOW. Flags get O_CLOEXEC and O_NOFOLLOW.
// InvalidArgument for a symlink on the way or a way out.
absl::StatusOr<UniqueFd> OpenBeneath(int folder, const std::string& path, int flags);

// Makes OpenBeneath go part by part from now on, for tests.
void DisableOpenat2ForTest(bool disabled);

// NotFound, AlreadyExists, ResourceExhausted (ENOSPC, EDQUOT), PermissionDenied, InvalidArgument
// (ELOOP, EXDEV, ENOTDIR, EISDIR, ENAMETOOLONG, ENXIO) or Internal, with the system's words.
absl::Status ErrnoStatus(int error, absl::string_view what);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_BENEATH_H_
