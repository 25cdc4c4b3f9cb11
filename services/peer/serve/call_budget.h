// How many calls of other peers a peer serves at a time, by what they cost.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_CALL_BUDGET_H_
#define ARKSHARE_SERVICES_PEER_SERVE_CALL_BUDGET_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>

#include "lib/rpc/call_bounds.h"
#include "lib/rpc/caller_shares.h"

namespace arkshare {

// Each call has a thread, so calls of each kind are bounded: for one network, and for all. Kinds do
// not take each other's places. Thread-safe.
class CallBudget {
 public:
  enum class Kind {
    kUpload,  // Download, DownloadMany
    kWatch,   // WatchPieces
    kShort,   // the others, which wait for the disk at most
  };

  // `most_uploads`: how many streams the upload queue takes, running and waiting.
  explicit CallBudget(size_t most_uploads);

  // Counts a call until the share is destroyed. `peer` is grpc::ServerContext::peer(). kQueueFull.
  absl::StatusOr<CallerShares::Share> Begin(Kind kind, absl::string_view peer);

  // Returns bounds for the server that are never reached before those of this budget.
  CallBounds server_bounds() const;

 private:
  struct Bound {
    size_t network;
    size_t all;
  };
  static CallerShares::Options OptionsOf(absl::string_view what, const Bound& bound);

  const Bound uploads_bound_;
  CallerShares uploads_;
  CallerShares watches_;
  CallerShares short_calls_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_CALL_BUDGET_H_
