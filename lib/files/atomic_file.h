// Files that are replaced as a whole.
#ifndef ARKSHARE_LIB_FILES_ATOMIC_FILE_H_
#define ARKSHARE_LIB_FILES_ATOMIC_FILE_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <sys/types.h>

#include <string>

namespace arkshare {

// Replaces the file in one step, durably: after a crash at any moment, the file has the old text or
// the new one. It has this mode, whatever the umask is. Two threads must not write the same file at
// a time: both use PATH.new. Internal names the file and what failed.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view text,
                                 mode_t mode = 0600);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_FILES_ATOMIC_FILE_H_
