// What the owner puts into the shared folder, and takes out of the listings.
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
  // Copies a file, or a folder with all its files, into the shared folder and lists it; what stands
  // in the shared folder already, also as a folder or all of it, is not copied: what was unshared
  // of it is listed again. Of a folder above the shared one, the rest is copied. `path` is
  // absolute. Errors: kFileNotFound, kInvalidName, kNameTaken, kDiskFull, kInvalidField (relative;
  // not a file; in the shared folder, but cannot be shared).
  absl::StatusOr<Shared> Share(const std::string& path);
  // Lists a book no more and remembers that; the file stays. kBookNotFound.
  absl::Status Unshare(const std::string& name);

 private:
  // What stands in the shared folder already, at paths relative to it.
  absl::StatusOr<Shared> ShareAgain(const std::string& path);
  absl::StatusOr<Shared> ShareFolderAgain(const std::string& folder);
  // Lists what it can at this path.
  absl::Status ListAgain(const std::string& path);
  absl::StatusOr<Shared> CopyFolderIn(const std::string& folder);
  // Returns the name under which it is there now.
  absl::StatusOr<std::string> CopyIn(const std::string& path, const std::string& name);

  const SharedFolder* const folder_;
  Library* const library_;
  FolderScanner* const scanner_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_
