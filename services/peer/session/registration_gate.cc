#include "services/peer/session/registration_gate.h"

#include "lib/core/key.h"

namespace arkshare {

std::string RegistrationGate::Begin() {
  MutexLock lock(&mutex_);
  current_ = RandomBytes(16);
  return current_;
}

bool RegistrationGate::Vouches(absl::string_view registration_id) const {
  MutexLock lock(&mutex_);
  return !current_.empty() && current_ == registration_id;
}

}  // namespace arkshare
