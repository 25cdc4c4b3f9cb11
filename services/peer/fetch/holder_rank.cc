#include "services/peer/fetch/holder_rank.h"

#include <algorithm>
#include <utility>

#include "lib/core/limits.h"

namespace arkshare {
namespace {

// Assumed when no goodput at all is known, in bytes a second: a gigabit line, so that the round
// trip decides.
constexpr double kFirstGuess = 125e6;
// Slower than any line: keeps the quotient finite when a holder sent nothing.
constexpr double kLeastGoodput = 1;

}  // namespace

absl::Duration ExpectedTime(const BookHolder& holder, uint64_t bytes, double assumed) {
  const double unknown = holder.relayed ? assumed / 2 : assumed;
  double goodput = std::max(holder.goodput.value_or(unknown), kLeastGoodput);
  if (holder.upload_limit > 0) {
    goodput = std::min(goodput, static_cast<double>(holder.upload_limit));
  }
  const absl::Duration sending = absl::Seconds(static_cast<double>(bytes) / goodput);
  const bool waits = holder.free_slots == 0 && (bytes > kMaxSmallRangeBytes || bytes == 0);
  const absl::Duration all =
      holder.round_trip + sending + (waits ? std::max(sending, kSlotWait) : absl::ZeroDuration());
  return holder.relayed ? 2 * all : all;
}

void KeepFewRelayed(std::vector<BookHolder>& holders) {
  const bool direct = std::any_of(holders.begin(), holders.end(),
                                  [](const BookHolder& holder) { return !holder.relayed; });
  if (!direct) return;
  bool has_one = false;
  std::erase_if(holders, [&](const BookHolder& holder) {
    return holder.relayed && std::exchange(has_one, true);
  });
}

void RankHolders(std::vector<BookHolder>& holders, uint64_t bytes) {
  std::optional<double> best;
  for (const BookHolder& holder : holders) best = std::max(best, holder.goodput);
  const double assumed = best.value_or(kFirstGuess);
  std::stable_sort(holders.begin(), holders.end(), [&](const BookHolder& a, const BookHolder& b) {
    return ExpectedTime(a, bytes, assumed) < ExpectedTime(b, bytes, assumed);
  });
}

}  // namespace arkshare
