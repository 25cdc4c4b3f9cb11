#include "services/index/relay/pairing.h"

#include <algorithm>

namespace arkshare {

RelayAnswer Pairing::Arrive(Connection connection, const std::string& source, absl::Time now) {
  if (silent_count_ >= kMostSilent) return RelayAnswer::kFull;
  if (!HasRoom(source)) return RelayAnswer::kTooMany;
  State& state = connections_[connection];
  state.source = source;
  state.late = now + kHeadPatience;
  late_.insert({state.late, connection});
  Count(state, 1);
  return RelayAnswer::kConnected;
}

RelayAnswer Pairing::SetSource(Connection connection, const std::string& source) {
  State& state = connections_.at(connection);
  if (state.source == source) return RelayAnswer::kConnected;
  if (!HasRoom(source)) return RelayAnswer::kTooMany;
  Count(state, -1);
  state.source = source;
  Count(state, 1);
  return RelayAnswer::kConnected;
}

Pairing::Asked Pairing::AskForPeer(Connection connection, const PublicKey& key, absl::Time now) {
  if (receivers_ >= most_carried_) return {RelayAnswer::kFull, ""};
  const auto to_peer = to_peer_.find(key);
  if ((to_peer != to_peer_.end() && to_peer->second >= kMostToPeer) || !PayForCall(key, now)) {
    return {RelayAnswer::kTooMany, ""};
  }
  State& state = connections_.at(connection);
  Count(state, -1);
  state.receiver = true;
  state.key = key;
  state.id = RandomBytes(kCallIdBytes);
  state.stage = Stage::kAsking;
  Count(state, 1);
  asking_[state.id] = connection;
  SetStage(connection, Stage::kAsking, now + kAnswerPatience);
  return {RelayAnswer::kConnected, state.id};
}

Pairing::Named Pairing::NameCall(Connection connection, const std::string& id, absl::Time now) {
  State& state = connections_.at(connection);
  if (const auto ticket = tickets_.find(id); ticket != tickets_.end()) {
    const std::string registration_id = ticket->second;
    tickets_.erase(ticket);
    Count(state, -1);
    state.receiver = true;
    Count(state, 1);
    if (const auto early = early_.find(registration_id); early != early_.end()) {
      return Join(connection, early->second);
    }
    state.id = registration_id;
    asking_[registration_id] = connection;
    SetStage(connection, Stage::kAsking, now + kAnswerPatience);
    return {};
  }
  if (const auto asking = asking_.find(id); asking != asking_.end()) {
    return Join(asking->second, connection);
  }
  const bool too_many =
      early_.size() >= kMostEarly || early_.contains(id) ||
      (!state.source.empty() && sources_.at(state.source).early >= kMostEarlyOfSource);
  if (too_many) return {RelayAnswer::kNoSuchPeer, std::nullopt};
  state.id = id;
  early_[id] = connection;
  SetStage(connection, Stage::kEarly, now + kEarlyPatience);
  return {};
}

void Pairing::Expect(const std::string& registration_id, const std::string& ticket) {
  tickets_[ticket] = registration_id;
}

void Pairing::Unexpect(const std::string& registration_id) {
  absl::erase_if(tickets_, [&](const auto& entry) { return entry.second == registration_id; });
}

void Pairing::Leave(Connection connection) {
  const auto place = connections_.find(connection);
  if (place == connections_.end()) return;
  const State& state = place->second;
  Count(state, -1);
  late_.erase({state.late, connection});
  if (state.stage == Stage::kAsking) asking_.erase(state.id);
  if (state.stage == Stage::kEarly) early_.erase(state.id);
  connections_.erase(place);
}

std::vector<Pairing::Refused> Pairing::TakeLate(absl::Time now) {
  std::vector<Refused> refused;
  while (!late_.empty() && late_.begin()->first <= now) {
    const Connection connection = late_.begin()->second;
    late_.erase(late_.begin());
    State& state = connections_.at(connection);
    state.late = absl::InfiniteFuture();
    refused.push_back({connection, state.stage == Stage::kAsking  ? RelayAnswer::kDidNotCome
                                   : state.stage == Stage::kEarly ? RelayAnswer::kNoSuchPeer
                                                                  : RelayAnswer::kBadHead});
  }
  return refused;
}

absl::Time Pairing::NextLate() const {
  return late_.empty() ? absl::InfiniteFuture() : late_.begin()->first;
}

Pairing::Named Pairing::Join(Connection receiver, Connection answer) {
  for (const Connection connection : {receiver, answer}) {
    const State& state = connections_.at(connection);
    if (state.stage == Stage::kAsking) asking_.erase(state.id);
    if (state.stage == Stage::kEarly) early_.erase(state.id);
    SetStage(connection, Stage::kCarried, absl::InfiniteFuture());
  }
  return {RelayAnswer::kConnected, Named::Pair{receiver, answer}};
}

bool Pairing::HasRoom(const std::string& source) const {
  const auto place = sources_.find(source);
  return place == sources_.end() ||
         (place->second.all < kMostOfSource && place->second.waiting < kMostWaitingOfSource);
}

void Pairing::SetStage(Connection connection, Stage stage, absl::Time late) {
  State& state = connections_.at(connection);
  Count(state, -1);
  state.stage = stage;
  Count(state, 1);
  late_.erase({state.late, connection});
  state.late = late;
  if (late != absl::InfiniteFuture()) late_.insert({late, connection});
}

void Pairing::Count(const State& state, int by) {
  const auto add = [by](size_t& count) { count += static_cast<size_t>(by); };
  if (state.stage == Stage::kSilent) add(silent_count_);
  if (state.receiver) add(receivers_);
  if (state.key.has_value()) {
    add(to_peer_[*state.key]);
    if (to_peer_.at(*state.key) == 0) to_peer_.erase(*state.key);
  }
  if (state.source.empty()) return;
  Source& source = sources_[state.source];
  add(source.all);
  if (state.stage != Stage::kCarried) add(source.waiting);
  if (state.stage == Stage::kEarly) add(source.early);
  if (source.all == 0) sources_.erase(state.source);
}

bool Pairing::PayForCall(const PublicKey& key, absl::Time now) {
  if (calls_.Wait(key.view(), now) > absl::ZeroDuration()) return false;
  calls_.Charge(key.view(), kCallPause, now);
  return true;
}

}  // namespace arkshare
