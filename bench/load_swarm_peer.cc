// One peer of the swarm: its session with the index, as arkshare-peer has it.
#include <absl/random/random.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <cstring>

#include "bench/load_agenda.h"
#include "bench/load_swarm.h"
#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/ticket.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/connect_once.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

// The same as in services/peer/session.
constexpr absl::Duration kFirstRetry = absl::Milliseconds(200);
constexpr absl::Duration kLastRetry = absl::Seconds(3);
constexpr absl::Duration kMostDelay = absl::Seconds(1);
constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr absl::Duration kRegisterTimeout = absl::Seconds(15);

double Random(double from, double to) {
  thread_local absl::BitGen generator;
  return absl::Uniform(generator, from, to);
}

std::string NameOf(const absl::Status& status) {
  const absl::string_view reason = ReasonName(GetReason(status));
  return std::string(reason.empty() ? absl::StatusCodeToString(status.code()) : reason);
}

grpc::ByteBuffer ToBytes(const v1::AnnounceRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// Makes the connection of one peer. Ten thousand channels of MakeChannel would take a third of the
// machine; real peers are on machines of their own. The index sees no difference.
std::shared_ptr<grpc::Channel> Connect(const std::string& index) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  std::shared_ptr<grpc::Channel> channel = ConnectOnce(index, absl::Minutes(1), std::move(args));
  return channel != nullptr ? channel : MakeChannel(index, grpc::InsecureChannelCredentials());
}

}  // namespace

// One Announce stream. Deletes itself when it is done. Sends bytes, so that a snapshot is encoded
// once.
class SwarmPeer::Stream : public grpc::ClientBidiReactor<grpc::ByteBuffer, v1::AnnounceResponse> {
 public:
  Stream(SwarmPeer* peer, std::shared_ptr<grpc::Channel> channel, uint64_t life,
         const std::string& token)
      : peer_(*peer), life_(life) {
    context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::AnnounceResponse>(std::move(channel))
        .PrepareBidiStreamingCall(&context_, "/arkshare.v1.IndexService/Announce", {}, this);
    // Heartbeats are written by another thread.
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  // Requires that this is the peer's stream, and the peer's lock. Drops messages that come too
  // fast.
  bool Write(grpc::ByteBuffer request) {
    if (writing_.exchange(true)) return false;
    request_.Swap(&request);
    StartWrite(&request_);
    return true;
  }
  void Break() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      peer_.OnStreamEnd(this);
      RemoveHold();
      return;
    }
    peer_.OnAcknowledged(this, response_.acknowledged_sequence());
    StartRead(&response_);
  }
  void OnWriteDone(bool /*ok*/) override { writing_ = false; }
  void OnDone(const grpc::Status& status) override {
    peer_.OnStreamDone(life_, FromGrpcStatus(status, "the index", Reason::kIndexUnreachable));
    delete this;
  }

  bool welcomed = false;  // the index has acknowledged the session

 private:
  SwarmPeer& peer_;
  const uint64_t life_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  v1::AnnounceResponse response_;
  std::atomic<bool> writing_ = false;
};

SwarmPeer::SwarmPeer(Swarm* swarm, size_t number, std::string address,
                     std::shared_ptr<grpc::Channel> channel)
    : swarm_(*swarm),
      number_(number),
      address_(std::move(address)),
      own_connection_(channel == nullptr),
      index_(number % swarm_.options().indexes.size()),
      channel_(own_connection_ ? Connect(swarm_.options().indexes[index_]) : std::move(channel)),
      stub_(v1::IndexService::NewStub(channel_)) {}

std::shared_ptr<v1::IndexService::Stub> SwarmPeer::stub() const {
  MutexLock lock(&mutex_);
  return stub_;
}

ContentId SwarmPeer::content(size_t book) const { return swarm_.books_.OwnContent(number_, book); }

bool SwarmPeer::State(v1::Statement statement) {
  MutexLock lock(&mutex_);
  if (stream_ == nullptr || !online_) return false;
  v1::AnnounceRequest request;
  request.set_first_sequence(stated_ + 1);
  *request.add_statements() = std::move(statement);
  request.set_free_slots(8);
  if (!stream_->Write(ToBytes(request))) return false;
  unacknowledged_.emplace_back(++stated_, Now());
  return true;
}

