#include "services/peer/fetch/swarm.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <random>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

// A stream without a run looks again this often: a run that was fast may have become slow.
constexpr absl::Duration kIdleLook = absl::Milliseconds(200);

}  // namespace

std::string DescribeHolder(const BookHolder& holder) {
  return absl::StrCat("peer ", holder.peer_id, " at ", PlaceInWords(holder.address));
}

Swarm::Swarm(const FetchJob& job, ArrivalQueue* queue, const Clock* clock)
    : job_(job),
      size_(job.content.size),
      piece_length_(PieceLength(size_)),
      piece_count_(PieceCount(size_)),
      queue_(queue),
      clock_(clock),
      plan_(piece_count_, piece_length_, /*seed=*/std::random_device()()) {
  if (job.offer != nullptr) plan_.BeginAt(std::random_device()() % piece_count_);
}

// --- The end ---

void Swarm::End(const absl::Status& status) {
  MutexLock lock(&mutex_);
  EndLocked(status);
}

void Swarm::EndWithLastFailure(const absl::Status& fallback) {
  MutexLock lock(&mutex_);
  EndLocked(last_failure_.ok() ? fallback : last_failure_);
}

std::optional<absl::Status> Swarm::end() const {
  MutexLock lock(&mutex_);
  return end_;
}

void Swarm::EndLocked(const absl::Status& status) {
  if (end_.has_value()) return;
  end_ = status;
  if (piece_count_ > 1 || !status.ok()) {
    for (grpc::ClientContext* call : calls_) call->TryCancel();
  }
  queue_->Close();
  changed_.NotifyAll();
  WakeIdle();
}

void Swarm::WakeIdle() {
  for (Member& member : members_) member.idle_.NotifyAll();
}

// --- Calls ---

bool Swarm::BeginCall(Member* member, grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  if (end_.has_value() || (member != nullptr && member->failed_)) return false;
  calls_.insert(context);
  if (member != nullptr) member->calls_.insert(context);
  return true;
}

void Swarm::EndCall(Member* member, grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  calls_.erase(context);
  if (member != nullptr) member->calls_.erase(context);
}

// --- Failures ---

void Swarm::Fail(Member& member, const absl::Status& why) {
  MutexLock lock(&mutex_);
  FailLocked(member, why);
}

void Swarm::FailLocked(Member& member, const absl::Status& why) {
  if (std::exchange(member.failed_, true)) return;
  for (grpc::ClientContext* call : member.calls_) call->TryCancel();
  NoteFailure(member.holder, why);
  member.idle_.NotifyAll();
  queue_->DropHolder(member.id);
}

void Swarm::FailHolder(const BookHolder& holder, const absl::Status& why) {
  MutexLock lock(&mutex_);
  const auto member = std::find_if(members_.begin(), members_.end(), [&](const Member& m) {
    return m.holder.key == holder.key && !m.failed_;
  });
  if (member == members_.end()) {
    NoteFailure(holder, why);
  } else {
    FailLocked(*member, why);
  }
}

void Swarm::NoteFailure(const BookHolder& holder, const absl::Status& why) {
  if (end_.has_value()) return;
  const Reason reason = GetReason(why);
  LogInfo("holder_failed", {{"peer", holder.peer_id},
                            {"address", holder.address},
                            {"verified_pieces", plan_.verified_count()},
                            {"why", why}});
  // The failure of a holder of a part does not decide whether the book can be had.
  if (!holder.partial) {
    // Nothing in this peer cancelled the call: Cancelled would tell the user that this peer stops.
    last_failure_ =
        absl::IsCancelled(why) ? MakeError(Reason::kPeerUnreachable, why.message()) : why;
  }
  if (reason == Reason::kContentMismatch || reason == Reason::kAnswerInvalid) {
    liars_.insert(holder.key);
  }
  if (reason == Reason::kQueueFull || reason == Reason::kBookUnsettled) {
    retry_after_ = GetRetryAfter(why).value_or(absl::Seconds(1));
  }
  if (reason == Reason::kBookMoved && job_.source && *job_.source == holder.key) EndLocked(why);
}

// --- The scout ---

std::vector<BookHolder> Swarm::SelectNew(std::vector<BookHolder> found, size_t most) const {
  MutexLock lock(&mutex_);
  std::set<PublicKey> known = liars_;
  for (const Member& member : members_) {
    if (member.streams_ > 0) known.insert(member.holder.key);
  }
  std::vector<BookHolder> fresh;
  for (BookHolder& holder : found) {
    if (known.size() - liars_.size() >= most) break;
    if (known.insert(holder.key).second) fresh.push_back(std::move(holder));
  }
  return fresh;
}

Swarm::Member* Swarm::Add(const BookHolder& holder, int streams) {
  MutexLock lock(&mutex_);
  const auto id = static_cast<PiecePlan::HolderId>(members_.size() + 1);
  plan_.AddHolder(id, /*complete=*/!holder.partial);
  return &members_.emplace_back(holder, id, streams);
}

Swarm::Member& Swarm::member(PiecePlan::HolderId id) {
  MutexLock lock(&mutex_);
  return members_[static_cast<size_t>(id) - 1];
}

bool Swarm::IsMember(const BookHolder& holder) const {
  MutexLock lock(&mutex_);
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return member.holder.key == holder.key && !member.failed_;
  });
}

bool Swarm::HasMembers() const {
  MutexLock lock(&mutex_);
  return HasMembersLocked();
}

bool Swarm::HasMembersLocked() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& member) { return member.streams_ > 0; });
}

bool Swarm::AwaitNoMembers(absl::Duration most) {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + most;
  while (!end_.has_value() && HasMembersLocked()) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return !end_.has_value();
}

