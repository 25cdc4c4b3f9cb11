// The seats of a replica: by token and by key, with their leases and streams.
#ifndef ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_TABLE_H_
#define ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_TABLE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"
#include "services/index/catalog/catalog.h"
#include "services/index/replica/seat.h"
#include "services/index/sessions/after_unlock.h"
#include "services/index/sessions/reached_peers.h"
#include "services/index/sessions/session_table.h"
#include "services/index/sessions/sessions.h"

namespace arkshare {

// Decides which sessions are here, and for how long. While the replica is cut off from the log, no
// lease lapses. Pure: no lock, and time is an input that must not go back; all calls are left to an
// AfterUnlock. Not thread-safe.
class SeatTable {
 public:
  SeatTable(absl::Duration lease, Catalog* catalog) : catalog_(catalog), table_(lease) {}

  // Returns the seat of the session. A new one takes the place of that of an older session.
  SeatPtr Sit(const SharedSession& session, const std::string& token, absl::Time now);
  // Ends its stream with `why`. What waits for the seat finds out by itself what has become of it.
  void Leave(const SeatPtr& seat, const absl::Status& why, AfterUnlock& after_unlock);

  // Each returns null when there is no such seat.
  SeatPtr FindByToken(const std::string& token) const;
  SeatPtr FindByKey(const PublicKey& key) const;
  SeatPtr Find(const PublicKey& key, int64_t epoch) const;
  // Null unless the stream is the session's last, and its lease has not lapsed.
  SeatPtr FindStream(const std::string& token, uint64_t stream_id, absl::Time now) const;
  std::vector<SeatPtr> All() const;
  bool Has(const SeatPtr& seat) const { return FindByKey(seat->key) == seat; }

  // Returns whether the seat's session is ending, or has to end because its lease has lapsed.
  bool IsOver(const Seat& seat, absl::Time now) const;
  // The peer was not silent, or is given time.
  void Renew(Seat& seat, absl::Time now) { table_.Renew(seat, now); }
  // Returns the seats whose leases have lapsed, and gives each the time that its end takes.
  std::vector<SeatPtr> TakeLapsed(absl::Time now);
  // Returns how long until the next lease can lapse, at most a lease.
  absl::Duration NextLapse(absl::Time now) const { return table_.NextLapse(now); }

  // Opens a stream, which takes the place of the seat's last one. Returns its number.
  uint64_t OpenStream(Seat& seat, Sessions::EndStream end_stream, Sessions::TellReached tell,
                      absl::Time now, AfterUnlock& after_unlock);
  // The stream is gone. From now on, its peer is silent.
  void CloseStream(Seat& seat, absl::Time now);

  bool cut_off() const { return cut_off_; }
  // The log can be reached or not. When that ends, each open stream ends with `why`, once: its peer
  // tries another replica while it is still listed, or comes back here.
  void SetCutOff(bool cut_off, const absl::Status& why, absl::Time now, AfterUnlock& after_unlock);

  // The peer with this key does not answer, as the one of the seat reports.
  void Report(Seat& seat, const PublicKey& silent, absl::Time now);
  std::optional<ReachedPeer> BeginReachCheck(absl::Time now) { return reached_.BeginCheck(now); }
  // Returns the seat that is to be shown or hidden by its claim now; null when nothing changes.
  SeatPtr EndReachCheck(const ReachedPeer& checked, bool answered, absl::Time now);

 private:
  Catalog* const catalog_;
  SessionTable table_;    // of seats
  ReachedPeers reached_;  // of the proven ones
  uint64_t next_stream_ = 1;
  bool cut_off_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_REPLICA_SEAT_TABLE_H_
