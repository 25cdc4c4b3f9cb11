#include "services/index/catalog/graveyard.h"

#include <utility>

namespace arkshare {

template <typename Add>
void Graveyard::AddTo(const PublicKey& key, const Add& add) {
  Grave& grave = graves_[key];
  range_count_ -= grave.gone.range_count();
  by_order_.erase(grave.order);
  grave.order = next_order_++;
  by_order_[grave.order] = key;
  add(grave.gone);
  range_count_ += grave.gone.range_count();
  if (grave.gone.range_count() > kMaxRangesOfGrave) Exhume(key);
  while (range_count_ > kMaxRanges) Exhume(PublicKey(by_order_.begin()->second));
}

void Graveyard::Bury(const PublicKey& key, NumberSet gone) {
  if (gone.empty()) return;
  if (gone.range_count() > kMaxRangesOfGrave) {
    Exhume(key);
    return;
  }
  AddTo(key, [&gone](NumberSet& numbers) {
    if (numbers.range_count() < gone.range_count()) std::swap(numbers, gone);
    numbers.Merge(gone);
  });
}

void Graveyard::Bury(const PublicKey& key, uint64_t number) {
  AddTo(key, [number](NumberSet& numbers) { numbers.Insert(number); });
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
