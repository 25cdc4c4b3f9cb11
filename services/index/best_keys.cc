#include "services/index/best_keys.h"

#include <algorithm>
#include <tuple>

namespace arkshare {
namespace {

using Rank = std::tuple<Fit, int, uint32_t, absl::string_view, const ContentId&>;

Rank RankOf(const SearchKey& key) {
  return {key.fit, key.unpopularity, key.shuffle, key.name, key.content};
}

}  // namespace

// FNV-1a (draft-eastlake-fnv); the highest bits depend on every character.
uint32_t ShuffleOf(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return static_cast<uint32_t>(hash >> (64 - kShuffleBits));
}

void BestKeys::Offer(const Fit& fit, int unpopularity, uint32_t shuffle, absl::string_view name,
                     const ContentId& content) {
  const Rank rank(fit, unpopularity, shuffle, name, content);
  if (after_.has_value() && rank <= RankOf(*after_)) return;
  const auto place = std::lower_bound(
      keys_.begin(), keys_.end(), rank,
      [](const SearchKey& key, const Rank& wanted) { return RankOf(key) < wanted; });
  if (place == keys_.end() ? full() : RankOf(*place) == rank) return;
  const size_t at = static_cast<size_t>(place - keys_.begin());
  if (full()) keys_.pop_back();
  keys_.insert(keys_.begin() + static_cast<ptrdiff_t>(at),
               {fit, unpopularity, shuffle, std::string(name), content});
}

bool BestKeys::Excludes(const Fit& fit, int unpopularity) const {
  if (!full()) return false;
  const SearchKey& worst = keys_.back();
  return std::tie(fit, unpopularity) > std::tie(worst.fit, worst.unpopularity);
}

std::optional<Standing> BestKeys::WorstStanding(const Fit& fit) const {
  if (!full() || fit < keys_.back().fit) return Standing::Worst();
  if (keys_.back().fit < fit) return std::nullopt;
  return Standing(keys_.back().unpopularity, keys_.back().shuffle);
}

void BestKeys::Merge(const BestKeys& other) {
  for (const SearchKey& key : other.keys_) {
    Offer(key.fit, key.unpopularity, key.shuffle, key.name, key.content);
  }
}

}  // namespace arkshare
