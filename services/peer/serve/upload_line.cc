#include "services/peer/serve/upload_line.h"

#include <algorithm>

#include "lib/core/limits.h"

namespace arkshare {

int UploadLine::SlotsOf(Lane lane) const {
  if (lane == Lane::kSlots) return options_.slots;
  if (lane == Lane::kSmall) return options_.small_slots;
  return lane == Lane::kSmallGuest && options_.small_slots == 0 ? 0 : 1;
}

int UploadLine::most_streams() const {
  return options_.slots + options_.small_slots + SlotsOf(Lane::kGuest) +
         SlotsOf(Lane::kSmallGuest) + options_.max_waiting + options_.max_parked;
}

int UploadLine::CountOf(const Counts& counts, const std::string& name, Kind kind) {
  const auto count = counts.find({name, kind});
  return count == counts.end() ? 0 : count->second;
}

void UploadLine::Add(Counts& counts, const std::string& name, Kind kind, int by) {
  const auto count = counts.try_emplace({name, kind}, 0).first;
  count->second += by;
  if (count->second == 0) counts.erase(count);
}

void UploadLine::Move(State& state, Lane to) {
  const auto counts = [](Lane lane) { return HasSlot(lane) || lane == Lane::kParked; };
  const int by = static_cast<int>(counts(to)) - static_cast<int>(counts(state.lane));
  if (by != 0) {
    Add(of_flow_, state.receiver.flow, state.kind, by);
    Add(of_network_, state.receiver.network, state.kind, by);
  }
  --in_lane_[static_cast<size_t>(state.lane)];
  ++in_lane_[static_cast<size_t>(to)];
  state.lane = to;
  waiting_ = InLane(Lane::kWaiting);
}

bool UploadLine::Arrive(Stream stream, const Receiver& receiver, uint64_t bytes) {
  const bool small = options_.small_slots > 0 && bytes <= kMaxSmallRangeBytes;
  State& state = streams_[stream];
  state = {.receiver = receiver, .left = bytes, .kind = small ? Kind::kSmall : Kind::kLarge};
  waiting_ = ++in_lane_[static_cast<size_t>(Lane::kWaiting)];
  Admit();
  if (IsRunning(stream)) return true;
  if (waiting_ > options_.max_waiting && !MakeRoomFor(stream)) {
    streams_.erase(stream);
    waiting_ = --in_lane_[static_cast<size_t>(Lane::kWaiting)];
    return false;
  }
  Renumber();
  return true;
}

bool UploadLine::MakeRoomFor(Stream stream) {
  std::map<std::string, int> waiting_of;
  std::map<std::string, Stream> last_of;
  for (const auto& [other, state] : streams_) {
    if (state.lane != Lane::kWaiting) continue;
    ++waiting_of[state.receiver.network];
    last_of[state.receiver.network] = other;
  }
  const auto most =
      std::max_element(waiting_of.begin(), waiting_of.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most->second <= waiting_of[streams_.at(stream).receiver.network]) return false;
  Drop(last_of[most->first]);
  return true;
}

void UploadLine::Drop(Stream stream) {
  Move(streams_.at(stream), Lane::kDropped);
  std::erase(parked_, stream);
  dropped_.push_back(stream);
  ++version_;
}

void UploadLine::Leave(Stream stream) {
  const auto it = streams_.find(stream);
  Move(it->second, Lane::kDropped);
  --in_lane_[static_cast<size_t>(Lane::kDropped)];
  std::erase(parked_, stream);
  std::erase(dropped_, stream);
  streams_.erase(it);
  Admit();
  Renumber();
}

void UploadLine::Sent(Stream stream, uint64_t bytes) {
  uint64_t& left = streams_.at(stream).left;
  left -= std::min(left, bytes);
}

void UploadLine::SetReady(Stream stream, bool ready) {
  State& state = streams_.at(stream);
  state.ready = ready;
  if (!ready || state.lane != Lane::kWaiting) return;
  Admit();
  Renumber();
}

int UploadLine::ready() const {
  return static_cast<int>(std::count_if(streams_.begin(), streams_.end(), [](const auto& item) {
    return item.second.lane == Lane::kWaiting && item.second.ready;
  }));
}

bool UploadLine::AnyReady(std::optional<Kind> kind) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& item) {
    const State& state = item.second;
    return state.lane == Lane::kWaiting && state.ready && (!kind || state.kind == *kind);
  });
}

bool UploadLine::IsInTheWay(Stream stream) const {
  const Lane lane = streams_.at(stream).lane;
  if (!HasSlot(lane) || waiting_ == 0) return false;
  if (lane == Lane::kSlots) return AnyReady(std::nullopt);
  return AnyReady(lane == Lane::kGuest ? Kind::kLarge : Kind::kSmall);
}

