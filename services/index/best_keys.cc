#include "services/index/best_keys.h"

#include <algorithm>
#include <tuple>

namespace arkshare {
namespace {

std::tuple<Fit, int, absl::string_view, const ContentId&> RankOf(const SearchKey& key) {
  return {key.fit, key.unpopularity, key.name, key.content};
}

}  // namespace

void BestKeys::Offer(const Fit& fit, int unpopularity, absl::string_view name,
                     const ContentId& content) {
  using Rank = std::tuple<Fit, int, absl::string_view, const ContentId&>;
  const Rank rank(fit, unpopularity, name, content);
  if (after_.has_value() && rank <= RankOf(*after_)) return;
  const auto place = std::lower_bound(
      keys_.begin(), keys_.end(), rank,
      [](const SearchKey& key, const Rank& wanted) { return RankOf(key) < wanted; });
  if (place == keys_.end() ? full() : RankOf(*place) == rank) return;
  const size_t at = static_cast<size_t>(place - keys_.begin());
  if (full()) keys_.pop_back();
  keys_.insert(keys_.begin() + static_cast<ptrdiff_t>(at),
               {fit, unpopularity, std::string(name), content});
}

bool BestKeys::Excludes(const Fit& fit, int unpopularity) const {
  if (!full()) return false;
  const SearchKey& worst = keys_.back();
  return std::tie(fit, unpopularity) > std::tie(worst.fit, worst.unpopularity);
}

bool BestKeys::Excludes(const Fit& fit, int unpopularity, absl::string_view name) const {
  if (!full()) return false;
  const SearchKey& worst = keys_.back();
  return std::tuple(fit, unpopularity, name) >
         std::tuple(worst.fit, worst.unpopularity, absl::string_view(worst.name));
}

void BestKeys::Merge(const BestKeys& other) {
  for (const SearchKey& key : other.keys_) Offer(key.fit, key.unpopularity, key.name, key.content);
}

}  // namespace arkshare
