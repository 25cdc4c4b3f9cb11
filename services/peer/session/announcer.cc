#include "services/peer/session/announcer.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/status.h"
#include "services/peer/session/reachability.h"

namespace arkshare {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(200);
// After an index has refused this peer's books because they are too many.
constexpr absl::Duration kFirstLimitRetry = absl::Seconds(10);
constexpr absl::Duration kLastLimitRetry = absl::Minutes(5);

// The longest session pause, as a multiple of the first.
constexpr int kLongestSessionPause = 64;
// An index answers every message. One that says nothing for a lease and this, in which the peer has
// sent heartbeats, has stopped working.
constexpr absl::Duration kAnswerPatience = absl::Minutes(1);

}  // namespace

Announcer::Announcer(Options options, Parts parts, PublicKey key,
                     std::function<void()> on_registered, std::function<void()> on_superseded)
    : options_(std::move(options)),
      parts_(parts),
      key_(key),
      on_registered_(std::move(on_registered)),
      on_superseded_(std::move(on_superseded)),
      numbers_(parts_.library, parts_.ledger),
      recheck_timer_(options_.recheck),
      return_timer_(options_.return_after),
      limit_pause_(kFirstLimitRetry, kLastLimitRetry),
      session_pause_(options_.session_pause, options_.session_pause * kLongestSessionPause) {}

Announcer::~Announcer() { Stop(); }

void Announcer::Start() {
  if (absl::StatusOr<uint32_t> last = parts_.ledger->LastPeerId(); last.ok()) {
    MutexLock lock(&mutex_);
    state_.peer_id = *last;
  }
  thread_ = std::thread([this] { Run(); });
}

void Announcer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    if (stream_context_ != nullptr) stream_context_->TryCancel();
    changed_.NotifyAll();
  }
  parts_.index->Stop();
  parts_.library->WakeFeed();
  if (thread_.joinable()) thread_.join();
}

bool Announcer::stopping() const {
  MutexLock lock(&mutex_);
  return stopping_;
}

Announcer::State Announcer::GetState() const {
  MutexLock lock(&mutex_);
  return state_;
}

