// Which transfers are being decided.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_TRANSFER_CLAIMS_H_
#define ARKSHARE_SERVICES_PEER_SERVE_TRANSFER_CLAIMS_H_

#include <absl/container/flat_hash_set.h>
#include <absl/types/span.h>

#include <algorithm>

#include "lib/core/mutex.h"
#include "lib/core/ticket.h"

namespace arkshare {

// Lets one call at a time decide about a transfer. Thread-safe.
class TransferClaims {
 public:
  // Claims transfers while it lives. Waits for calls that have claimed one of them.
  class Claim {
   public:
    // Both must outlive it.
    Claim(TransferClaims* claims, absl::Span<const TransferId> ids) : claims_(claims), ids_(ids) {
      MutexLock lock(&claims_->mutex_);
      const auto is_claimed = [this](const TransferId& id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return claims_->claimed_.contains(id);
      };
      while (std::any_of(ids_.begin(), ids_.end(), is_claimed)) {
        claims_->unclaimed_.Wait(&claims_->mutex_);
      }
      claims_->claimed_.insert(ids_.begin(), ids_.end());
    }
    ~Claim() {
      MutexLock lock(&claims_->mutex_);
      for (const TransferId& id : ids_) claims_->claimed_.erase(id);
      claims_->unclaimed_.NotifyAll();
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    TransferClaims* const claims_;
    const absl::Span<const TransferId> ids_;
  };

 private:
  Mutex mutex_;
  CondVar unclaimed_;
  absl::flat_hash_set<TransferId> claimed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_TRANSFER_CLAIMS_H_
