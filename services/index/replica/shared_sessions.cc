#include "services/index/replica/shared_sessions.h"

#include <string>

#include "services/index/sessions/session_rules.h"

namespace arkshare {

void SharedSessions::Add(const SharedSessionPtr& session) {
  by_key_[session->key] = session;
  if (const auto token = DigestFromBytes(session->record.token_hash()); token.ok()) {
    by_token_[*token] = session->key;
  }
  for (const std::string& hash : session->record.superseded_token_hashes()) {
    if (const auto token = DigestFromBytes(hash); token.ok()) superseded_.insert(*token);
  }
}

void SharedSessions::Remove(const SharedSessionPtr& session) {
  by_key_.erase(session->key);
  if (const auto token = DigestFromBytes(session->record.token_hash()); token.ok()) {
    by_token_.erase(*token);
  }
  for (const std::string& hash : session->record.superseded_token_hashes()) {
    if (const auto token = DigestFromBytes(hash); token.ok()) superseded_.erase(*token);
  }
}

SharedSessionPtr SharedSessions::Find(const PublicKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

SharedSessionPtr SharedSessions::Find(const PublicKey& key, int64_t epoch) const {
  const SharedSessionPtr session = Find(key);
  return session == nullptr || session->epoch != epoch ? nullptr : session;
}

absl::StatusOr<SharedSession> SharedSessions::FindToken(const Sha256Digest& token_hash) const {
  if (const auto key = by_token_.find(token_hash); key != by_token_.end()) {
    return *by_key_.at(key->second);
  }
  return superseded_.contains(token_hash) ? SessionSuperseded() : SessionUnknown();
}

}  // namespace arkshare
