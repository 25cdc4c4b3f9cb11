// The debts of callers that have caused work.
#ifndef ARKSHARE_LIB_CORE_DEBTS_H_
#define ARKSHARE_LIB_CORE_DEBTS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace arkshare {

// Each charge adds to the time that a caller owes, and debts are paid by waiting. A caller that
// owes more than `most` must wait before it is served again. Remembers only debts that are not
// paid. A pure decision: no lock, and times must not go back. Not thread-safe.
class Debts {
 public:
  explicit Debts(absl::Duration most) : most_(most) {}

  // Returns how long the caller must wait; zero when it may go on.
  absl::Duration Wait(absl::string_view caller, absl::Time now) const {
    const auto debt = paid_at_.find(caller);
    if (debt == paid_at_.end()) return absl::ZeroDuration();
    return std::max(absl::ZeroDuration(), debt->second - now - most_);
  }
  void Charge(absl::string_view caller, absl::Duration amount, absl::Time now) {
    if (amount <= absl::ZeroDuration()) return;
    if (paid_at_.size() >= forget_at_) Forget(now);
    absl::Time& paid_at = paid_at_[std::string(caller)];
    paid_at = std::max(paid_at, now) + amount;
  }
  // Returns how many debts are remembered.
  size_t size() const { return paid_at_.size(); }

 private:
  static constexpr size_t kFewDebts = 1'000;

  void Forget(absl::Time now) {
    absl::erase_if(paid_at_, [now](const auto& debt) { return debt.second <= now; });
    forget_at_ = std::max(kFewDebts, 2 * paid_at_.size());
  }

  const absl::Duration most_;
  absl::flat_hash_map<std::string, absl::Time> paid_at_;
  size_t forget_at_ = kFewDebts;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_DEBTS_H_