const grpc::ByteBuffer& SwarmPeer::SnapshotLocked() {
  if (snapshot_.Valid()) return snapshot_;
  v1::AnnounceRequest request;
  request.set_first_sequence(1);
  for (const BookListing& listing : swarm_.books_.Of(number_)) {
    *request.add_statements()->mutable_present() = ToProto(listing);
  }
  request.set_snapshot_complete(true);
  request.set_free_slots(8);
  snapshot_ = ToBytes(request);
  return snapshot_;
}

void SwarmPeer::EncodeSnapshot() {
  MutexLock lock(&mutex_);
  SnapshotLocked();
}

void SwarmPeer::Join() {
  MutexLock lock(&mutex_);
  ++life_;
  wanted_ = true;
  retry_ = kFirstRetry;
  RegisterLocked();
}

void SwarmPeer::Leave(Swarm::Leaving how) {
  MutexLock lock(&mutex_);
  ++life_;
  wanted_ = false;
  SetOnlineLocked(false);
  if (how == Swarm::Leaving::kSilence) return;
  if (how == Swarm::Leaving::kKill) {
    if (stream_ != nullptr) stream_->Break();
    return;
  }
  struct Call {
    grpc::ClientContext context;
    v1::UnregisterRequest request;
    v1::UnregisterResponse response;
  };
  auto call = std::make_shared<Call>();
  SetTimeout(call->context, kTimeout);
  call->context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  stub_->async()->Unregister(&call->context, &call->request, &call->response,
                             [this, call](const grpc::Status& status) {
                               if (!status.ok()) swarm_.Count("Unregister failed");
                             });
}

std::unique_ptr<grpc::ClientContext> SwarmPeer::NewCall() const {
  auto context = std::make_unique<grpc::ClientContext>();
  SetTimeout(*context, kTimeout);
  MutexLock lock(&mutex_);
  context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  return context;
}

size_t SwarmPeer::index() const {
  MutexLock lock(&mutex_);
  return index_;
}

bool SwarmPeer::online() const {
  MutexLock lock(&mutex_);
  return online_;
}

std::pair<absl::Time, absl::Time> SwarmPeer::LastBeat() const {
  MutexLock lock(&mutex_);
  return {last_sent_, last_acknowledged_};
}

void SwarmPeer::SetOnlineLocked(bool online) {
  if (online_ == online) return;
  online_ = online;
  swarm_.online_ += online ? 1 : static_cast<size_t>(-1);
}

void SwarmPeer::RetryLocked(const absl::Status& status, void (SwarmPeer::*step)()) {
  const absl::Duration wait = GetRetryAfter(status).value_or(retry_ / 2);
  LaterLocked(wait, std::max(wait * 1.1, retry_), step);
  retry_ = std::min(retry_ * 2, kLastRetry);
  broken_ = own_connection_ && GetReason(status) == Reason::kIndexUnreachable;
}

void SwarmPeer::ConnectLocked() {
  if (!std::exchange(broken_, false)) return;
  // As IndexClient::UseNextReplica.
  index_ = (index_ + 1) % swarm_.options().indexes.size();
  channel_ = Connect(swarm_.options().indexes[index_]);
  stub_ = v1::IndexService::NewStub(channel_);
}

void SwarmPeer::LaterLocked(absl::Duration from, absl::Duration to, void (SwarmPeer::*step)()) {
  swarm_.agenda_.After(from + (to - from) * Random(0, 1), [this, step, life = life_] {
    MutexLock lock(&mutex_);
    if (wanted_ && life == life_) (this->*step)();
  });
}

