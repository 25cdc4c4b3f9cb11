#include "lib/core/upload_turns.h"

#include <algorithm>

namespace arkshare {

void UploadTurns::Join(Stream stream, const std::string& flow) {
  auto it = std::find_if(ring_.begin(), ring_.end(), [&](const Flow& f) { return f.name == flow; });
  if (it == ring_.end()) it = ring_.insert(ring_.end(), Flow{.name = flow, .wishes = {}});
  ++it->streams;
  streams_[stream] = it;
}

void UploadTurns::Leave(Stream stream) {
  const auto entry = streams_.find(stream);
  const Ring::iterator flow = entry->second;
  Unwant(stream);
  streams_.erase(entry);
  if (--flow->streams > 0) return;
  if (flow == ring_.begin()) has_begun_ = false;
  ring_.erase(flow);
}

void UploadTurns::Want(Stream stream, uint64_t bytes) {
  streams_.at(stream)->wishes.push_back({stream, bytes});
  ++wishes_;
}

void UploadTurns::Unwant(Stream stream) {
  wishes_ -= std::erase_if(streams_.at(stream)->wishes,
                           [&](const Wish& wish) { return wish.stream == stream; });
}

std::optional<UploadTurns::Turn> UploadTurns::Next(absl::Time now) {
  if (wishes_ == 0 || bucket_.Wait(now) > absl::ZeroDuration()) return std::nullopt;
  const uint64_t quantum = ChunkBytes(bucket_.rate(), streams_.size());
  while (true) {  // ends: a flow that wants something has a whole quantum at its next turn
    Flow& flow = ring_.front();
    if (!has_begun_) flow.deficit = std::min(flow.deficit + quantum, 2 * quantum);
    has_begun_ = true;
    if (!flow.wishes.empty()) {
      const Turn turn{flow.wishes.front().stream, std::min(flow.wishes.front().bytes, quantum)};
      if (turn.bytes <= flow.deficit) {
        flow.deficit -= turn.bytes;
        flow.wishes.pop_front();
        --wishes_;
        bucket_.Take(turn.bytes, now);
        return turn;
      }
    }
    has_begun_ = false;
    ring_.splice(ring_.end(), ring_, ring_.begin());
  }
}

}  // namespace arkshare
