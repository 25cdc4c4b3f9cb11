// Which listings may be doubted now, because a receiver has complained of their bytes.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_DOUBTS_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_DOUBTS_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace arkshare {

// Bounds what other peers' complaints make this peer hash. Pure: no lock, no clock. Library guards
// it.
class Doubts {
 public:
  static constexpr absl::Duration kEvery = absl::Minutes(1);
  static constexpr size_t kMost = 10;  // listings, within kEvery

  // Returns whether a listing may be doubted now, and counts it.
  bool Add(uint64_t listing, absl::Time now) {
    for (auto it = times_.begin(); it != times_.end();) {
      it = now - it->second > kEvery ? times_.erase(it) : std::next(it);
    }
    return times_.size() < kMost && times_.emplace(listing, now).second;
  }

 private:
  std::map<uint64_t, absl::Time> times_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_DOUBTS_H_
