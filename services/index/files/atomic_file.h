// Files that are replaced as a whole.
#ifndef ARKSHARE_SERVICES_INDEX_FILES_ATOMIC_FILE_H_
#define ARKSHARE_SERVICES_INDEX_FILES_ATOMIC_FILE_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <string>

namespace arkshare {

// Replaces the file in one step, durably: after a crash at any moment, the file has the old text or
// the new one. Only its owner can read it. Internal names the file and what failed.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_FILES_ATOMIC_FILE_H_
