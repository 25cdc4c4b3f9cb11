// The order of search results, and the best of them.
#ifndef ARKSHARE_SERVICES_INDEX_SEARCH_BEST_KEYS_H_
#define ARKSHARE_SERVICES_INDEX_SEARCH_BEST_KEYS_H_

#include <absl/strings/string_view.h>

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "services/index/search/query.h"
#include "services/index/store/standing.h"

namespace arkshare {

// Where a search result stands among the others; the first is the best.
struct SearchKey {
  Fit fit;
  int unpopularity = 0;  // coarse, so that it seldom changes; always 0 for exact searches
  uint32_t shuffle = 0;  // ShuffleOf(name); always 0 for exact searches
  std::string name;
  ContentId content;

  auto operator<=>(const SearchKey&) const = default;
};

// The best keys after a given one, without more than a page of them in memory: that of the last one
// on the same thread, because to allocate and free fifty names is a quarter of a search.
class BestKeys {
 public:
  BestKeys(size_t most, const std::optional<SearchKey>& after);
  ~BestKeys();
  BestKeys(const BestKeys&) = delete;
  BestKeys& operator=(const BestKeys&) = delete;

  void Offer(const Fit& fit, int unpopularity, uint32_t shuffle, absl::string_view name,
             const ContentId& content);
  // No name with this fit and this unpopularity, or worse ones, can be among the best any more.
  bool Excludes(const Fit& fit, int unpopularity) const;
  // The worst standing with which a name that fits so can still be among the best; nullopt: none.
  std::optional<Standing> WorstStanding(const Fit& fit) const;
  // The best of both, each key once.
  void Merge(const BestKeys& other);
  bool full() const { return order_.size() >= most_; }
  size_t size() const { return order_.size(); }
  // The best one is the first.
  const SearchKey& operator[](size_t place) const { return keys_[order_[place].key]; }

 private:
  // What decides most often, and where the rest is: small, as better ones are put before many.
  struct Place {
    Fit fit;
    int unpopularity;
    uint32_t shuffle;
    uint32_t key;  // in keys_
  };

  const size_t most_;
  const std::optional<SearchKey>& after_;
  std::vector<Place> order_;
  std::vector<SearchKey> keys_;  // of order_, and some whose memory is used again
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_BEST_KEYS_H_