// At random, so that the peers of a restarted index do not all come at once.
bool Announcer::WaitBeforeRetry(RetryWindow window) {
  const absl::Duration wait =
      window.from + (window.to - window.from) * absl::Uniform(random_, 0.0, 1.0);
  const absl::Time until = Now() + wait;
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left = until - Now();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

void Announcer::Run() {
  absl::Duration retry = kFirstRetry;
  while (!stopping()) {
    if (!RegisterOrWait(retry)) continue;
    on_registered_();
    const absl::Time begin = Now();
    const StreamEnd end = RunSession();
    if (Now() - begin > lease_) session_pause_.Reset();
    if (end == StreamEnd::kSuperseded) {
      {
        MutexLock lock(&mutex_);
        state_.trouble = kSupersededAdvice;
      }
      on_superseded_();
      return;
    }
    if (end == StreamEnd::kSessionLost) {
      // All peers of an index that has lost its sessions come at once.
      WaitBeforeRetry({absl::ZeroDuration(), session_pause_.Next().to});
    } else if (end == StreamEnd::kContractBroken) {
      parts_.index->UseNextAddress(GetState().trouble);
      WaitBeforeRetry(session_pause_.Next());
    } else if (end == StreamEnd::kOverLimit) {
      WaitBeforeRetry(limit_pause_.Next());
    } else if (end == StreamEnd::kReturn) {
      Unregister();
      parts_.index->UseEarlierAddress();
    }
  }
  Unregister();
}

void Announcer::Unregister() {
  if (absl::Status s = parts_.index->Unregister(); !s.ok()) {
    LogInfo("not_unregistered", {{"why", s}});
  }
}

bool Announcer::RegisterOrWait(absl::Duration& retry) {
  const absl::Status status = Register();
  if (status.ok()) {
    retry = kFirstRetry;
    return true;
  }
  {
    MutexLock lock(&mutex_);
    if (state_.trouble != status.message()) LogWarning("not_registered", {{"why", status}});
    state_.trouble = std::string(status.message());
    state_.address.clear();
  }
  if (IsFailureOfIndex(status)) parts_.index->UseNextAddress(std::string(status.message()));
  WaitBeforeRetry(RetryAfter(status, retry));
  retry = NextRetry(status, retry);
  return false;
}

Announcer::StreamEnd Announcer::RunSession() {
  StreamEnd end = StreamEnd::kBroken;
  absl::Duration retry = kFirstRetry;
  // The index keeps the session for a lease after a stream broke, so the next stream continues it.
  absl::Time session_end = absl::InfiniteFuture();
  while (end == StreamEnd::kBroken && Now() < session_end) {
    end = Announce();
    bool was_online = false;
    {
      MutexLock lock(&mutex_);
      was_online = std::exchange(state_.online, false);
    }
    if (was_online || session_end == absl::InfiniteFuture()) {
      session_end = Now() + lease_;
      retry = kFirstRetry;
    }
    if (end == StreamEnd::kRecheck) {
      // When the index still cannot reach this peer (KEY_IN_USE), the old session goes on.
      if (Register().ok()) {
        on_registered_();
      } else {
        recheck_timer_.Unreachable(Now());
      }
      end = StreamEnd::kBroken;
      continue;
    }
    if (end != StreamEnd::kBroken || !WaitBeforeRetry({retry / 2, retry})) break;
    retry = NextRetry(absl::OkStatus(), retry);
  }
  return end;
}

absl::Status Announcer::Register() {
  v1::RegisterRequest request;
  request.set_public_key(key_.bytes());
  request.set_port(static_cast<uint32_t>(options_.port));
  request.set_advertised_address(options_.advertised_address);
  request.set_policy(options_.policy == SharePolicy::kMove ? v1::SHARE_POLICY_MOVE
                                                           : v1::SHARE_POLICY_COPY);
  const UploadLoad load = parts_.upload_load();
  request.set_upload_slots(static_cast<uint32_t>(load.slots));
  request.set_upload_limit(load.limit);
  const uint32_t last_peer_id = GetState().peer_id;
  request.set_requested_peer_id(last_peer_id != 0 ? last_peer_id : options_.first_peer_id);
  request.set_registration_id(parts_.gate->Begin());
  request.set_keep_session(true);
  absl::StatusOr<v1::RegisterResponse> response = parts_.index->Register(request);
  if (!response.ok()) return response.status();

  lease_ = DurationFromProto(response->lease(), "lease").value_or(kMinLease);
  most_books_ = response->max_books();
  numbers_.Check(parts_.index->address(), response->largest_listing_number());
  // The feed begins before the session can be used. A transfer may then call UpdateOwner with the
  // token, and what the library announces of that book must come after the snapshot.
  const size_t books = StartSnapshot();
  parts_.index->SetToken(response->session_token());
  uint32_t last_id = 0;
  {
    MutexLock lock(&mutex_);
    reached_ = true;
    last_id = std::exchange(state_.peer_id, response->peer_id());
    state_.address = response->address();
  }
  reachability_ = ReachabilityInWords(*response, options_.listens_on_loopback);
  const std::string why_not_first = parts_.index->WhyNotFirst();
  if (why_not_first.empty()) {
    return_timer_.Reached();
  } else {
    return_timer_.Unreachable(Now());
    LogWarning("not_the_first_index", {{"why", why_not_first}});
  }
  NoteTroubles();
  if (response->reachability().reachable()) {
    recheck_timer_.Reached();
  } else {
    recheck_timer_.Unreachable(Now());
  }
  if (!reachability_.empty()) {
    LogWarning("not_reachable", {{"address", response->address()},
                                 {"reason", response->reachability().reason()},
                                 {"message", reachability_}});
  }
  LogInfo("registered", {{"id", response->peer_id()},
                         {"address", response->address()},
                         {"books", books},
                         {"lease", lease_}});
  if (last_id != response->peer_id()) {
    if (absl::Status s = parts_.ledger->SetLastPeerId(response->peer_id()); !s.ok()) {
      LogWarning("peer_id_not_kept", {{"why", s}});
    }
  }
  return absl::OkStatus();
}

std::string Announcer::WhyLeftOut(uint64_t listing) const {
  MutexLock lock(&mutex_);
  return budget_.WhyLeftOut(listing);
}

size_t Announcer::left_out() const {
  MutexLock lock(&mutex_);
  return budget_.left_out();
}

void Announcer::NoteTroubles() {
  std::vector<std::string> all = {reachability_, parts_.index->WhyNotFirst()};
  MutexLock lock(&mutex_);
  all.push_back(budget_.Trouble());
  std::erase(all, "");
  const std::string notes = absl::StrJoin(all, "; ");
  notes_ = notes;
  NoteReachedLocked(reached_);
}

void Announcer::NoteReachedLocked(bool reached) {
  const std::string hidden = reached ? "" : UnreachableInWords(state_.address);
  if (std::exchange(reached_, reached) != reached) {
    LogWarning("reach_changed",
               {{"address", state_.address}, {"reached", reached}, {"message", hidden}});
  }
  state_.trouble = notes_;
  if (!reached) state_.trouble = notes_.empty() ? hidden : absl::StrCat(hidden, "; ", notes_);
}

size_t Announcer::StartSnapshot() {
  const std::vector<BookListing> snapshot = parts_.library->StartFeed();
  std::vector<Library::Change> statements;
  MutexLock lock(&mutex_);
  budget_.Begin(most_books_);
  for (const BookListing& listing : snapshot) budget_.Add(listing, statements);
  if (const std::string left_out = budget_.Trouble(); !left_out.empty()) {
    LogWarning("not_all_listed", {{"why", left_out}});
  }
  statements_.Restart(statements);
  return snapshot.size();
}

bool Announcer::Send(Stream& stream, bool snapshot_complete, bool at_least_one) {
  while (true) {
    v1::AnnounceRequest request;
    bool last = false;
    {
      MutexLock lock(&mutex_);
      if (statements_.all_taken() && !at_least_one) return true;
      statements_.TakeNext(kMaxItems, request);
      last = statements_.all_taken();
    }
    request.set_snapshot_complete(snapshot_complete && last);
    const UploadLoad load = parts_.upload_load();
    request.set_free_slots(static_cast<uint32_t>(load.free_slots));
    request.set_upload_limit(load.limit);
    if (parts_.silent_peers) {
      for (const PublicKey& key : parts_.silent_peers()) {
        request.add_silent_public_keys(key.bytes());
      }
    }
    if (!stream.Write(request)) return false;
    if (last) return true;
    at_least_one = false;
  }
}

Announcer::StreamEnd Announcer::Announce() {
  grpc::ClientContext context;
  parts_.index->AddToken(context);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return StreamEnd::kStopped;
    stream_context_ = &context;
  }
  IdleWatchdog::Watch watch(parts_.watchdog, lease_ + kAnswerPatience,
                            [&context] { context.TryCancel(); });
  const std::unique_ptr<Stream> stream = parts_.index->stub()->Announce(&context);
  StreamEnd wish = StreamEnd::kBroken;
  const absl::StatusOr<bool> opened = OpenStream(*stream);
  absl::Status objection = opened.status();  // to an answer
  if (opened.ok() && *opened) {
    std::atomic<bool> ended{false};
    std::thread reader([&] {
      objection = ReadAcknowledgements(*stream, watch);
      if (!objection.ok()) context.TryCancel();
      ended.store(true);
      parts_.library->WakeFeed();
    });
    wish = Beat(*stream, ended);
    const bool stop = stopping();
    if (stop) stream->WritesDone();
    // After a recheck, acknowledgements of this stream must not count for the next session.
    if (stop || wish != StreamEnd::kBroken) context.TryCancel();
    reader.join();
  }
  if (!objection.ok()) context.TryCancel();
  const grpc::Status status = stream->Finish();
  {
    MutexLock lock(&mutex_);
    stream_context_ = nullptr;
    if (stopping_) return StreamEnd::kStopped;
  }
  const std::string index = absl::StrCat("the index at ", parts_.index->address());
  if (!objection.ok()) return Classify(objection);
  if (wish != StreamEnd::kBroken) return wish;
  if (watch.expired()) {
    return Classify(MakeError(Reason::kIndexUnreachable,
                              absl::StrCat(index, " takes messages and does not answer them")));
  }
  return Classify(FromGrpcStatus(status, index, Reason::kIndexUnreachable));
}

