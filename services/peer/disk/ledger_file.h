// The file of a peer's ledger, and its transactions.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_FILE_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_FILE_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>

#include "lib/core/mutex.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/disk/sqlite.h"

namespace arkshare {

// Thread-safe. One mutex serialises the one database connection, so it is held during disk writes.
// That is an exception to the rule that no lock is held across I/O: call with no other lock held.
// The database is lent only to the bodies of Read and Commit, which run under the lock.
//
// When the disk is full, a commit gives up the folder's reserve and tries once more;
// ResourceExhausted then means that nothing was written. Another failure of a commit leaves unknown
// what is on the disk, so it ends the process; the restart reads the disk.
class LedgerFile {
 public:
  // Opens or creates the file, without tables. `folder` must outlive it.
  static absl::StatusOr<std::unique_ptr<LedgerFile>> Open(const SharedFolder* folder);

  // Returns what `body(SqlDatabase*)` returns. `body` must not write, and must not call this
  // object.
  template <typename Body>
  auto Read(Body body) {
    MutexLock lock(&mutex_);
    return body(db_.get());
  }
  // Runs `body` in a transaction, with the rules of the class comment for failures: twice when the
  // disk is full, so a body begins its results from nothing. `body` must not call this object.
  absl::Status Commit(absl::FunctionRef<absl::Status(SqlDatabase*)> body);

 private:
  LedgerFile(const SharedFolder* folder, std::unique_ptr<SqlDatabase> db);

  const SharedFolder* const folder_;
  Mutex mutex_;
  std::unique_ptr<SqlDatabase> db_ ABSL_GUARDED_BY(mutex_);
  // False when it was given up; made again as soon as there is room.
  bool reserve_ ABSL_GUARDED_BY(mutex_) = true;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_FILE_H_
