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

// The rank of a search result; the smallest is the best.
struct SearchKey {
  Fit fit;
  int unpopularity = 0;  // coarse, so that it seldom changes; always 0 for exact searches
  uint32_t shuffle = 0;  // ShuffleOf(name); always 0 for exact searches
  std::string name;
  ContentId content;

  auto operator<=>(const SearchKey&) const = default;
};

// The best keys after a given one, at most a page of them. Uses the memory of the last BestKeys on
// the same thread again, because allocating and freeing fifty names is a quarter of a search. Not
// thread-safe.
class BestKeys {
 public:
  BestKeys(size_t most, const std::optional<SearchKey>& after);
  ~BestKeys();
  BestKeys(const BestKeys&) = delete;
  BestKeys& operator=(const BestKeys&) = delete;

  void Offer(const Fit& fit, int unpopularity, uint32_t shuffle, absl::string_view name,
             const ContentId& content);
  // Returns whether no name with this fit and this unpopularity, or worse, can be among the best.
  bool Excludes(const Fit& fit, int unpopularity) const;
  // Returns the worst standing with which a name of this fit can still be among the best; nullopt
  // when none can.
  std::optional<Standing> WorstStanding(const Fit& fit) const;
  // Keeps the best of both, each key once.
  void Merge(const BestKeys& other);
  bool full() const { return order_.size() >= most_; }
  size_t size() const { return order_.size(); }
  // The best key has place 0.
  const SearchKey& operator[](size_t place) const { return keys_[order_[place].key]; }

 private:
  // The part of a key that mostly decides, and the place of the whole key. Small, because inserting
  // one moves many.
  struct Place {
    Fit fit;
    int unpopularity;
    uint32_t shuffle;
    uint32_t key;  // in keys_
  };

  const size_t most_;
  const std::optional<SearchKey>& after_;
  std::vector<Place> order_;
  std::vector<SearchKey> keys_;  // those of order_, and some whose memory can be used again
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SEARCH_BEST_KEYS_H_
