// Small files of the peer's own state in .arkshare/, each of which is replaced as a whole.
#ifndef ARKSHARE_SERVICES_PEER_DISK_STATE_FILES_H_
#define ARKSHARE_SERVICES_PEER_DISK_STATE_FILES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <optional>
#include <string>

namespace arkshare {

// Thread-safe, except that one file must not be written by two threads at a time. For the errors
// see SharedFolder.
class StateFiles {
 public:
  StateFiles() = default;  // to be assigned to before use
  // `folder` is a descriptor of .arkshare/ and must outlive the object.
  explicit StateFiles(int folder) : folder_(folder) {}

  // Returns the content of a file of at most 8 MiB; nullopt when there is none.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const;
  // Replaces a file in one step, durably: after a crash at any moment it has the old content or the
  // new one. Only its owner can read it.
  absl::Status Write(const std::string& name, absl::string_view content) const;
  // Deletes a file, durably. An absent one counts as deleted.
  absl::Status Remove(const std::string& name) const;

 private:
  int folder_ = -1;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_STATE_FILES_H_
