// The hidden copies of books that were given away, until they are deleted or back in the library.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_HIDDEN_COPIES_H_
#define ARKSHARE_SERVICES_PEER_SERVE_HIDDEN_COPIES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"

namespace arkshare {

// Deletes a hidden copy only when this very file is proven to be the book: a receiver has verified
// its bytes and it has not changed since, or its bytes were hashed after it was hidden. A file that
// is not the book goes back into the library. Thread-safe. One thread, begun when there is
// something to read, reads files one after another.
class HiddenCopies {
 public:
  using HiddenFile = SharedFolder::HiddenFile;

  // Both must outlive it.
  HiddenCopies(const SharedFolder* folder, Ledger* ledger)
      : folder_(folder), listings_(ledger->listings()), releases_(ledger->releases()) {}
  // Stops the thread, also within a file; the next start reads that file from its beginning.
  ~HiddenCopies();

  // Notes the identity of a file right after it was hidden. `verified`: the receiver has verified
  // all of it, with the identity that it had just before. Forgotten by a restart.
  void NoteHidden(const TransferId& id, const FileIdentity& identity, bool verified);
  void Forget(const TransferId& id);
  // Returns true when the file may be deleted without reading it.
  bool IsProven(const HiddenFile& hidden) const;

  // Reads files whose releases are recorded as kConfirmed, in the thread. Then deletes each and
  // records kGone; or records kRestored and puts it back, when it has other bytes or a program
  // writes to it.
  void ReadLater(absl::Span<const HiddenFile> files);
  // Waits until nothing is left to read but what has failed; for tests.
  void AwaitRead();

  // Renames a hidden file back into the library, under `path` or a free name like it; returns its
  // path.
  absl::StatusOr<std::string> PutBack(const HiddenFile& hidden, const std::string& path);

 private:
  struct Noted {
    FileIdentity identity;
    bool verified = false;
  };
  struct Proven {
    HiddenFile file;
    FileIdentity identity;
  };
  enum class Verdict { kBook, kOther, kDone, kLater };

  void ReadLoop();
  // Takes files of one batch; empty when the thread stops.
  std::vector<HiddenFile> TakeBatch();
  void ReadBatch(absl::Span<const HiddenFile> files);
  // Reads one file. kBook: `proven` has its identity. kDone: nothing is left to do.
  Verdict Read(const HiddenFile& file, std::vector<Proven>& proven);
  void Delete(absl::Span<const Proven> proven);
  // Puts back a file that is not the book.
  void Keep(const HiddenFile& file);
  void Retry(const HiddenFile& file, const absl::Status& why);

  const SharedFolder* const folder_;
  LedgerListings* const listings_;
  LedgerReleases* const releases_;
  std::atomic<bool> stopping_{false};

  mutable Mutex mutex_;
  CondVar changed_;
  absl::flat_hash_map<TransferId, Noted> noted_ ABSL_GUARDED_BY(mutex_);
  std::deque<HiddenFile> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<HiddenFile> failed_ ABSL_GUARDED_BY(mutex_);  // to be read again after a while
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<std::thread> thread_ ABSL_GUARDED_BY(mutex_);
};

// Logs that a hidden file could not be put back under `path`.
void LogNotPutBack(const std::string& path, const absl::Status& why);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_HIDDEN_COPIES_H_
