#include "lib/rpc/refusal_log.h"

#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr absl::Duration kRefusalLogPause = absl::Minutes(1);
constexpr size_t kMostKeysLogged = 1'000;

}  // namespace

bool RefusalLog::Note(const PublicKey& key, const absl::Status& why) {
  const absl::Time now = clock_->Monotonic();
  {
    MutexLock lock(&mutex_);
    if (logged_.size() >= kMostKeysLogged) {
      absl::erase_if(logged_,
                     [&](const auto& entry) { return entry.second <= now - kRefusalLogPause; });
    }
    const auto known = logged_.find(key);
    if (known == logged_.end() && logged_.size() >= kMostKeysLogged) return false;
    if (known != logged_.end() && now - known->second < kRefusalLogPause) return false;
    logged_[key] = now;
  }
  LogWarning("caller_refused", {{"key", key.hex()}, {"why", why}});
  return true;
}

}  // namespace arkshare
