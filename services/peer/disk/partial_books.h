// Books that are still being received, and what others may read of them already.
#ifndef ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_
#define ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// The pieces of one book that have been verified and written. They do not change any more: whoever
// sees a piece here can read it. Thread-safe.
class PartialBook {
 public:
  // `fd` is open for reading and stays so.
  PartialBook(const ContentId& content, UniqueFd fd);

  const ContentId& content() const { return content_; }
  int fd() const { return fd_.get(); }

  // The hashes of its pieces, proven by the root.
  void SetManifest(std::vector<Sha256Digest> pieces);
  // nullopt until it has come.
  std::optional<std::vector<Sha256Digest>> manifest() const;
  void Add(uint64_t piece);
  bool Has(uint64_t piece) const;
  // Ends those who wait in Await. For when the book is not received any more, or is whole and has
  // its place in the library.
  void Close();

  struct News {
    std::vector<uint64_t> pieces{};  // in the order in which they came
    bool whole = false;              // these were the last
    bool closed = false;
  };
  // The pieces that came after the first `seen` ones; waits at most `wait` for `enough` of them.
  News Await(size_t seen, size_t enough, absl::Duration wait) const;

 private:
  const ContentId content_;
  const UniqueFd fd_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::optional<std::vector<Sha256Digest>> manifest_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> has_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> order_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Those of this peer, by content. Thread-safe.
class PartialBooks {
 public:
  // Replaces another one of the same content.
  std::shared_ptr<PartialBook> Begin(const ContentId& content, UniqueFd fd);
  // nullptr when there is none.
  std::shared_ptr<PartialBook> Find(const ContentId& content) const;
  // Closes it.
  void End(const std::shared_ptr<PartialBook>& book);
  // Closes all of them.
  void Stop();

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<PartialBook>> books_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_
