// The lock on the state file of an index.
#ifndef ARKSHARE_SERVICES_INDEX_FILES_STATE_LOCK_H_
#define ARKSHARE_SERVICES_INDEX_FILES_STATE_LOCK_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>

namespace arkshare {

// Locks FILE.lock (flock), because two indexes that write one state file would give numbers twice.
// The lock ends with the process, also after a crash.
class StateLock {
 public:
  // InvalidArgument when another process has the lock, or FILE.lock cannot be made. The messages
  // are for people.
  static absl::StatusOr<std::unique_ptr<StateLock>> Acquire(const std::string& state_file);
  ~StateLock();
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_FILES_STATE_LOCK_H_
