// Which file is hashed next.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_HASH_QUEUE_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_HASH_QUEUE_H_

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace arkshare {

// Small files come first, because many of them are hashed while one large file is. One lane takes
// small files only, so large ones never occupy all lanes. The other lanes take the smallest file,
// and after some small ones a large one, so that it does not wait for ever. Pure: no lock.
class HashQueue {
 public:
  // A file of at most this many bytes is small.
  static constexpr uint64_t kSmall = 32 * 1024 * 1024;
  // The lanes for files of any size take a large one after this many small ones.
  static constexpr int kSmallInARow = 1000;

  enum class Lane { kSmallOnly, kAny };

  // Adds a file, or notes the new size of one that waits. Does nothing for a file that is being
  // hashed: its end leads to another look at it.
  void Add(const std::string& path, uint64_t size);
  // Removes the file that a lane hashes next, and returns its path; nullopt when there is none for
  // it. The file counts as being hashed until Ended.
  std::optional<std::string> Take(Lane lane);
  void Ended(const std::string& path) { hashing_.erase(path); }
  // Forgets all files that wait.
  void Clear();

 private:
  std::string Remove(std::set<std::pair<uint64_t, std::string>>::iterator file);

  std::set<std::pair<uint64_t, std::string>> waiting_;  // in order of size
  absl::flat_hash_map<std::string, uint64_t> sizes_;    // of those that wait
  std::set<std::string> hashing_;
  int small_in_a_row_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_HASH_QUEUE_H_
