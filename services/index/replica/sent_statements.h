// The statements of one seat that are in the log or on their way there, by number.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SENT_STATEMENTS_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SENT_STATEMENTS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>

#include "services/index/sessions/announced_shelf.h"

namespace arkshare {

// Decides which statements of a message are new. Pure. Not thread-safe.
class SentStatements {
 public:
  // `stored`: false for an unproven peer: it is never listed, and may have invented everything, so
  // its statements are counted, but not stored.
  explicit SentStatements(bool stored) : stored_(stored) {}

  // A stream opens: the log has the statements up to `through`, and whether these are `complete`.
  // Returns the number that the peer is told.
  uint64_t Begin(uint64_t through, bool complete);

  struct Next {
    // Whether something is to be stored: the statements after the `repeated` first ones, or that
    // they are complete.
    bool store = false;
    size_t repeated = 0;
    uint64_t counted = 0;  // the number of the last statement that was counted, when not stored
  };
  // Counts the statements of a message that are not stored. INVALID_FIELD, SEQUENCE_GAP.
  absl::StatusOr<Next> Hear(const Announcement& announcement);
  // The next statements are on their way to the log. Returns the number of the first.
  uint64_t Send(size_t count, bool complete);

 private:
  const bool stored_;
  uint64_t through_ = 0;
  bool complete_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SENT_STATEMENTS_H_
