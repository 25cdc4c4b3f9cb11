// The traits of the file system of a shared folder, and how far it can be trusted.
#ifndef ARKSHARE_SERVICES_PEER_DISK_FOLDER_TRAITS_H_
#define ARKSHARE_SERVICES_PEER_DISK_FOLDER_TRAITS_H_

#include <absl/time/time.h>

#include <cstdint>

#include "services/peer/disk/file_io.h"

namespace arkshare {

struct FolderTraits {
  // The kernel itself keeps the ctime of this file system, durably and per inode. Elsewhere (FAT,
  // exFAT, NTFS, FUSE) an identity has no ctime, is not believed after a restart, and proves
  // nothing.
  bool ctime_trusted = false;
  // Two changes of a file that follow each other within this time may leave it with one timestamp:
  // the grain of the file system's times and the kernel's tick, both measured.
  absl::Duration grain = absl::Seconds(2);
  // Identifies the file system and the folder on it; another place after a copy to another disk.
  // 0: unknown.
  int64_t place = 0;

  // Returns how long, from `now` on, another change may leave the file with this very identity;
  // zero when none can. A time in the future counts as old: a change would go back to the clock.
  absl::Duration UntilSettled(const FileIdentity& identity, absl::Time now) const;
};

// Measures the file system of an open folder with a file in it, which is removed again.
FolderTraits MeasureFolder(int folder);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_FOLDER_TRAITS_H_