absl::StatusOr<bool> Announcer::OpenStream(Stream& stream) {
  v1::AnnounceResponse response;
  if (!stream.Read(&response)) return false;
  absl::StatusOr<bool> continues = false;
  {
    MutexLock lock(&mutex_);
    continues = statements_.BeginStream(response.acknowledged_sequence());
  }
  if (!continues.ok()) return continues.status();
  if (!*continues) LogInfo("index_restarted", {{"books", StartSnapshot()}});
  return true;
}

absl::Status Announcer::ReadAcknowledgements(Stream& stream, IdleWatchdog::Watch& watch) {
  v1::AnnounceResponse acknowledgement;
  while (stream.Read(&acknowledgement)) {
    MutexLock lock(&mutex_);
    absl::Status taken = statements_.Acknowledge(acknowledgement.acknowledged_sequence());
    if (!taken.ok()) return taken;
    watch.Progress();
    state_.online = true;
    NoteReachedLocked(!acknowledgement.unreachable());
  }
  return absl::OkStatus();
}

Announcer::StreamEnd Announcer::Beat(Stream& stream, const std::atomic<bool>& ended) {
  const absl::Duration beat = lease_ / 3;
  bool sent = Send(stream, /*snapshot_complete=*/true, /*at_least_one=*/true);
  absl::Time next_beat = Now() + beat;
  while (sent && !ended.load() && !stopping()) {
    if (recheck_timer_.IsDue(Now())) return StreamEnd::kRecheck;
    if (return_timer_.IsDue(Now()) && parts_.index->EarlierAnswers()) return StreamEnd::kReturn;
    const std::vector<Library::Change> changes =
        parts_.library->NextChanges(next_beat - Now(), kMaxItems);
    std::vector<Library::Change> statements;
    {
      MutexLock lock(&mutex_);
      for (const Library::Change& change : changes) budget_.Add(change, statements);
      statements_.Add(statements);
    }
    if (!changes.empty()) NoteTroubles();
    const bool beat_due = Now() >= next_beat;
    if (statements.empty() && !beat_due) continue;
    sent = Send(stream, /*snapshot_complete=*/false, beat_due);
    next_beat = Now() + beat;
  }
  return StreamEnd::kBroken;
}

Announcer::StreamEnd Announcer::Classify(const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    state_.trouble = std::string(why.message());
  }
  LogInfo("announce_ended", {{"why", why}});
  switch (GetReason(why)) {
    case Reason::kAnswerInvalid:
      return StreamEnd::kContractBroken;
    case Reason::kSessionSuperseded:
      return StreamEnd::kSuperseded;
    case Reason::kIndexUnreachable:
    case Reason::kShuttingDown:  // perhaps for a restart, which the session survives
    case Reason::kStreamReplaced:
      return StreamEnd::kBroken;
    case Reason::kLimitExceeded:  // this peer had left out too few books
      return StreamEnd::kOverLimit;
    default:
      return StreamEnd::kSessionLost;  // for errors too: a new session announces everything again
  }
}

}  // namespace arkshare
