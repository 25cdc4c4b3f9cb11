// Shares and unshares files for the owner.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Thread-safe.
class Sharing {
 public:
  // All must outlive it.
  Sharing(const SharedFolder* folder, Library* library, FolderScanner* scanner)
      : folder_(folder), library_(library), scanner_(scanner) {}

  struct Shared {
    std::string first_name;
    uint64_t file_count = 0;
  };
  // Copies a file, or a folder with all its files, into the shared folder and lists it. Files that
  // are in the shared folder already are not copied; those that were unshared are listed again.
  // From a folder that contains the shared folder, copies the other files. `path` is absolute.
  // Errors: kFileNotFound, kInvalidName, kNameTaken, kDiskFull, kInvalidField (relative; not a
  // file; in the shared folder, but cannot be shared).
  absl::StatusOr<Shared> Share(const std::string& path);
  // Stops listing a book, for good; the file stays. kBookNotFound.
  absl::Status Unshare(const std::string& name);

 private:
  // For files that are in the shared folder already; the paths are relative to it.
  absl::StatusOr<Shared> ShareAgain(const std::string& path);
  absl::StatusOr<Shared> ShareFolderAgain(const std::string& folder);
  // Lists the file at this path when it can be shared.
  absl::Status ListAgain(const std::string& path);
  absl::StatusOr<Shared> CopyFolderIn(const std::string& folder);
  // Returns the name of the copy.
  absl::StatusOr<std::string> CopyIn(const std::string& path, const std::string& name);

  const SharedFolder* const folder_;
  Library* const library_;
  FolderScanner* const scanner_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_
