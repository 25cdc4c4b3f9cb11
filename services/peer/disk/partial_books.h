// Books that are still being received, and the pieces of them that other peers may read already.
#ifndef ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_
#define ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/mutex.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// The pieces of one book that have been verified and written. They do not change any more, so a
// reader can read every piece that it sees here. Thread-safe.
class PartialBook {
 public:
  // `fd` is open for reading and stays open. `clock` must outlive the book.
  PartialBook(const ContentId& content, UniqueFd fd, const Clock* clock = Clock::Real());

  const ContentId& content() const { return content_; }
  int fd() const { return fd_.get(); }

  // Stores the hashes of the pieces, which the root has proven.
  void SetManifest(std::vector<Sha256Digest> pieces);
  // Returns nullopt until SetManifest was called.
  std::optional<std::vector<Sha256Digest>> manifest() const;
  void Add(uint64_t piece);
  bool Has(uint64_t piece) const;
  // Ends all waits in Await. Called when the book is no longer received, or when it is whole and in
  // the library.
  void Close();

  struct News {
    std::vector<uint64_t> pieces{};  // in the order in which they came
    bool whole = false;              // these were the last
    bool closed = false;
  };
  // Returns the pieces that came after the first `seen` ones; waits at most `wait` for `enough` of
  // them.
  News Await(size_t seen, size_t enough, absl::Duration wait) const;

 private:
  const ContentId content_;
  const UniqueFd fd_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::optional<std::vector<Sha256Digest>> manifest_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> has_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> order_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// The partial books of this peer, by content. Thread-safe.
class PartialBooks {
 public:
  // `clock` must outlive it and its books.
  explicit PartialBooks(const Clock* clock = Clock::Real()) : clock_(clock) {}

  // Closes and replaces an earlier book of the same content.
  std::shared_ptr<PartialBook> Begin(const ContentId& content, UniqueFd fd);
  // Returns nullptr when there is none.
  std::shared_ptr<PartialBook> Find(const ContentId& content) const;
  // Closes the book and removes it.
  void End(const std::shared_ptr<PartialBook>& book);
  // Closes and removes all books.
  void Stop();

 private:
  const Clock* const clock_;
  mutable Mutex mutex_;
  absl::flat_hash_map<ContentId, std::shared_ptr<PartialBook>> books_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_PARTIAL_BOOKS_H_
