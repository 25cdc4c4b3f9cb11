#include "services/index/replica/stored_numbers.h"

#include <algorithm>

namespace arkshare {

void StoredNumbers::Put(uint32_t number, const NumberOwner& owner) {
  Remove(number);
  owners_[number] = owner;
  by_key_[owner.key] = number;
  if (number != full_to_ + 1) return;
  for (auto next = owners_.find(number); next != owners_.end() && next->first == full_to_ + 1;
       ++next) {
    ++full_to_;
  }
}

void StoredNumbers::Remove(uint32_t number) {
  const auto former = owners_.find(number);
  if (former == owners_.end()) return;
  // The key may have another number by now.
  const auto of_key = by_key_.find(former->second.key);
  if (of_key != by_key_.end() && of_key->second == number) by_key_.erase(of_key);
  owners_.erase(former);
  full_to_ = std::min(full_to_, number - 1);
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

uint32_t StoredNumbers::NextUnused(uint32_t number) const {
  number = std::max(number, full_to_ + 1);
  for (auto next = owners_.lower_bound(number); next != owners_.end() && next->first == number;
       ++next) {
    ++number;
  }
  return number;
}

std::vector<std::pair<uint32_t, NumberOwner>> StoredNumbers::All() const {
  return {owners_.begin(), owners_.end()};
}

}  // namespace arkshare
