#include "services/peer/serve/upload_line.h"

#include <algorithm>

#include "lib/core/limits.h"

namespace arkshare {

int UploadLine::Running(Lane lane) const {
  return lane == Lane::kSlots ? in_slots_ : in_small_slots_;
}

int UploadLine::SlotsOf(Lane lane) const {
  return lane == Lane::kSlots ? options_.slots : options_.small_slots;
}

bool UploadLine::Arrive(Stream stream, const std::string& flow, uint64_t bytes) {
  const bool small = options_.small_slots > 0 && bytes <= kMaxSmallRangeBytes;
  State& state = streams_[stream];
  state = {.flow = flow, .left = bytes, .kind = small ? Kind::kSmall : Kind::kLarge};
  ++waiting_;
  Admit();
  if (IsRunning(stream)) return true;
  if (waiting_ > options_.max_waiting) {
    streams_.erase(stream);
    --waiting_;
    return false;
  }
  Renumber();
  return true;
}

void UploadLine::Leave(Stream stream) {
  const auto it = streams_.find(stream);
  const State& state = it->second;
  if (state.lane == Lane::kNone) {
    --waiting_;
  } else {
    --(state.lane == Lane::kSlots ? in_slots_ : in_small_slots_);
    const auto count = running_of_.find({state.flow, state.kind});
    if (--count->second == 0) running_of_.erase(count);
  }
  streams_.erase(it);
  Admit();
  Renumber();
}

void UploadLine::Sent(Stream stream, uint64_t bytes) {
  uint64_t& left = streams_.at(stream).left;
  left -= std::min(left, bytes);
}

std::vector<UploadLine::Stream> UploadLine::Line(Kind kind) const {
  struct Place {
    int before = 0;  // streams of its flow that run by then
    Stream stream = 0;
    bool operator<(const Place& o) const {
      return std::pair(before, stream) < std::pair(o.before, o.stream);
    }
  };
  std::vector<Place> places;
  std::map<std::string, int> running;
  for (const auto& [stream, state] : streams_) {
    if (state.kind != kind || state.lane != Lane::kNone) continue;
    const auto count = running_of_.find({state.flow, kind});
    const int now = count == running_of_.end() ? 0 : count->second;
    places.push_back({running.try_emplace(state.flow, now).first->second++, stream});
  }
  std::sort(places.begin(), places.end());
  std::vector<Stream> line;
  for (const Place& place : places) line.push_back(place.stream);
  return line;
}

// Gives free slots of `lane` to waiting streams of this kind.
void UploadLine::AdmitFirst(Kind kind, Lane lane) {
  for (const Stream stream : Line(kind)) {
    if (Running(lane) >= SlotsOf(lane)) return;
    State& state = streams_.at(stream);
    state.lane = lane;
    ++(lane == Lane::kSlots ? in_slots_ : in_small_slots_);
    ++running_of_[{state.flow, kind}];
    --waiting_;
    ++version_;
  }
}

void UploadLine::Admit() {
  if (waiting_ == 0) return;
  AdmitFirst(Kind::kLarge, Lane::kSlots);
  AdmitFirst(Kind::kSmall, Lane::kSmall);
  AdmitFirst(Kind::kSmall, Lane::kSlots);
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
  const double share = bytes_per_second * static_cast<double>(running.size()) /
                       static_cast<double>(std::max(in_slots_ + in_small_slots_, 1));
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
