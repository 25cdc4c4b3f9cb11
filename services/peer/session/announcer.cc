#include "services/peer/session/announcer.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(200);
constexpr absl::Duration kLastRetry = absl::Seconds(3);
constexpr int kLongestRecheck = 16;  // times the first

v1::Statement ToStatement(const Library::Change& change) {
  v1::Statement statement;
  if (const auto* present = std::get_if<BookListing>(&change)) {
    *statement.mutable_present() = ToProto(*present);
  } else {
    statement.set_gone_listing_number(std::get<uint64_t>(change));
  }
  return statement;
}

}  // namespace

RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry) {
  const absl::Duration wait = GetRetryAfter(failure).value_or(retry / 2);
  return {wait, std::max(wait * 1.1, retry)};
}

Announcer::Announcer(Options options, Parts parts, PublicKey key,
                     std::function<void()> on_registered, std::function<void()> on_superseded)
    : options_(std::move(options)),
      parts_(parts),
      key_(key),
      on_registered_(std::move(on_registered)),
      on_superseded_(std::move(on_superseded)),
      recheck_(options_.recheck) {}

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

// Random, so that the peers of a restarted index do not all come at once.
bool Announcer::WaitBeforeRetry(absl::Duration from, absl::Duration to) {
  const absl::Duration wait = from + (to - from) * absl::Uniform(random_, 0.0, 1.0);
  const absl::Time until = Clock::Real()->Monotonic() + wait;
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left = until - Clock::Real()->Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

void Announcer::Run() {
  absl::Duration retry = kFirstRetry;
  while (!stopping()) {
    if (absl::Status s = Register(); !s.ok()) {
      {
        MutexLock lock(&mutex_);
        if (state_.trouble != s.message()) {
          LogWarning("not_registered", {{"why", s}});
        }
        state_.trouble = std::string(s.message());
        state_.address.clear();
      }
      parts_.index->UseNextAddress();
      const RetryWindow wait = RetryAfter(s, retry);
      if (!WaitBeforeRetry(wait.from, wait.to)) break;
      retry = std::min(retry * 2, kLastRetry);
      continue;
    }
    retry = kFirstRetry;
    on_registered_();
    StreamEnd end = StreamEnd::kBroken;
    absl::Duration again = kFirstRetry;
    // A broken stream keeps its session for a lease: try to go on with it first.
    absl::Time session_end = absl::InfiniteFuture();
    while (end == StreamEnd::kBroken && Clock::Real()->Monotonic() < session_end) {
      end = Announce();
      bool was_online = false;
      {
        MutexLock lock(&mutex_);
        was_online = std::exchange(state_.online, false);
      }
      if (was_online || session_end == absl::InfiniteFuture()) {
        session_end = Clock::Real()->Monotonic() + lease_;
        again = kFirstRetry;
      }
      if (end == StreamEnd::kRecheck) {
        // If the index still cannot reach us (KEY_IN_USE), with the session that there is.
        if (Register().ok()) {
          on_registered_();
        } else {
          ScheduleRecheck();
        }
        end = StreamEnd::kBroken;
        continue;
      }
      if (end != StreamEnd::kBroken || !WaitBeforeRetry(again / 2, again)) break;
      again = std::min(again * 2, kLastRetry);
    }
    if (end == StreamEnd::kSuperseded) {
      {
        MutexLock lock(&mutex_);
        state_.trouble = "another peer with the same key has taken this one's place";
      }
      on_superseded_();
      return;
    }
    if (end == StreamEnd::kSessionLost) {
      WaitBeforeRetry(absl::ZeroDuration(), std::min(lease_, absl::Seconds(1)));
    }
  }
  if (absl::Status s = parts_.index->Unregister(); !s.ok()) {
    LogInfo("not_unregistered", {{"why", s}});
  }
}

void Announcer::ScheduleRecheck() {
  recheck_at_ = Clock::Real()->Monotonic() + recheck_;
  recheck_ = std::min(recheck_ * 2, options_.recheck * kLongestRecheck);
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

  lease_ = absl::Milliseconds(
      google::protobuf::util::TimeUtil::DurationToMilliseconds(response->lease()));
  // The feed begins before anybody can use the session: what a transfer tells the index with the
  // token, and the library then says of it, must come after the snapshot.
  const size_t books = StartSnapshot();
  parts_.index->SetToken(response->session_token());
  uint32_t last_id = 0;
  {
    MutexLock lock(&mutex_);
    last_id = std::exchange(state_.peer_id, response->peer_id());
    state_.address = response->address();
    unreachable_ = response->reachability().reachable() ? "" : response->reachability().message();
    state_.trouble = unreachable_;
  }
  if (response->reachability().reachable()) {
    recheck_ = options_.recheck;
    recheck_at_ = absl::InfiniteFuture();
  } else {
    ScheduleRecheck();
    LogWarning("not_reachable", {{"address", response->address()},
                                 {"reason", response->reachability().reason()},
                                 {"message", response->reachability().message()}});
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

size_t Announcer::StartSnapshot() {
  std::vector<BookListing> snapshot = parts_.library->StartFeed();
  MutexLock lock(&mutex_);
  unacknowledged_.clear();
  first_ = next_to_send_ = 1;
  for (BookListing& listing : snapshot) {
    unacknowledged_.push_back(ToStatement(std::move(listing)));
  }
  return snapshot.size();
}

void Announcer::TakeAcknowledgement(uint64_t sequence) {
  MutexLock lock(&mutex_);
  while (first_ <= sequence && !unacknowledged_.empty()) {
    unacknowledged_.pop_front();
    ++first_;
  }
}

bool Announcer::Send(grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>& stream,
                     bool snapshot_complete, bool at_least_one) {
  while (true) {
    v1::AnnounceRequest request;
    bool last = false;
    {
      MutexLock lock(&mutex_);
      next_to_send_ = std::max(next_to_send_, first_);
      const size_t skip = static_cast<size_t>(next_to_send_ - first_);
      const size_t n = std::min<size_t>(kMaxItems, unacknowledged_.size() - skip);
      if (n == 0 && !at_least_one) return true;
      request.set_first_sequence(next_to_send_);
      for (size_t i = 0; i < n; ++i) *request.add_statements() = unacknowledged_[skip + i];
      next_to_send_ += n;
      last = skip + n == unacknowledged_.size();
    }
    request.set_snapshot_complete(snapshot_complete && last);
    const UploadLoad load = parts_.upload_load();
    request.set_free_slots(static_cast<uint32_t>(load.free_slots));
    request.set_upload_limit(load.limit);
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
  auto stream = parts_.index->stub()->Announce(&context);
  std::atomic<bool> ended{false};
  bool recheck = false;
  v1::AnnounceResponse response;
  // The first answer says what the index has of this session.
  if (stream->Read(&response)) {
    bool has_less = false;
    {
      MutexLock lock(&mutex_);
      has_less = response.acknowledged_sequence() + 1 < first_;
      next_to_send_ = response.acknowledged_sequence() + 1;
    }
    if (has_less) {
      LogInfo("index_restarted", {{"books", StartSnapshot()}});
    } else {
      TakeAcknowledgement(response.acknowledged_sequence());
    }
    std::thread reader([&] {
      v1::AnnounceResponse acknowledgement;
      while (stream->Read(&acknowledgement)) {
        TakeAcknowledgement(acknowledgement.acknowledged_sequence());
        MutexLock lock(&mutex_);
        state_.online = true;
        state_.trouble = unreachable_;
      }
      ended.store(true);
      parts_.library->WakeFeed();
    });
    const absl::Duration beat = lease_ / 3;
    bool sent = Send(*stream, /*snapshot_complete=*/true, /*at_least_one=*/true);
    absl::Time next_beat = Clock::Real()->Monotonic() + beat;
    while (sent && !ended.load() && !stopping()) {
      recheck = Clock::Real()->Monotonic() >= recheck_at_;
      if (recheck) break;
      std::vector<Library::Change> changes =
          parts_.library->NextChanges(next_beat - Clock::Real()->Monotonic(), kMaxItems);
      {
        MutexLock lock(&mutex_);
        for (const Library::Change& change : changes) {
          unacknowledged_.push_back(ToStatement(change));
        }
      }
      const bool beat_due = Clock::Real()->Monotonic() >= next_beat;
      if (changes.empty() && !beat_due) continue;
      sent = Send(*stream, /*snapshot_complete=*/false, beat_due);
      next_beat = Clock::Real()->Monotonic() + beat;
    }
    if (stopping()) {
      stream->WritesDone();
      context.TryCancel();
    }
    // Its acknowledgements must not be taken for those of the next session.
    if (recheck) context.TryCancel();
    reader.join();
  }
  const grpc::Status status = stream->Finish();
  {
    MutexLock lock(&mutex_);
    stream_context_ = nullptr;
    if (stopping_) return StreamEnd::kStopped;
  }
  if (recheck) return StreamEnd::kRecheck;
  const absl::Status why = FromGrpcStatus(
      status, absl::StrCat("the index at ", parts_.index->address()), Reason::kIndexUnreachable);
  {
    MutexLock lock(&mutex_);
    state_.trouble = std::string(why.message());
  }
  LogInfo("announce_ended", {{"why", why}});
  switch (GetReason(why)) {
    case Reason::kSessionSuperseded:
      return StreamEnd::kSuperseded;
    case Reason::kIndexUnreachable:
    case Reason::kShuttingDown:  // for a restart, perhaps, which the session outlives
    case Reason::kStreamReplaced:
      return StreamEnd::kBroken;
    default:
      return StreamEnd::kSessionLost;  // also after errors: a new session states everything anew
  }
}

}  // namespace arkshare
