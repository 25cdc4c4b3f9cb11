// The claim of a seat: as it shall be in the log, and as it is there.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_CLAIM_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_CLAIM_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/replica/records.pb.h"
#include "lib/core/key.h"
#include "services/index/replica/roster.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Decides when the claim is written, and guarded by what. One write of it is under way at a time;
// meanwhile, the next one is gathered. Pure: writes nothing by itself. Not thread-safe.
class SeatClaim {
 public:
  using Waiting = std::function<void(const absl::Status&)>;

  explicit SeatClaim(const SharedSession& shared);

  // --- As it shall be.

  void SetLoad(uint32_t free_slots, uint64_t upload_limit);
  void SetPlace(const std::string& local_address, const std::string& network);
  void SetSilent(bool silent);
  // The stream has ended.
  void Hide();
  // A stream has opened here: `replica` has the claim from the next write on, whichever has it now.
  void Take(const std::string& replica, uint64_t stream);

  // --- Its writes.

  struct Write {
    SharedLog::Write write;
    bool take = false;
    std::string value;  // of the claim
    std::vector<Waiting> waiting;
  };
  // Returns the write that is to be made now; nullopt when nothing is to be written, or a write is
  // under way.
  std::optional<Write> BeginWrite();
  // Tells those who wait. What could not be written is to be written again.
  void EndWrite(const Write& write, const absl::StatusOr<SharedLog::Outcome>& outcome,
                AfterUnlock& after_unlock);
  // Calls `next` when the write that BeginWrite returns next has ended.
  void AwaitWrite(Waiting next) { waiting_.push_back(std::move(next)); }
  // Calls `next` when the write that is under way has ended.
  void AwaitFree(Waiting next) { when_free_.push_back(std::move(next)); }
  // Tells those who wait for writes that are not made any more.
  void Leave(AfterUnlock& after_unlock);

  // Whether there is something to write.
  bool dirty() const { return dirty_; }
  // Whether a write is under way.
  bool busy() const { return busy_; }
  // Whether the next write takes the claim from the replica that has it.
  bool taking() const { return take_; }
  // The revision that wrote the claim, as far as this replica knows.
  int64_t revision() const { return revision_; }

 private:
  const PublicKey key_;
  const int64_t epoch_;
  replica::ClaimRecord wanted_;
  int64_t revision_;
  bool dirty_ = false;
  bool take_ = false;
  bool busy_ = false;
  std::vector<Waiting> waiting_;
  std::vector<Waiting> when_free_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_CLAIM_H_
