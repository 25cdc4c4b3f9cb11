#include "services/peer/serve/call_budget.h"

#include <absl/time/time.h>

#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

constexpr absl::Duration kComeAgain = absl::Seconds(1);
// For calls of no kind, such as those of grpc.health.v1, and for calls whose answer is on its way.
constexpr size_t kOtherCalls = 128;

}  // namespace

CallerShares::Options CallBudget::OptionsOf(absl::string_view what, const Bound& bound) {
  return {.what = what,
          .most_of_network = bound.network,
          .most_in_all = bound.all,
          .retry_after = kComeAgain};
}

CallBudget::CallBudget(size_t most_uploads)
    : uploads_bound_({most_uploads, most_uploads + most_uploads / 2}),
      uploads_(OptionsOf("downloads", uploads_bound_)),
      watches_(
          OptionsOf("watches of pieces", {kMaxPieceWatchersOfNetwork, kMaxPieceWatchersInAll})),
      short_calls_(OptionsOf("calls", {kMaxShortCallsOfNetwork, kMaxShortCallsInAll})) {}

absl::StatusOr<CallerShares::Share> CallBudget::Begin(Kind kind, absl::string_view peer) {
  CallerShares& shares = kind == Kind::kUpload  ? uploads_
                         : kind == Kind::kWatch ? watches_
                                                : short_calls_;
  absl::StatusOr<CallerShares::Share> share = shares.Take(NetworkOfCaller(peer));
  if (share.ok()) return share;
  // The receiver of this error comes again, or turns to another holder.
  return MakeError(Reason::kQueueFull, share.status().message(), {}, kComeAgain);
}

CallBounds CallBudget::server_bounds() const {
  return {.most_of_network = uploads_bound_.network + kMaxPieceWatchersOfNetwork +
                             kMaxShortCallsOfNetwork + kOtherCalls,
          .most_in_all =
              uploads_bound_.all + kMaxPieceWatchersInAll + kMaxShortCallsInAll + 2 * kOtherCalls,
          .uncounted_method = "/arkshare.v1.FileService/Ping"};
}

}  // namespace arkshare
