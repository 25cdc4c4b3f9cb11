// Shares and unshares files for the owner.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
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

  struct Refused {
    std::string path;  // relative to the folder that was to be shared
    absl::Status why;
  };
  struct Shared {
    std::string first_name{};        // "" when no file is shared
    uint64_t file_count = 0;         // those that are shared now, also if they were before
    std::vector<Refused> refused{};  // of a folder: the files that are not shared, and its folders
                                     // that cannot be read; at most kMostRefused of them
    uint64_t refused_count = 0;      // all of these
  };
  static constexpr size_t kMostRefused = 100;

  // Copies a file, or a folder with all its files, into the shared folder and lists it. Files that
  // are in the shared folder already are not copied; those that were unshared are listed again.
  // A file whose copy is there already counts as shared, so a folder can be shared once more when
  // some of its files could not be. From a folder that contains the shared folder, copies the other
  // files. `path` is absolute. Errors, for a folder only when it has no files: kFileNotFound,
  // kInvalidName, kNameTaken, kDiskFull, kInvalidField (relative; not a file; in the shared folder,
  // but cannot be shared), kShuttingDown.
  // Ends soon when `gone` returns true, because the caller has gone, or after Stop: what is shared
  // stays, a copy in progress is removed, and the next files are not begun. Then returns Cancelled
  // or kShuttingDown for a file.
  absl::StatusOr<Shared> Share(const std::string& path, absl::FunctionRef<bool()> gone);

  struct Progress {
    std::string path;          // as it was asked for
    uint64_t bytes_done = 0;   // copied
    uint64_t bytes_total = 0;  // to be copied; 0 while the files are being counted
  };
  // Returns the progress of the calls of Share that are copying, the oldest first.
  std::vector<Progress> Running() const;

  // Stops listing a book, or a folder with all that is in it or comes into it, for good; the files
  // stay. Both stay private when they are renamed. kBookNotFound.
  absl::Status Unshare(const std::string& name);
  // Makes running calls of Share end soon.
  void Stop() { stop_.store(true); }

 private:
  // A call of Share that copies; shown by Running as long as it lives.
  class Call;

  // For files that are in the shared folder already; the paths are relative to it.
  absl::StatusOr<Shared> ShareAgain(const std::string& path);
  absl::StatusOr<Shared> ShareFolderAgain(const std::string& folder);
  absl::StatusOr<Shared> CopyFileIn(const std::string& path, const std::string& name, Call& call);
  absl::StatusOr<Shared> CopyFolderIn(const std::string& folder, Call& call);
  // Returns the name of the copy.
  absl::StatusOr<std::string> CopyIn(const std::string& path, const std::string& name, Call& call);
  // Copies an open file to a reserved name.
  absl::Status CopyTo(int fd, const BookName& name, Call& call);
  // Returns whether the file at this name is the same as an open one, byte by byte; Cancelled when
  // the call ends.
  absl::StatusOr<bool> IsCopy(int fd, const std::string& name, Call& call) const;
  absl::Status WhyNotShared(const std::string& path) const;

  const SharedFolder* const folder_;
  Library* const library_;
  FolderScanner* const scanner_;
  std::atomic<bool> stop_{false};

  mutable Mutex mutex_;
  std::list<Progress> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_SHARING_H_
