// Which bytes of which file this process has sent.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_SERVED_PROOFS_H_
#define ARKSHARE_SERVICES_PEER_SERVE_SERVED_PROOFS_H_

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/folder_traits.h"

namespace arkshare {

// Remembers the ranges that were read from the file of a listing and sent, while the file had one
// identity. When they cover the file, a receiver that has verified the book with bytes of this peer
// only has verified this very file, so the source need not read it again before it deletes it. In
// memory and bounded: a proof that is forgotten costs one reading of the file. Thread-safe.
class ServedProofs {
 public:
  // `clock` must outlive it. Without a trusted ctime nothing is a proof.
  ServedProofs(const FolderTraits& traits, const Clock* clock, size_t max_listings = 20'000)
      : traits_(traits), clock_(clock), max_listings_(max_listings) {}

  // Notes that `size` bytes at `offset` were read from the file of a listing. `identity` was that
  // of the open file before the read and after it. Ignores a file that changed a moment ago,
  // because it can change again without another identity.
  void Note(uint64_t listing, const FileIdentity& identity, uint64_t offset, uint64_t size);
  // Returns true when all bytes of the file with just this identity were noted.
  bool IsWhole(uint64_t listing, const FileIdentity& identity) const;
  void Forget(uint64_t listing);

 private:
  struct Served {
    FileIdentity identity;
    std::map<uint64_t, uint64_t> ranges{};  // from each begin to its end; they do not touch
  };
  static void Add(std::map<uint64_t, uint64_t>& ranges, uint64_t begin, uint64_t end);

  const FolderTraits traits_;
  const Clock* const clock_;
  const size_t max_listings_;
  mutable Mutex mutex_;
  absl::flat_hash_map<uint64_t, Served> served_ ABSL_GUARDED_BY(mutex_);
  // The listings in the order in which they were noted first; some may be forgotten since.
  std::deque<uint64_t> order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_SERVED_PROOFS_H_
