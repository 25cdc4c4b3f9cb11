// This peer's session with the index, as people see it.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATE_H_
#define ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

#include "arkshare/v1/types.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Keeps the state of the session, and the one trouble that its owner reads: why there is no
// session, or the notes on one that is fine otherwise. Calls no other class. Thread-safe.
class SessionState {
 public:
  struct View {
    uint32_t peer_id = 0;  // from the last registration, even of an earlier run; 0 for none
    std::string address;   // where other peers reach this one; empty without a session
    bool online = false;
    absl::Time online_since{};  // when online
    std::string trouble;        // for people; empty when all is well
    // How other peers reach this one; WAY_UNSPECIFIED while they do not.
    v1::Way way = v1::WAY_UNSPECIFIED;
    std::string relay;  // of the index, "HOST:PORT"; empty: it has none
  };
  View Get() const;

  // Sets the number of an earlier run.
  void SetPeerId(uint32_t peer_id);
  // A session has begun, and the index reaches this peer. `reachability` says in words if other
  // peers cannot, or is empty. Call SetNotes next. Returns the number that this peer had before.
  uint32_t Registered(uint32_t peer_id, const std::string& address,
                      const std::string& reachability);
  // A registration failed. Logs that, but not for the same reason twice.
  void NotRegistered(const absl::Status& why);
  // Sets how the index has reached this peer in the registration, and its relay. Call before
  // SetNotes.
  void SetWay(v1::Way way, const std::string& relay);
  // Sets the relay of the replica that has the stream.
  void SetRelay(const std::string& relay);
  // False while the index cannot reach this peer any more.
  bool reached() const;
  // Replaces the trouble until the next call of another method that sets one.
  void SetTrouble(const std::string& trouble);

  // The trouble of a session is, joined: its reachability, why the first index is not in use, and
  // which books the index does not list. Each is for people, and empty when all is well.
  void SetNotes(const std::string& not_first_index, const std::string& not_listed);
  // The index has answered on the stream at `now`, and can (`reached`) or cannot reach this peer.
  void Acknowledged(bool reached, absl::Time now);
  // The stream has ended. Returns false when the index had not answered on it.
  bool WentOffline();

 private:
  void SetReachedLocked(bool reached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  View view_ ABSL_GUARDED_BY(mutex_);
  std::string reachability_ ABSL_GUARDED_BY(mutex_);           // of the last registration
  v1::Way way_ ABSL_GUARDED_BY(mutex_) = v1::WAY_UNSPECIFIED;  // of the last registration
  std::string notes_ ABSL_GUARDED_BY(mutex_);
  bool reached_ ABSL_GUARDED_BY(mutex_) = true;  // as the index has said since the registration
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_SESSION_STATE_H_
