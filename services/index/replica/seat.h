// A session whose claim this replica has.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/replica/roster.h"
#include "services/index/replica/seat_claim.h"
#include "services/index/replica/sent_statements.h"
#include "services/index/sessions/session_table.h"

namespace arkshare {

// The parts of a session that only its replica has: its lease, its stream, and what is on its way
// to the log. Not thread-safe, except what never changes: the names of the session and its books.
struct Seat : PeerSession {
  using Waiting = SeatClaim::Waiting;

  Seat(Catalog* catalog, const SharedSession& shared, std::string its_token)
      : PeerSession(catalog, shared.shelf),
        epoch(shared.epoch),
        sent(shared.record.proven()),
        claim(shared) {
    order = shared.record.order();
    token = std::move(its_token);
    key = shared.key;
    peer_id = shared.record.peer_id();
    address = shared.record.address();
    proven = shared.record.proven();
    seen_at = shared.record.seen_at();
    answering = !shared.claim.silent();
  }

  const int64_t epoch;
  SentStatements sent;
  SeatClaim claim;

  bool ending = false;  // a write that ends the session is under way
  std::vector<Waiting> waiting_for_end;
  // How its stream ends with the session; by default as the roster says.
  std::optional<absl::Status> end_status;
  // Messages that wait until the log can be reached again.
  std::vector<std::function<void()>> deferred;
};
using SeatPtr = std::shared_ptr<Seat>;

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_H_
