#include "services/peer/fetch/piece_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace arkshare {
namespace {

// How long a run should last: long against a round trip, short for a stream that waits to take it
// over.
constexpr double kRunSeconds = 4;
// Pieces that a fast holder sends within this time are asked for in one call: each call has a cost,
// and other peers do not wait long for the last of these pieces.
constexpr double kMomentSeconds = 0.05;
// The first run, in pieces, of a holder of unknown rate: a liar costs little.
constexpr uint64_t kFirstRun = 4;
// Pieces after the next one that are on their way already: taking them over would waste them.
constexpr uint64_t kOnTheirWay = 2;
// An unknown holder is expected to be this fast, in bytes a second.
constexpr double kUnknownRate = 1024 * 1024;
// A piece is asked for twice only from a holder that is this many times faster.
constexpr double kMuchFaster = 2;

}  // namespace

PiecePlan::PiecePlan(uint64_t pieces, uint64_t piece_bytes, uint64_t seed)
    : piece_bytes_(static_cast<double>(piece_bytes)), random_(seed), pieces_(pieces) {}

void PiecePlan::AddHolder(HolderId id, bool complete) {
  Holder& holder = holders_[id];
  holder.complete = complete;
  if (complete) return;
  holder.has.resize(pieces_.size());
  if (partial_holders_++ == 0) CutRuns();
}

void PiecePlan::RemoveHolder(HolderId id) {
  const auto it = holders_.find(id);
  if (it == holders_.end()) return;
  if (!it->second.complete) {
    --partial_holders_;
    for (uint64_t i = 0; i < pieces_.size(); ++i) {
      if (it->second.has[i]) --pieces_[i].partials;
    }
  }
  holders_.erase(it);
}

bool PiecePlan::HolderHas(HolderId id, uint64_t piece) {
  const auto it = holders_.find(id);
  if (it == holders_.end() || it->second.complete || piece >= pieces_.size()) return false;
  Holder& holder = it->second;
  if (holder.has[piece]) return false;
  holder.has[piece] = true;
  ++pieces_[piece].partials;
  if (++holder.has_count < pieces_.size()) return true;
  for (Piece& p : pieces_) --p.partials;
  holder.complete = true;
  holder.has.clear();
  --partial_holders_;
  return true;
}

void PiecePlan::SetRate(HolderId id, double bytes_per_second) {
  if (const auto it = holders_.find(id); it != holders_.end()) it->second.rate = bytes_per_second;
}

double PiecePlan::SecondsFor(const Holder& holder, uint64_t pieces) const {
  const double rate = holder.rate > 0 ? holder.rate : kUnknownRate;
  return static_cast<double>(pieces) * piece_bytes_ / rate;
}

std::optional<PiecePlan::Range> PiecePlan::Begin(StreamId stream, HolderId id) {
  const auto it = holders_.find(id);
  if (it == holders_.end()) return std::nullopt;
  if (partial_holders_ == 0 && Busy(id)) return std::nullopt;
  std::optional<Range> run =
      partial_holders_ > 0 ? RarestPieces(it->second) : NextStretch(it->second);
  if (!run) run = TakeOver(id);
  if (!run) run = AskTwice(id);
  if (!run) return std::nullopt;
  Give(*run);
  streams_[stream] = {id, run->first, run->end};
  return run;
}

bool PiecePlan::Busy(HolderId holder) const {
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
    return entry.second.holder == holder && !EndsSoon(entry.first);
  });
}

bool PiecePlan::EndsSoon(StreamId stream) const {
  const auto it = streams_.find(stream);
  return partial_holders_ == 0 && it != streams_.end() &&
         it->second.end - it->second.next <= kOnTheirWay;
}

std::optional<PiecePlan::Range> PiecePlan::NextStretch(const Holder& holder) const {
  uint64_t missing = 0;
  for (const Piece& piece : pieces_) missing += piece.state == State::kMissing;
  if (missing == 0) return std::nullopt;
  uint64_t most = missing;
  if (holders_.size() > 1) {
    const uint64_t share = (missing + holders_.size() - 1) / holders_.size();
    const uint64_t seconds = static_cast<uint64_t>(holder.rate * kRunSeconds / piece_bytes_);
    most = std::min(share, std::max(seconds, kFirstRun));
  }
  uint64_t first = begin_ % pieces_.size();
  while (pieces_[first].state != State::kMissing) first = (first + 1) % pieces_.size();
  uint64_t end = first;
  while (end < pieces_.size() && end - first < most && pieces_[end].state == State::kMissing) ++end;
  return Range{first, end};
}

std::optional<PiecePlan::Range> PiecePlan::RarestPieces(const Holder& holder) {
  std::vector<uint64_t> rarest;
  uint64_t fewest = 0;
  for (uint64_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].state != State::kMissing || !Has(holder, i)) continue;
    if (rarest.empty() || pieces_[i].partials < fewest) {
      rarest.clear();
      fewest = pieces_[i].partials;
    }
    if (pieces_[i].partials == fewest) rarest.push_back(i);
  }
  if (rarest.empty()) return std::nullopt;
  const uint64_t first = rarest[random_() % rarest.size()];
  const auto at_once = static_cast<uint64_t>(holder.rate * kMomentSeconds / piece_bytes_);
  uint64_t end = first + 1;
  while (end < pieces_.size() && end - first < at_once && pieces_[end].state == State::kMissing &&
         Has(holder, end)) {
    ++end;
  }
  return Range{first, end};
}