void SwarmPeer::RegisterLocked() {
  struct Call {
    grpc::ClientContext context;
    v1::RegisterRequest request;
    v1::RegisterResponse response;
  };
  auto call = std::make_shared<Call>();
  SetTimeout(call->context, kRegisterTimeout);
  call->request.set_public_key(key_.public_key().bytes());
  call->request.set_port(static_cast<uint32_t>(swarm_.server_->port()));
  call->request.set_advertised_address(address_);
  call->request.set_policy(v1::SHARE_POLICY_MOVE);
  call->request.set_upload_slots(8);
  call->request.set_requested_peer_id(peer_id_);
  call->request.set_registration_id(registration_id_);
  call->request.set_keep_session(true);
  ConnectLocked();
  stub_->async()->Register(
      &call->context, &call->request, &call->response,
      [this, call, life = life_](const grpc::Status& status) {
        OnRegistered(life, FromGrpcStatus(status, "the index", Reason::kIndexUnreachable),
                     call->response);
      });
}

void SwarmPeer::OnRegistered(uint64_t life, const absl::Status& status,
                             const v1::RegisterResponse& response) {
  swarm_.Count(status.ok() ? "Register" : absl::StrCat("Register ", NameOf(status)));
  MutexLock lock(&mutex_);
  if (!wanted_ || life != life_) return;
  if (!status.ok()) return RetryLocked(status, &SwarmPeer::RegisterLocked);
  retry_ = kFirstRetry;
  if (!response.reachability().reachable()) {
    swarm_.Count(absl::StrCat("Register ", response.reachability().reason()));
  }
  if (peer_id_ != 0 && peer_id_ != response.peer_id()) ++swarm_.confused_;
  peer_id_ = response.peer_id();
  token_ = response.session_token();
  lease_ = absl::Seconds(response.lease().seconds()) + absl::Nanoseconds(response.lease().nanos());
  if (swarm_.options().register_only && !swarm_.announcing_) {
    ++swarm_.registered_;
    return;
  }
  AnnounceLocked();
}

void SwarmPeer::AnnounceLocked() {
  ConnectLocked();
  stream_ = new Stream(this, channel_, life_, token_);
}

void SwarmPeer::OnAcknowledged(Stream* stream, uint64_t number) {
  MutexLock lock(&mutex_);
  if (stream_ != stream) return;
  if (!stream->welcomed) {
    stream->welcomed = true;
    // A new stream goes on where the broken one was.
    if (number == 0) {
      stream->Write(SnapshotLocked());
      stated_ = swarm_.options().books;
    } else {
      BeatLocked();
    }
    ScheduleBeatLocked();
    return;
  }
  last_acknowledged_ = Now();
  while (!unacknowledged_.empty() && unacknowledged_.front().first <= number) {
    swarm_.NoteAcknowledged(unacknowledged_.front().second, last_acknowledged_);
    unacknowledged_.pop_front();
  }
  if (number < swarm_.options().books) return;
  retry_ = kFirstRetry;
  if (wanted_) SetOnlineLocked(true);
}

void SwarmPeer::BeatLocked() {
  v1::AnnounceRequest beat;
  beat.set_free_slots(8);
  last_sent_ = Now();
  last_acknowledged_ = absl::InfiniteFuture();
  if (!stream_->Write(ToBytes(beat))) swarm_.Count("beats that did not get through");
}

void SwarmPeer::ScheduleBeatLocked() {
  swarm_.agenda_.After(lease_ / 3, [this, stream = stream_, life = life_] {
    MutexLock lock(&mutex_);
    if (!wanted_ || life != life_ || stream_ != stream || stream == nullptr) return;
    BeatLocked();
    ScheduleBeatLocked();
  });
}

void SwarmPeer::OnStreamEnd(Stream* stream) {
  MutexLock lock(&mutex_);
  if (stream_ != stream) return;
  stream_ = nullptr;
  SetOnlineLocked(false);
}

void SwarmPeer::OnStreamDone(uint64_t life, const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (!wanted_ || life != life_) return;
  swarm_.Count(absl::StrCat("Announce ", NameOf(status)));
  if (GetReason(status) == Reason::kIndexUnreachable) {
    return RetryLocked(status, &SwarmPeer::AnnounceLocked);
  }
  LaterLocked(absl::ZeroDuration(), std::min(lease_, kMostDelay), &SwarmPeer::RegisterLocked);
}

}  // namespace arkshare
