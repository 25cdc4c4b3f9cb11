#include "services/index/sessions/kept_sessions.h"

#include <utility>

#include "lib/core/merkle.h"

namespace arkshare {

Sha256Digest HashOfToken(const std::string& token) {
  return Sha256({reinterpret_cast<const uint8_t*>(token.data()), token.size()});
}

KeptSessions::KeptSessions(std::optional<PeerIds> ids, absl::Duration lease, absl::Time now)
    : ids_(std::move(ids)),
      lease_(lease),
      taking_back_(ids_.has_value()),
      take_back_until_(now + lease) {}

void KeptSessions::Remember(const PublicKey& key, uint32_t id, std::optional<KeptSession> session) {
  if (!ids_.has_value()) return;
  changed_ = changed_ || ids_->IdOf(key) != id || ids_->SessionOf(key) != session;
  // Even when nothing changed, because the peer was seen again.
  ids_->Remember(key, id, std::move(session));
}

void KeptSessions::Drop(const PublicKey& key) {
  if (ids_.has_value()) changed_ |= ids_->DropSession(key);
}

std::optional<uint32_t> KeptSessions::IdOf(const PublicKey& key) const {
  return ids_.has_value() ? ids_->IdOf(key) : std::nullopt;
}

bool KeptSessions::HasOwner(uint32_t id) const {
  return ids_.has_value() && ids_->KeyOf(id).has_value();
}

bool KeptSessions::IsReserved(uint32_t id, const PublicKey& key) const {
  if (!ids_.has_value()) return false;
  const std::optional<PublicKey> owner = ids_->KeyOf(id);
  return owner.has_value() && *owner != key && ids_->SessionOf(*owner).has_value();
}

std::optional<PeerIds::Owned> KeptSessions::Find(const std::string& token) const {
  if (!taking_back_) return std::nullopt;
  return ids_->FindSession(HashOfToken(token));
}

void KeptSessions::TakenBack(absl::Time now) { take_back_until_ = now + lease_; }

void KeptSessions::DropTooLate(absl::Time now, absl::FunctionRef<bool(const PublicKey&)> is_here) {
  if (!taking_back_ || now < take_back_until_) return;
  taking_back_ = false;
  changed_ |= ids_->DropSessionsUnless(is_here);
}

std::optional<std::string> KeptSessions::TakeChanged() {
  if (!std::exchange(changed_, false) || !ids_.has_value()) return std::nullopt;
  return ids_->Serialize();
}

}  // namespace arkshare
