// Roster: what others ask of it.
#include "services/index/replica/roster.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {

std::optional<SharedSession> Roster::Find(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return std::nullopt;
  return *found->second;
}

absl::StatusOr<SharedSession> Roster::FindToken(const Sha256Digest& token_hash) const {
  MutexLock lock(&mutex_);
  const auto key = tokens_.find(token_hash);
  if (key != tokens_.end()) return *sessions_.at(key->second);
  return superseded_.contains(token_hash) ? SessionSuperseded() : SessionUnknown();
}

uint64_t Roster::Through(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  const auto found = sessions_.find(key);
  return found == sessions_.end() || found->second->epoch != epoch ? 0 : found->second->through;
}

std::vector<SharedSession> Roster::Orphans() const {
  std::vector<SharedSession> orphans;
  MutexLock lock(&mutex_);
  for (const auto& [key, session] : sessions_) {
    if (!replicas_.contains(session->claim.replica())) orphans.push_back(*session);
  }
  return orphans;
}

bool Roster::IsLive(const std::string& replica) const {
  MutexLock lock(&mutex_);
  return replicas_.contains(replica);
}

std::vector<std::string> Roster::LiveReplicas() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> names;
  for (const auto& [name, record] : replicas_) names.push_back(name);
  return names;
}

std::optional<std::pair<std::string, replica::ReplicaRecord>> Roster::ReplicaOf(
    const PublicKey& key) const {
  MutexLock lock(&mutex_);
  const auto session = sessions_.find(key);
  if (session == sessions_.end() || !session->second->claim.streaming()) return std::nullopt;
  const auto replica = replicas_.find(session->second->claim.replica());
  if (replica == replicas_.end()) return std::nullopt;
  return *replica;
}

std::optional<Roster::Number> Roster::OwnerOf(uint32_t number) const {
  MutexLock lock(&mutex_);
  const auto found = numbers_.find(number);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

std::optional<uint32_t> Roster::NumberOf(const PublicKey& key) const {
  MutexLock lock(&mutex_);
  const auto found = number_of_.find(key);
  if (found == number_of_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<uint32_t, Roster::Number>> Roster::AllNumbers() const {
  MutexLock lock(&mutex_);
  return {numbers_.begin(), numbers_.end()};
}

std::vector<Roster::Grave> Roster::AllGraves() const {
  std::vector<Grave> all;
  MutexLock lock(&mutex_);
  for (const auto& [source, of_peer] : graves_) {
    for (const auto& [name, grave] : of_peer) all.push_back(grave);
  }
  return all;
}

std::vector<Roster::Grave> Roster::GravesOf(const PublicKey& source) const {
  std::vector<Grave> graves;
  MutexLock lock(&mutex_);
  if (const auto found = graves_.find(source); found != graves_.end()) {
    for (const auto& [name, grave] : found->second) graves.push_back(grave);
  }
  return graves;
}

std::vector<Roster::Grave> Roster::OldGraves() const {
  std::vector<Grave> old;
  MutexLock lock(&mutex_);
  for (const auto& [source, of_peer] : graves_) {
    const auto session = sessions_.find(source);
    if (session == sessions_.end() || !session->second->complete) continue;
    for (const auto& [name, grave] : of_peer) {
      if (grave.revision < session->second->epoch) old.push_back(grave);
    }
  }
  return old;
}

std::vector<std::string> Roster::Garbage(size_t most) const {
  MutexLock lock(&mutex_);
  const auto is_of_session = [this](const PublicKey& key,
                                    int64_t epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto session = sessions_.find(key);
    return session != sessions_.end() && session->second->epoch == epoch;
  };
  return pages_.Others(most, is_of_session);
}

std::vector<PublicKey> Roster::TakeTouched() {
  MutexLock lock(&mutex_);
  std::vector<PublicKey> touched(touched_.begin(), touched_.end());
  touched_.clear();
  return touched;
}

StoredPages::Sum Roster::SumOfPages(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  return pages_.SumOf(key, epoch);
}

std::vector<StoredPage> Roster::PagesOf(const PublicKey& key, int64_t epoch) const {
  MutexLock lock(&mutex_);
  return pages_.Of(key, epoch);
}

}  // namespace arkshare
