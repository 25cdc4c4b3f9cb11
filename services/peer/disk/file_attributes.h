// Reads and sets the attributes of open files.
#ifndef ARKSHARE_SERVICES_PEER_DISK_FILE_ATTRIBUTES_H_
#define ARKSHARE_SERVICES_PEER_DISK_FILE_ATTRIBUTES_H_

#include <absl/status/status.h>

#include <optional>

#include "lib/core/file_attributes.h"

namespace arkshare {

// Returns the attributes of an open file; nullopt when they cannot be read.
std::optional<FileAttributes> AttributesOf(int fd);

// Gives them to an open file that this process has created. The umask of this process still holds:
// a file never gets a permission for other users that its creation did not give to them. The owner
// may always read it. A time before 1901 or after 2400 is not set. Errors: those of ErrnoStatus.
absl::Status ApplyAttributes(int fd, const FileAttributes& attributes);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_FILE_ATTRIBUTES_H_
