// The last tokens of sessions whose place another session has taken.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_SUPERSEDED_TOKENS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_SUPERSEDED_TOKENS_H_

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <deque>
#include <string>

namespace arkshare {

// Remembers the tokens, so that their peers stop instead of registering again. Forgets the oldest
// when there are many. Not thread-safe.
class SupersededTokens {
 public:
  void Add(const std::string& token) {
    tokens_.insert(token);
    order_.push_back(token);
    if (order_.size() <= kMost) return;
    tokens_.erase(order_.front());
    order_.pop_front();
  }
  bool Contains(const std::string& token) const { return tokens_.contains(token); }

 private:
  static constexpr size_t kMost = 10'000;

  absl::flat_hash_set<std::string> tokens_;
  std::deque<std::string> order_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_SUPERSEDED_TOKENS_H_
