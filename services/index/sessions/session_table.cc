#include "services/index/sessions/session_table.h"

namespace arkshare {
namespace {

template <typename Map, typename Key>
PeerSessionPtr FindOrNull(const Map& sessions, const Key& key) {
  const auto place = sessions.find(key);
  return place == sessions.end() ? nullptr : place->second;
}

}  // namespace

void SessionTable::Add(const PeerSessionPtr& session, absl::Time now) {
  by_token_[session->token] = session;
  by_key_[session->key] = session;
  by_id_[session->peer_id] = session;
  Renew(*session, now);
}

void SessionTable::Remove(PeerSessionPtr session) {
  deadlines_.erase({session->deadline, session.get()});
  by_token_.erase(session->token);
  by_key_.erase(session->key);
  by_id_.erase(session->peer_id);
}

PeerSessionPtr SessionTable::FindByToken(const std::string& token) const {
  return FindOrNull(by_token_, token);
}

PeerSessionPtr SessionTable::FindByKey(const PublicKey& key) const {
  return FindOrNull(by_key_, key);
}

PeerSessionPtr SessionTable::FindById(uint32_t id) const { return FindOrNull(by_id_, id); }

std::vector<PeerSessionPtr> SessionTable::All() const {
  std::vector<PeerSessionPtr> all;
  for (const auto& [key, session] : by_key_) all.push_back(session);
  return all;
}

void SessionTable::Renew(PeerSession& session, absl::Time now) {
  deadlines_.erase({session.deadline, &session});
  session.deadline = now + lease_;
  deadlines_.insert({session.deadline, &session});
}

PeerSessionPtr SessionTable::FindLapsed(absl::Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    PeerSession& session = *deadlines_.begin()->second;
    if (session.lease_holds == 0) return FindByToken(session.token);
    Renew(session, now);
  }
  return nullptr;
}

absl::Duration SessionTable::NextLapse(absl::Time now) const {
  if (deadlines_.empty()) return lease_;
  return std::min(lease_, deadlines_.begin()->first - now);
}

}  // namespace arkshare
