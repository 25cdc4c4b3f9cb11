#include "services/index/replica/seat_claim.h"

#include <utility>

#include "services/index/replica/steps.h"

namespace arkshare {

SeatClaim::SeatClaim(const SharedSession& shared)
    : key_(shared.key),
      epoch_(shared.epoch),
      wanted_(shared.claim),
      revision_(shared.claim_revision) {
  wanted_.set_epoch(epoch_);
}

void SeatClaim::SetLoad(uint32_t free_slots, uint64_t upload_limit) {
  if (wanted_.free_slots() == free_slots && wanted_.upload_limit() == upload_limit) return;
  wanted_.set_free_slots(free_slots);
  wanted_.set_upload_limit(upload_limit);
  dirty_ = true;
}

void SeatClaim::SetPlace(const std::string& local_address, const std::string& network) {
  if (wanted_.local_address() == local_address && wanted_.network() == network) return;
  wanted_.set_local_address(local_address);
  wanted_.set_network(network);
  dirty_ = true;
}

void SeatClaim::SetSilent(bool silent) {
  wanted_.set_silent(silent);
  dirty_ = true;
}

void SeatClaim::Hide() {
  wanted_.set_streaming(false);
  dirty_ = true;
}

void SeatClaim::Take(const std::string& replica, uint64_t stream) {
  wanted_.set_replica(replica);
  wanted_.set_stream(stream);
  wanted_.set_streaming(true);
  dirty_ = take_ = true;
}

std::optional<SeatClaim::Write> SeatClaim::BeginWrite() {
  if (busy_ || !dirty_) return std::nullopt;
  busy_ = true;
  dirty_ = false;
  Write next;
  next.take = std::exchange(take_, false);
  next.value = wanted_.SerializeAsString();
  next.waiting = std::exchange(waiting_, {});
  if (next.take) {
    next.write.guards.push_back({SessionKey(key_), epoch_});
  } else {
    next.write.guards.push_back({ClaimKey(key_), revision_});
  }
  next.write.changes.push_back({ClaimKey(key_), next.value});
  next.write.chain = key_.hex();
  return next;
}

void SeatClaim::EndWrite(const Write& write, const absl::StatusOr<SharedLog::Outcome>& outcome,
                         AfterUnlock& after_unlock) {
  busy_ = false;
  for (const Waiting& next : write.waiting) {
    after_unlock.Do([next, status = outcome.status()] { next(status); });
  }
  for (Waiting& next : std::exchange(when_free_, {})) {
    after_unlock.Do([next = std::move(next)] { next(absl::OkStatus()); });
  }
  if (!outcome.ok()) {
    dirty_ = true;
    take_ = take_ || write.take;
  } else if (outcome->made) {
    revision_ = outcome->revision;
  } else if (!write.take && outcome->found[0].value == write.value) {
    // The answer to an earlier try was lost.
    revision_ = outcome->found[0].revision;
  }
}

void SeatClaim::Leave(AfterUnlock& after_unlock) {
  for (std::vector<Waiting>* waiting : {&waiting_, &when_free_}) {
    for (Waiting& next : std::exchange(*waiting, {})) {
      after_unlock.Do([next = std::move(next)] { next(absl::OkStatus()); });
    }
  }
}

}  // namespace arkshare