bool Swarm::Sleep(absl::Duration time) {
  MutexLock lock(&mutex_);
  const absl::Time until = clock_->Monotonic() + time;
  while (!end_.has_value()) {
    const absl::Duration left = until - clock_->Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

absl::Duration Swarm::TakeRetryAfter() {
  MutexLock lock(&mutex_);
  return std::exchange(retry_after_, absl::ZeroDuration());
}

// --- Streams ---

std::optional<PiecePlan::Range> Swarm::AwaitRun(Member& member, PiecePlan::StreamId stream,
                                                IdleWatchdog::Watch& watch) {
  MutexLock lock(&mutex_);
  while (!end_.has_value() && !member.failed_) {
    UpdateRates();
    if (const std::optional<PiecePlan::Range> run = plan_.Begin(stream, member.id)) {
      readings_[stream] = {.holder = member.id, .begin = clock_->Monotonic()};
      return run;
    }
    if (piece_count_ == 1) return std::nullopt;
    // All holders of parts may lack the same pieces, and nothing would ever come.
    if (!readings_.empty() || queue_->waiting_bytes() > 0) watch.Progress();
    if (watch.expired()) {
      FailLocked(member,
                 MakeError(Reason::kPieceNotHere, absl::StrCat(DescribeHolder(member.holder),
                                                               " has nothing that is missing")));
    }
    member.idle_.WaitFor(&mutex_, kIdleLook);
  }
  return std::nullopt;
}

void Swarm::StartTiming(PiecePlan::StreamId stream) {
  MutexLock lock(&mutex_);
  readings_[stream].begin = clock_->Monotonic();
}

void Swarm::NoteAttributes(const Member& member, const v1::DownloadResponse::Header& header) {
  if (member.holder.key != job_.attributes_of) return;
  const std::optional<FileAttributes> found = AttributesIn(header);
  MutexLock lock(&mutex_);
  attributes_ = found;
}

std::optional<std::optional<FileAttributes>> Swarm::attributes() const {
  MutexLock lock(&mutex_);
  return attributes_;
}

bool Swarm::Received(Member& member, PiecePlan::StreamId stream, uint64_t begin, uint64_t end) {
  MutexLock lock(&mutex_);
  if (end_.has_value() || member.failed_) return false;
  if (begin == end) return true;
  readings_[stream].bytes += end - begin;
  const uint64_t whole_pieces = end == size_ ? piece_count_ : end / piece_length_;
  for (uint64_t piece = begin / piece_length_; piece < whole_pieces; ++piece) plan_.Arrived(stream);
  if (plan_.EndsSoon(stream)) member.idle_.NotifyAll();
  return true;
}

bool Swarm::Wanted(PiecePlan::StreamId stream, uint64_t offset) const {
  MutexLock lock(&mutex_);
  if (end_.has_value()) return false;
  return offset == size_ || plan_.Wanted(stream, offset / piece_length_);
}

Swarm::RunStats Swarm::EndRun(Member& member, PiecePlan::StreamId stream, PiecePlan::Range run,
                              const absl::Status& status) {
  MutexLock lock(&mutex_);
  UpdateRates();
  const Reading ended = readings_.extract(stream).mapped();
  plan_.End(stream);
  if (!status.ok()) FailLocked(member, status);
  // Other streams take what this one did not bring.
  if (ended.bytes < BytesOf(run)) WakeIdle();
  return {ended.bytes, clock_->Monotonic() - ended.begin};
}

void Swarm::EndStream(Member& member) {
  MutexLock lock(&mutex_);
  if (--member.streams_ == 0) plan_.RemoveHolder(member.id);
  changed_.NotifyAll();
}

bool Swarm::HasLeft(const Member& member) const {
  MutexLock lock(&mutex_);
  return member.failed_ && member.streams_ == 0;
}

size_t Swarm::stream_count() const {
  MutexLock lock(&mutex_);
  size_t count = 0;
  for (const Member& member : members_) count += static_cast<size_t>(member.streams_);
  return count;
}

int Swarm::AddPieces(Member& member, const google::protobuf::RepeatedField<uint32_t>& pieces,
                     bool whole) {
  MutexLock lock(&mutex_);
  int fresh = 0;
  for (const uint32_t piece : pieces) fresh += plan_.HolderHas(member.id, piece) ? 1 : 0;
  for (uint64_t piece = 0; whole && piece < piece_count_; ++piece) {
    plan_.HolderHas(member.id, piece);
  }
  member.idle_.NotifyAll();
  return fresh;
}

uint64_t Swarm::BytesOf(PiecePlan::Range run) const {
  return std::min(run.end * piece_length_, size_) - run.first * piece_length_;
}

// The rate of a holder is the sum over its current runs; without any, PiecePlan keeps the last one.
void Swarm::UpdateRates() {
  std::map<PiecePlan::HolderId, double> rates;
  for (const auto& [stream, reading] : readings_) {
    const double seconds = absl::ToDoubleSeconds(clock_->Monotonic() - reading.begin);
    if (seconds <= 0) continue;
    rates[reading.holder] += static_cast<double>(reading.bytes) / seconds;
  }
  for (const auto& [holder, rate] : rates) plan_.SetRate(holder, rate);
}

// --- Pieces ---

void Swarm::Verified(uint64_t piece) {
  MutexLock lock(&mutex_);
  plan_.Verified(piece);
  if (plan_.done()) EndLocked(absl::OkStatus());
}

void Swarm::Rejected(uint64_t piece) {
  MutexLock lock(&mutex_);
  plan_.Rejected(piece);
  WakeIdle();
}

uint64_t Swarm::verified_count() const {
  MutexLock lock(&mutex_);
  return plan_.verified_count();
}

}  // namespace arkshare
