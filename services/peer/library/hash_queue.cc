#include "services/peer/library/hash_queue.h"

namespace arkshare {

void HashQueue::Add(const std::string& path, uint64_t size) {
  if (hashing_.contains(path)) return;
  const auto [known, added] = sizes_.try_emplace(path, size);
  if (!added) {
    waiting_.erase({known->second, path});
    known->second = size;
  }
  waiting_.insert({size, path});
}

std::optional<std::string> HashQueue::Take(Lane lane) {
  if (waiting_.empty()) return std::nullopt;
  const auto smallest = waiting_.begin();
  if (smallest->first > kSmall) {
    if (lane == Lane::kSmallOnly) return std::nullopt;
    return Remove(smallest);
  }
  if (lane == Lane::kSmallOnly) return Remove(smallest);
  const auto large = waiting_.upper_bound({kSmall + 1, ""});
  if (++small_in_a_row_ <= kSmallInARow || large == waiting_.end()) return Remove(smallest);
  return Remove(large);
}

std::string HashQueue::Remove(std::set<std::pair<uint64_t, std::string>>::iterator file) {
  if (file->first > kSmall) small_in_a_row_ = 0;
  std::string path = file->second;
  waiting_.erase(file);
  sizes_.erase(path);
  hashing_.insert(path);
  return path;
}

void HashQueue::Clear() {
  waiting_.clear();
  sizes_.clear();
}

}  // namespace arkshare