// Takes over the back of the run that would end last, enough of it that both end together.
std::optional<PiecePlan::Range> PiecePlan::TakeOver(HolderId thief) {
  const Holder& fast = holders_.at(thief);
  Stream* victim = nullptr;
  double latest = 0;
  for (auto& [id, stream] : streams_) {
    const auto holder = holders_.find(stream.holder);
    const uint64_t left = stream.end - stream.next;
    if (holder == holders_.end() || stream.holder == thief || left < 2) continue;
    const double seconds = SecondsFor(holder->second, left);
    if (seconds <= latest) continue;
    latest = seconds;
    victim = &stream;
  }
  if (victim == nullptr) return std::nullopt;
  const uint64_t left = victim->end - victim->next;
  const double slow_piece = SecondsFor(holders_.at(victim->holder), 1);
  const double fast_piece = SecondsFor(fast, 1);
  const uint64_t kept_at_least = slow_piece > kMuchFaster * fast_piece ? 1 : kOnTheirWay;
  const uint64_t share = static_cast<uint64_t>(
      std::ceil(static_cast<double>(left) * slow_piece / (slow_piece + fast_piece)));
  const uint64_t first = victim->next + std::max(left - std::min(share, left), kept_at_least);
  if (first >= victim->end) return std::nullopt;
  Range run{first, victim->end};
  // Only pieces that no stream has brought meanwhile and that this holder has.
  while (run.first < run.end && !Has(fast, run.first)) ++run.first;
  uint64_t end = run.first;
  while (end < run.end && Has(fast, end) && pieces_[end].state == State::kGiven) ++end;
  if (end == run.first) return std::nullopt;
  const Range rest{end, run.end};
  run.end = end;
  for (uint64_t i = first; i < victim->end; ++i) --pieces_[i].streams;
  victim->end = first;
  for (uint64_t i = first; i < run.first; ++i) TakeBack(i);
  for (uint64_t i = rest.first; i < rest.end; ++i) TakeBack(i);
  return run;
}

std::optional<PiecePlan::Range> PiecePlan::AskTwice(HolderId thief) {
  const Holder& fast = holders_.at(thief);
  std::optional<uint64_t> chosen;
  double latest = kMuchFaster * SecondsFor(fast, 1);
  for (const auto& [id, stream] : streams_) {
    if (stream.holder == thief || stream.next == stream.end) continue;
    const auto holder = holders_.find(stream.holder);
    if (holder == holders_.end()) continue;
    for (uint64_t i = stream.next; i < stream.end; ++i) {
      const double seconds = SecondsFor(holder->second, i + 1 - stream.next);
      if (pieces_[i].state != State::kGiven || pieces_[i].streams != 1 || !Has(fast, i)) continue;
      if (seconds < latest) continue;
      latest = seconds;
      chosen = i;
    }
  }
  if (!chosen) return std::nullopt;
  return Range{*chosen, *chosen + 1};
}

bool PiecePlan::Wanted(StreamId stream, uint64_t piece) const {
  const auto it = streams_.find(stream);
  if (it == streams_.end() || piece < it->second.next || piece >= it->second.end) return false;
  return pieces_[piece].state == State::kGiven;
}

void PiecePlan::Arrived(StreamId stream) {
  const auto it = streams_.find(stream);
  if (it == streams_.end() || it->second.next == it->second.end) return;
  Piece& piece = pieces_[it->second.next++];
  --piece.streams;
  if (piece.state == State::kGiven) piece.state = State::kArrived;
}

void PiecePlan::End(StreamId stream) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  for (uint64_t i = it->second.next; i < it->second.end; ++i) {
    --pieces_[i].streams;
    TakeBack(i);
  }
  streams_.erase(it);
}

void PiecePlan::Verified(uint64_t piece) {
  if (verified(piece)) return;
  pieces_[piece].state = State::kVerified;
  ++verified_;
}

void PiecePlan::Rejected(uint64_t piece) {
  if (pieces_[piece].state != State::kArrived) return;
  pieces_[piece].state = pieces_[piece].streams > 0 ? State::kGiven : State::kMissing;
}

void PiecePlan::Give(const Range& run) {
  for (uint64_t i = run.first; i < run.end; ++i) {
    pieces_[i].state = State::kGiven;
    ++pieces_[i].streams;
  }
}

void PiecePlan::TakeBack(uint64_t piece) {
  Piece& p = pieces_[piece];
  if (p.state == State::kGiven && p.streams == 0) p.state = State::kMissing;
}

// A long run would delay pieces that other peers of the swarm could exchange.
void PiecePlan::CutRuns() {
  for (auto& [id, stream] : streams_) {
    const uint64_t end = std::min(stream.end, stream.next + kOnTheirWay);
    for (uint64_t i = end; i < stream.end; ++i) {
      --pieces_[i].streams;
      TakeBack(i);
    }
    stream.end = end;
  }
}

}  // namespace arkshare
