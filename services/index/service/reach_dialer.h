// Dials peers again that are registered.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_REACH_DIALER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_REACH_DIALER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/core/mutex.h"
#include "services/index/service/dial_back.h"
#include "services/index/sessions/sessions.h"

namespace arkshare {

// Runs the reach checks of Sessions, few at a time. Thread-safe.
class ReachDialer {
 public:
  static constexpr size_t kMostAtWork = 32;

  // `sessions` must outlive it.
  ReachDialer(Sessions* sessions, DialMeans means, absl::Duration timeout);
  // Cancels what runs, and waits for its end: at most `timeout`.
  ~ReachDialer();

  // Begins the checks that are due. To be called several times a second.
  void Run();

 private:
  void Begin(const ReachedPeer& check);
  bool HasRoom();
  void End(uint64_t id);

  Sessions* const sessions_;
  const DialMeans means_;
  const absl::Duration timeout_;
  Mutex mutex_;
  CondVar ended_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<uint64_t, std::shared_ptr<DialBack>> at_work_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_REACH_DIALER_H_
