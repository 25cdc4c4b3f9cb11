// Folders on which a disk is to be mounted.
#ifndef ARKSHARE_SERVICES_PEER_DISK_MOUNT_POINTS_H_
#define ARKSHARE_SERVICES_PEER_DISK_MOUNT_POINTS_H_

#include <string>

namespace arkshare {

// Returns the mount point at `path` or above it that `fstab` names and on which nothing is mounted
// according to `mounts`; "" when there is none. Both are files as getmntent(3) reads them. `path`
// is absolute and without symlinks. A file that cannot be read names no mount point.
std::string UnmountedMountPoint(const std::string& path, const char* fstab = "/etc/fstab",
                                const char* mounts = "/proc/self/mounts");

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_MOUNT_POINTS_H_
