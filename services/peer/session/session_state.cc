#include "services/peer/session/session_state.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <utility>
#include <vector>

#include "lib/core/log.h"
#include "services/peer/session/reachability.h"

namespace arkshare {

SessionState::View SessionState::Get() const {
  MutexLock lock(&mutex_);
  return view_;
}

void SessionState::SetPeerId(uint32_t peer_id) {
  MutexLock lock(&mutex_);
  view_.peer_id = peer_id;
}

uint32_t SessionState::Registered(uint32_t peer_id, const std::string& address,
                                  const std::string& reachability) {
  MutexLock lock(&mutex_);
  reached_ = true;
  reachability_ = reachability;
  view_.address = address;
  return std::exchange(view_.peer_id, peer_id);
}

void SessionState::NotRegistered(const absl::Status& why) {
  MutexLock lock(&mutex_);
  if (view_.trouble != why.message()) LogWarning("not_registered", {{"why", why}});
  view_.trouble = std::string(why.message());
  view_.address.clear();
  view_.way = way_ = v1::WAY_UNSPECIFIED;
}

void SessionState::SetWay(v1::Way way, const std::string& relay) {
  MutexLock lock(&mutex_);
  way_ = way;
  view_.relay = relay;
}

void SessionState::SetRelay(const std::string& relay) {
  MutexLock lock(&mutex_);
  view_.relay = relay;
}

bool SessionState::reached() const {
  MutexLock lock(&mutex_);
  return reached_;
}

void SessionState::SetTrouble(const std::string& trouble) {
  MutexLock lock(&mutex_);
  view_.trouble = trouble;
}

void SessionState::SetNotes(const std::string& not_first_index, const std::string& not_listed) {
  MutexLock lock(&mutex_);
  std::vector<std::string> all = {reachability_, not_first_index, not_listed};
  std::erase(all, "");
  notes_ = absl::StrJoin(all, "; ");
  SetReachedLocked(reached_);
}

void SessionState::Acknowledged(bool reached, absl::Time now) {
  MutexLock lock(&mutex_);
  if (!std::exchange(view_.online, true)) view_.online_since = now;
  SetReachedLocked(reached);
}

bool SessionState::WentOffline() {
  MutexLock lock(&mutex_);
  return std::exchange(view_.online, false);
}

void SessionState::SetReachedLocked(bool reached) {
  const std::string hidden = reached ? "" : UnreachableInWords(view_.address);
  if (std::exchange(reached_, reached) != reached) {
    LogWarning("reach_changed",
               {{"address", view_.address}, {"reached", reached}, {"message", hidden}});
  }
  view_.way = reached ? way_ : v1::WAY_UNSPECIFIED;
  view_.trouble = notes_;
  if (!reached) view_.trouble = notes_.empty() ? hidden : absl::StrCat(hidden, "; ", notes_);
}

}  // namespace arkshare
