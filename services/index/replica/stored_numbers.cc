#include "services/index/replica/stored_numbers.h"

namespace arkshare {

void StoredNumbers::Put(uint32_t number, const NumberOwner& owner) {
  Remove(number);
  owners_[number] = owner;
  by_key_[owner.key] = number;
}

void StoredNumbers::Remove(uint32_t number) {
  const auto former = owners_.find(number);
  if (former == owners_.end()) return;
  // The key may have another number by now.
  const auto of_key = by_key_.find(former->second.key);
  if (of_key != by_key_.end() && of_key->second == number) by_key_.erase(of_key);
  owners_.erase(former);
}

void StoredNumbers::RemoveIf(absl::FunctionRef<bool(uint32_t number)> wanted) {
  for (const auto& [number, owner] : All()) {
    if (wanted(number)) Remove(number);
  }
}

std::optional<NumberOwner> StoredNumbers::OwnerOf(uint32_t number) const {
  const auto found = owners_.find(number);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

std::optional<uint32_t> StoredNumbers::NumberOf(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<uint32_t, NumberOwner>> StoredNumbers::All() const {
  return {owners_.begin(), owners_.end()};
}

}  // namespace arkshare
