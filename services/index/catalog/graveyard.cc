#include "services/index/catalog/graveyard.h"

#include <utility>

namespace arkshare {

void Graveyard::Bury(const PublicKey& key, NumberSet gone) {
  gone.Merge(Exhume(key));
  if (gone.empty() || gone.range_count() > kMaxRangesOfGrave) return;
  const uint64_t order = next_order_++;
  range_count_ += gone.range_count();
  graves_[key] = {std::move(gone), order};
  by_order_[order] = key;
  while (range_count_ > kMaxRanges) Exhume(PublicKey(by_order_.begin()->second));
}

NumberSet Graveyard::Exhume(const PublicKey& key) {
  const auto grave = graves_.find(key);
  if (grave == graves_.end()) return {};
  NumberSet gone = std::move(grave->second.gone);
  range_count_ -= gone.range_count();
  by_order_.erase(grave->second.order);
  graves_.erase(grave);
  return gone;
}

}  // namespace arkshare
