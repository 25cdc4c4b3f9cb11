// A session whose claim this replica has.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "arkshare/replica/records.pb.h"
#include "services/index/replica/roster.h"
#include "services/index/sessions/session_table.h"

namespace arkshare {

// The parts of a session that only its replica has: its lease, its stream, and what is on its way
// to the log. Guarded by ReplicatedSessions::mutex_.
struct Seat : PeerSession {
  using Waiting = std::function<void(const absl::Status&)>;

  Seat(Catalog* catalog, const SharedSession& shared, std::string its_token)
      : PeerSession(catalog, shared.shelf),
        epoch(shared.epoch),
        wanted(shared.claim),
        claim_revision(shared.claim_revision) {
    order = shared.record.order();
    token = std::move(its_token);
    key = shared.key;
    peer_id = shared.record.peer_id();
    address = shared.record.address();
    proven = shared.record.proven();
    seen_at = shared.record.seen_at();
    answering = !shared.claim.silent();
    wanted.set_epoch(epoch);
  }

  const int64_t epoch;
  // The number of the last statement that is in the log or on its way there.
  uint64_t sent_through = 0;
  bool sent_complete = false;
  uint64_t unstored_through = 0;  // the same for an unproven peer, whose statements are not stored

  // The claim as it shall be in the log, and what is known of it there. One write of it is under
  // way at a time; meanwhile, the next one is gathered.
  replica::ClaimRecord wanted;
  int64_t claim_revision = 0;
  bool dirty = false;              // it is to be written
  bool take = false;               // whichever replica has it now
  bool busy = false;               // a write is under way
  std::vector<Waiting> waiting;    // for the next write
  std::vector<Waiting> when_free;  // for the end of the one that is under way

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
