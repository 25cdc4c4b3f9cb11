// The part of the sessions that outlives the process of the index.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_KEPT_SESSIONS_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_KEPT_SESSIONS_H_

#include <absl/functional/function_ref.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "services/index/sessions/peer_ids.h"

namespace arkshare {

// Returns the hash of a session's token that the state file has.
Sha256Digest HashOfToken(const std::string& token);

// Decides which sessions of the former process may be taken back, and knows when the state file has
// to be written again. Sessions are taken back until none has come back for a lease. Pure: no lock,
// no file, and time is an input that must not go back. Not thread-safe.
class KeptSessions {
 public:
  // `ids` are those of the former process; nullopt: this one keeps nothing, and every method that
  // returns something returns as little as it can.
  KeptSessions(std::optional<PeerIds> ids, absl::Duration lease, absl::Time now);

  // The peer with this key has registered and was reached. `session`: nullopt when the next process
  // cannot take it back.
  void Remember(const PublicKey& key, uint32_t id, std::optional<KeptSession> session);
  // The session of the key, if there is one, cannot be taken back any more.
  void Drop(const PublicKey& key);

  std::optional<uint32_t> IdOf(const PublicKey& key) const;
  // Whether any key had the number.
  bool HasOwner(uint32_t id) const;
  // Whether the number belongs to a session of another key.
  bool IsReserved(uint32_t id, const PublicKey& key) const;

  // Returns the session of the former process that has the token, if it may still be taken back.
  std::optional<PeerIds::Owned> Find(const std::string& token) const;
  // A session has come back. Others may be on their way, and a crowd may take longer than a lease.
  void TakenBack(absl::Time now);
  // Once it is too late to take back sessions, drops those for whose keys `is_here` is false.
  void DropTooLate(absl::Time now, absl::FunctionRef<bool(const PublicKey&)> is_here);

  // Returns the contents of the state file if they have changed since the last call.
  std::optional<std::string> TakeChanged();
  // The result of TakeChanged could not be written; its next call returns the contents again.
  void NotSaved() { changed_ = true; }

 private:
  std::optional<PeerIds> ids_;
  const absl::Duration lease_;
  bool changed_ = false;
  bool taking_back_;
  absl::Time take_back_until_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_KEPT_SESSIONS_H_
