#include "services/index/search/best_keys.h"

#include <algorithm>
#include <tuple>

namespace arkshare {
namespace {

using Rank = std::tuple<Fit, int, uint32_t, absl::string_view, const ContentId&>;

Rank RankOf(const SearchKey& key) {
  return {key.fit, key.unpopularity, key.shuffle, key.name, key.content};
}

// The memory of larger pages, which are rare, is not kept.
constexpr size_t kMostKept = 128;
thread_local std::vector<SearchKey> kept_keys;

}  // namespace

BestKeys::BestKeys(size_t most, const std::optional<SearchKey>& after)
    : most_(most), after_(after), keys_(std::exchange(kept_keys, {})) {}

BestKeys::~BestKeys() {
  if (keys_.size() <= kMostKept && keys_.size() > kept_keys.size()) kept_keys = std::move(keys_);
}

void BestKeys::Offer(const Fit& fit, int unpopularity, uint32_t shuffle, absl::string_view name,
                     const ContentId& content) {
  const Rank rank(fit, unpopularity, shuffle, name, content);
  if (after_.has_value() && rank <= RankOf(*after_)) return;
  const auto numbers = std::tie(fit, unpopularity, shuffle);
  const auto place = std::lower_bound(
      order_.begin(), order_.end(), rank, [&](const Place& other, const Rank& /*rank*/) {
        const auto of_other = std::tie(other.fit, other.unpopularity, other.shuffle);
        return of_other != numbers ? of_other < numbers : RankOf(keys_[other.key]) < rank;
      });
  if (place == order_.end() ? full() : RankOf(keys_[place->key]) == rank) return;
  const ptrdiff_t at = place - order_.begin();
  auto key = static_cast<uint32_t>(order_.size());
  if (full()) {
    key = order_.back().key;
    order_.pop_back();
  } else if (key == keys_.size()) {
    keys_.emplace_back();
  }
  order_.insert(order_.begin() + at, {fit, unpopularity, shuffle, key});
  SearchKey& added = keys_[key];
  added.fit = fit;
  added.unpopularity = unpopularity;
  added.shuffle = shuffle;
  added.name.assign(name.data(), name.size());
  added.content = content;
}

bool BestKeys::Excludes(const Fit& fit, int unpopularity) const {
  if (!full()) return false;
  const Place& worst = order_.back();
  return std::tie(fit, unpopularity) > std::tie(worst.fit, worst.unpopularity);
}

std::optional<Standing> BestKeys::WorstStanding(const Fit& fit) const {
  if (!full() || fit < order_.back().fit) return Standing::Worst();
  if (order_.back().fit < fit) return std::nullopt;
  return Standing(order_.back().unpopularity, order_.back().shuffle);
}

void BestKeys::Merge(const BestKeys& other) {
  for (size_t place = 0; place < other.size(); ++place) {
    const SearchKey& key = other[place];
    Offer(key.fit, key.unpopularity, key.shuffle, key.name, key.content);
  }
}

}  // namespace arkshare