void UploadLine::Park(Stream stream) {
  Move(streams_.at(stream), Lane::kParked);
  parked_.push_back(stream);
  if (parked() > options_.max_parked) Drop(parked_.front());
  Admit();
  Renumber();
}

void UploadLine::Resume(Stream stream) {
  std::erase(parked_, stream);
  Move(streams_.at(stream), Lane::kWaiting);
  Admit();
  Renumber();
}

std::vector<UploadLine::Stream> UploadLine::Line(Kind kind) const {
  struct Place {
    int network_before = 0;  // streams of its network that have a slot by then
    int flow_before = 0;     // of its flow
    Stream stream = 0;
  };
  std::vector<Place> places;
  std::map<std::string, int> of_flow;
  for (const auto& [stream, state] : streams_) {
    if (state.kind != kind || state.lane != Lane::kWaiting) continue;
    const std::string& flow = state.receiver.flow;
    const int now = CountOf(of_flow_, flow, kind);
    places.push_back(
        {.flow_before = of_flow.try_emplace(flow, now).first->second++, .stream = stream});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.flow_before, a.stream) < std::pair(b.flow_before, b.stream);
  });
  // The networks take turns; within each the order stays.
  std::map<std::string, int> of_network;
  for (Place& place : places) {
    const std::string& network = streams_.at(place.stream).receiver.network;
    const int now = CountOf(of_network_, network, kind);
    place.network_before = of_network.try_emplace(network, now).first->second++;
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.network_before < b.network_before;
  });
  std::vector<Stream> line;
  for (const Place& place : places) line.push_back(place.stream);
  return line;
}

bool UploadLine::IsGuest(const std::string& network, Kind kind) const {
  return CountOf(of_network_, network, Kind::kSmall) == 0 &&
         (kind == Kind::kSmall || CountOf(of_network_, network, Kind::kLarge) == 0);
}

// Gives free slots of `lane` to waiting streams of this kind; one of `guest_lane` only to a network
// that has none.
void UploadLine::AdmitFirst(Kind kind, Lane lane, Lane guest_lane) {
  for (const Stream stream : Line(kind)) {
    State& state = streams_.at(stream);
    if (!state.ready) continue;
    if (InLane(lane) < SlotsOf(lane)) {
      Move(state, lane);
    } else if (InLane(guest_lane) < SlotsOf(guest_lane) && IsGuest(state.receiver.network, kind)) {
      Move(state, guest_lane);
    } else {
      return;
    }
    ++version_;
  }
}

void UploadLine::Admit() {
  if (waiting_ == 0) return;
  AdmitFirst(Kind::kLarge, Lane::kSlots, Lane::kGuest);
  AdmitFirst(Kind::kSmall, Lane::kSmall, Lane::kSmallGuest);
  AdmitFirst(Kind::kSmall, Lane::kSlots, Lane::kSmallGuest);
}

void UploadLine::Renumber() {
  if (waiting_ == 0) return;
  for (const Kind kind : {Kind::kLarge, Kind::kSmall}) {
    int position = 0;
    for (const Stream stream : Line(kind)) {
      int& now = streams_.at(stream).position;
      if (now != position) ++version_;
      now = position++;
    }
  }
}

std::optional<absl::Duration> UploadLine::EstimatedWait(Stream stream,
                                                        double bytes_per_second) const {
  const State& self = streams_.at(stream);
  // A small stream waits for the small streams only, which get their share of the bytes.
  const Lane lane = self.kind == Kind::kSmall ? Lane::kSmall : Lane::kSlots;
  std::vector<uint64_t> running;
  for (const auto& [other, state] : streams_) {
    if (state.lane == lane) running.push_back(state.left);
  }
  std::vector<uint64_t> earlier;
  for (const Stream other : Line(self.kind)) {
    if (other == stream) break;
    earlier.push_back(streams_.at(other).left);
  }
  const double share =
      bytes_per_second * static_cast<double>(running.size()) /
      static_cast<double>(std::max(InLane(Lane::kSlots) + InLane(Lane::kSmall), 1));
  if (share <= 0) return std::nullopt;
  return EstimateWait(std::move(running), earlier, share);
}

absl::Duration UploadLine::EstimateWait(std::vector<uint64_t> running,
                                        absl::Span<const uint64_t> earlier,
                                        double bytes_per_second) {
  double seconds = 0;
  while (true) {
    const auto first = std::min_element(running.begin(), running.end());
    const uint64_t sent = *first;  // by each, until the first one ends
    seconds += static_cast<double>(sent) * static_cast<double>(running.size()) / bytes_per_second;
    for (uint64_t& left : running) left -= sent;
    if (earlier.empty()) return absl::Seconds(seconds);
    *first = earlier.front();
    earlier.remove_prefix(1);
  }
}

}  // namespace arkshare
