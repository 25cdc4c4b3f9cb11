// Why a book of this folder can only be lent, as far as it can be known before it is asked for.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_LEND_REASONS_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_LEND_REASONS_H_

#include <absl/time/time.h>

#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/shared_folder.h"

namespace arkshare {

// Asks the file system. Thread-safe; its lock is not held across I/O.
class LendReasons {
 public:
  enum class Depth {
    kFolder,  // only what is true of all files in the folder; that is remembered for a second
    kFile,    // also of the file itself, and whether a program has it open for writing
  };

  // Both must outlive it.
  LendReasons(const SharedFolder* folder, const Clock* clock) : folder_(folder), clock_(clock) {}

  // Returns words for Book::lend_reason; empty when nothing is known against taking the book.
  std::string Find(const std::string& path, Depth depth);

 private:
  std::string FindOfFolder(const std::string& parent);

  const SharedFolder* const folder_;
  const Clock* const clock_;
  Mutex mutex_;
  // The last folder that was asked about, and its answer.
  std::string parent_ ABSL_GUARDED_BY(mutex_);
  std::string reason_ ABSL_GUARDED_BY(mutex_);
  absl::Time asked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// For the reason of a file that a program has open for writing.
extern const char kOpenForWriting[];

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_LEND_REASONS_H_
