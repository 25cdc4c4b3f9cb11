// Keeps the list of files and folders that the owner does not share, and follows their renames.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_FILES_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_FILES_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "services/peer/disk/ledger_unshared.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/unshared_paths.h"

namespace arkshare {

// Keeps UnsharedPaths, with what the ledger has of them. Thread-safe; its lock is not held across
// I/O.
class UnsharedFiles {
 public:
  // Both must outlive it.
  UnsharedFiles(const SharedFolder* folder, LedgerUnshared* ledger)
      : folder_(folder), ledger_(ledger) {}

  // Reads the ledger. Call once, before anything else.
  absl::Status Load();

  // Returns whether the owner keeps this path private, or a folder above it.
  bool Covers(const std::string& path) const;
  // The same for a file or folder that is there, also when it came there by a rename: then its new
  // path is private from now on.
  bool Follow(const std::string& path, const FileStat& stat);
  // Keeps what is at a path private, a folder with everything in it. Errors: those of the ledger,
  // here and below.
  absl::Status Unshare(const std::string& path);
  // Shares again what is at a path, under all names that it had.
  absl::Status Share(const std::string& path);
  // Shares all again that is private beneath a folder, and the folder; "" for all.
  absl::Status ShareBeneath(const std::string& folder);

 private:
  absl::Status ShareAll(std::vector<std::string> paths);

  const SharedFolder* const folder_;
  LedgerUnshared* const ledger_;

  mutable Mutex mutex_;
  UnsharedPaths paths_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_UNSHARED_FILES_H_
