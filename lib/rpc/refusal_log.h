// Logs the callers that a program refuses, without letting them fill the log.
#ifndef ARKSHARE_LIB_RPC_REFUSAL_LOG_H_
#define ARKSHARE_LIB_RPC_REFUSAL_LOG_H_

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class RefusalLog {
 public:
  explicit RefusalLog(const Clock* clock) : clock_(clock) {}

  // Logs that the owner of `key` was refused, and why: once a minute for each key, and for at most
  // 1,000 keys a minute, since a stranger can draw as many keys as it likes. Returns whether it
  // did.
  bool Note(const PublicKey& key, const absl::Status& why);

 private:
  const Clock* const clock_;
  Mutex mutex_;
  absl::flat_hash_map<PublicKey, absl::Time> logged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_REFUSAL_LOG_H_
