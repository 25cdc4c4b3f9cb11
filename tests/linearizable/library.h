// The listings that a peer of the linearizability tests believes it has.
#ifndef ARKSHARE_TESTS_LINEARIZABLE_LIBRARY_H_
#define ARKSHARE_TESTS_LINEARIZABLE_LIBRARY_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "lib/core/mutex.h"

namespace arkshare {

// Follows the rules of a real peer: a number is never used twice, a listing leaves once, and a
// received one leaves only after the index has learnt of the move. Thread-safe.
class FakeLibrary {
 public:
  struct Entry {
    size_t book = 0;
    bool settled = false;  // may be given away or deleted
  };

  // Few, so that often no peer has a book by a name, and because a search names only 20 holders.
  bool full() const {
    MutexLock lock(&mutex_);
    return entries_.size() >= 3;
  }
  uint64_t Add(size_t book, bool settled) {
    MutexLock lock(&mutex_);
    entries_[next_] = {book, settled};
    return next_++;
  }
  void Settle(uint64_t number) {
    MutexLock lock(&mutex_);
    entries_.at(number).settled = true;
  }
  // Removes a settled listing and returns its number and book.
  std::optional<std::pair<uint64_t, size_t>> TakeSome(size_t skip) {
    MutexLock lock(&mutex_);
    if (entries_.empty()) return std::nullopt;
    auto entry = entries_.begin();
    std::advance(entry, skip % entries_.size());
    if (!entry->second.settled) return std::nullopt;
    const std::pair<uint64_t, size_t> taken(entry->first, entry->second.book);
    entries_.erase(entry);
    return taken;
  }
  std::map<uint64_t, Entry> All() const {
    MutexLock lock(&mutex_);
    return entries_;
  }

 private:
  mutable Mutex mutex_;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_LIBRARY_H_
