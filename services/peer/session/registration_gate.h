// The id of the registration that this peer is making now.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_REGISTRATION_GATE_H_
#define ARKSHARE_SERVICES_PEER_SESSION_REGISTRATION_GATE_H_

#include <absl/strings/string_view.h>

#include <string>

#include "lib/core/mutex.h"

namespace arkshare {

// Announcer begins registrations here. FileService asks here when the index dials back to check
// that this peer began one: see PingRequest.registration_id. Thread-safe.
class RegistrationGate {
 public:
  // Returns a new id and forgets the one before.
  std::string Begin();
  // True when `registration_id` is the id that Begin returned last.
  bool Vouches(absl::string_view registration_id) const;

 private:
  mutable Mutex mutex_;
  std::string current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_REGISTRATION_GATE_H_
