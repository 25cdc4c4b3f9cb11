// IndexService.Announce: one stream per session, heartbeats and statements.
#include <absl/status/status.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/index/service/announce_answers.h"
#include "services/index/service/announce_wire.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"
#include "services/index/sessions/announce_reader.h"

namespace arkshare {
namespace {

// Messages up to these sizes are read and applied by the threads of gRPC, because handing them over
// would cost as much.
constexpr size_t kFewBytes = 2 * 1024;
constexpr size_t kFewStatements = 16;
// Messages that are read before they can be applied. Read, a message takes several times as much
// memory as its bytes, and ten thousand peers may come at once.
constexpr size_t kMostRead = 16;
// Messages of one stream that are being applied: with a shared log, an answer takes some
// milliseconds.
constexpr size_t kMostUnderWay = 4;

}  // namespace

// Lives until gRPC is done with it and every answer of Sessions has come: each of them, and each
// piece of work that waits for a thread, has a hold on it.
class IndexService::AnnounceReactor
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public EndableStream {
 public:
  AnnounceReactor(IndexService* service, grpc::CallbackServerContext* context)
      : service_(service),
        key_(CallerKey(*context)),
        network_(NetworkOfCaller(context->peer())),
        answers_(service->options_.relay == nullptr
                     ? 0
                     : static_cast<uint32_t>(service->options_.relay->port())),
        callable_(service->options_.relay == nullptr ? nullptr
                                                     : &service->options_.relay->callable()),
        id_(service->streams_.Add(this)) {
    ++service_->stats_.announce_streams;
    // Held while it starts: the stream can end, and the answers can come, on other threads.
    ++holds_;
    Start(*context);
    LetGo();
  }

  void OnReadDone(bool ok) override {
    {
      // The thread that began the read held the lock, so its use of request_ happened before.
      MutexLock lock(&mutex_);
    }
    if (!ok) return OnMessage(Read::kEnd, absl::CancelledError());
    if (request_.Length() <= kFewBytes) return ReadMessage();
    // Otherwise streams would occupy the threads of gRPC, and searches would wait.
    service_->sessions_->HoldLease(token_, stream_id_);
    ++holds_;
    service_->reading_.Add([this] {
      service_->applying_.AwaitRoom(kMostRead);
      service_->sessions_->ReleaseLease(token_, stream_id_);
      ReadMessage();
      LetGo();
    });
  }

  // The peer is gone, so the call ends without waiting for messages that are still to be applied.
  void OnCancel() override {
    Close([] {});
    End(absl::OkStatus());
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (ok && !finished_) WriteLocked();
  }

  void OnDone() override {
    Close([] {});
    --service_->stats_.announce_streams;
    service_->streams_.Remove(id_);
    LetGo();
  }

  void End(const absl::Status& why) override {
    MutexLock lock(&mutex_);
    if (finished_) return;
    finished_ = true;
    if (!why.ok()) service_->stats_.CountEnd(IndexMethod::kAnnounce, why);
    Finish(ToGrpcStatus(why));
  }

  std::optional<PublicKey> key() const override { return key_; }
  void TellMembers() override {
    MutexLock lock(&mutex_);
    TellLocked();
  }
  void TellReached(bool reached) override {
    MutexLock lock(&mutex_);
    answers_.SetUnreachable(!reached);
    TellLocked();
  }
  void TellCall(const PeerCall& call) override {
    MutexLock lock(&mutex_);
    answers_.AddCall(call);
    TellLocked();
  }

 private:
  enum class Read { kPending, kMessage, kEnd };

  void LetGo() {
    if (--holds_ == 0) delete this;
  }

  void Start(const grpc::CallbackServerContext& context) {
    // The stream is added before, so that a removal that this check does not see ends it.
    if (absl::Status s = service_->CheckCaller(context, IndexMethod::kAnnounce); !s.ok()) {
      return End(s);
    }
    absl::StatusOr<std::string> token = BearerToken(context);
    if (!token.ok()) return End(token.status());
    token_ = *std::move(token);
    ++holds_;
    service_->CheckOwner(token_, key_,
                         [this, host = ParseCaller(context.peer()).host](const absl::Status& owns) {
                           if (owns.ok()) Open(host);
                           if (!owns.ok()) End(owns);
                           LetGo();
                         });
  }

  void Open(const std::string& host) {
    const auto end = [streams = &service_->streams_, id = id_](const absl::Status& why) {
      streams->End(id, why);
    };
    const auto tell = [streams = &service_->streams_, id = id_](bool reached) {
      streams->TellReached(id, reached);
    };
    ++holds_;
    service_->sessions_->OpenStream(token_, host, end, tell,
                                    [this](absl::StatusOr<Sessions::StreamStart> start) {
                                      if (start.ok()) Opened(*start);
                                      if (!start.ok()) End(start.status());
                                      LetGo();
                                    });
  }

  void Opened(const Sessions::StreamStart& start) {
    bool closed = false;
    {
      MutexLock lock(&mutex_);
      stream_id_ = start.stream_id;
      closed = closed_;
    }
    if (closed) return service_->sessions_->CloseStream(token_, stream_id_, [] {});
    ++holds_;
    // A session of the index's former process is known only now.
    service_->CheckOwner(token_, key_, [this, start](const absl::Status& owns) {
      if (owns.ok()) {
        // Once it is told that the stream is open, it can be called.
        BecomeCallable();
        Acknowledge(start.acknowledged, start.revision);
        ReadNext();
      } else {
        Close([] {});
        End(owns);
      }
      LetGo();
    });
  }

  // From now on, the relay may call the peer, if its session says so.
  void BecomeCallable() {
    if (!callable_.can_open()) return;
    ++holds_;
    service_->sessions_->KeyOf(token_, [this](const absl::StatusOr<PublicKey>& key) {
      const std::optional<PeerSummary> peer =
          key.ok() ? service_->catalog_->FindPeer(*key) : std::nullopt;
      if (peer.has_value() && peer->info.relay_port != 0) {
        callable_.Open(*key, [streams = &service_->streams_, id = id_](const PeerCall& call) {
          streams->TellCall(id, call);
        });
      }
      LetGo();
    });
  }

  void ReadMessage() {
    absl::StatusOr<AnnounceMessage> message = ReadAnnouncementOf(request_);
    // Bytes that are not a message end the stream as if it had broken.
    OnMessage(absl::IsDataLoss(message.status()) ? Read::kEnd : Read::kMessage, std::move(message));
  }

  void OnMessage(Read read, absl::StatusOr<AnnounceMessage> message) {
    {
      MutexLock lock(&mutex_);
      read_ = read;
      message_ = std::move(message);
      if (!BeginApplyingLocked()) return;  // a thread that applies goes on with it, or an answer
    }
    ApplyPending();
  }

  // Returns whether the caller has to call ApplyPending.
  bool BeginApplyingLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (applying_ || !HasPendingLocked()) return false;
    applying_ = true;
    return true;
  }
  bool HasPendingLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_ || read_ == Read::kPending) return false;
    return read_ == Read::kEnd || under_way_ < kMostUnderWay;
  }

  // Applies the messages that have been read, while the next one is read.
  void ApplyPending() {
    while (true) {
      Read read = Read::kPending;
      absl::StatusOr<AnnounceMessage> message;
      const bool room = service_->sessions_->has_room();
      {
        MutexLock lock(&mutex_);
        if (!HasPendingLocked()) {
          applying_ = false;
          return;
        }
        std::swap(read, read_);
        message = std::move(message_);
        if (read == Read::kMessage && room) StartRead(&request_);
      }
      if (read == Read::kMessage && !room) ReadWhenThereIsRoom();
      if (read == Read::kEnd) {
        // The stream is broken or half-closed: hide the books now, not when the last write ends.
        ++holds_;
        Close([this] {
          End(absl::OkStatus());
          LetGo();
        });
      } else if (!message.ok() || message->statements.size() <= kFewStatements) {
        Apply(std::move(message));
      } else {
        service_->sessions_->HoldLease(token_, stream_id_);
        deferred_ = std::move(message);
        ++holds_;
        service_->applying_.Add([this] {
          service_->sessions_->ReleaseLease(token_, stream_id_);
          Apply(std::exchange(deferred_, absl::CancelledError()));
          ApplyPending();
          LetGo();
        });
        return;
      }
    }
  }

  // The peer waits, and is not silent.
  void ReadWhenThereIsRoom() {
    service_->sessions_->HoldLease(token_, stream_id_);
    ++holds_;
    service_->sessions_->AwaitRoom([this] {
      service_->sessions_->ReleaseLease(token_, stream_id_);
      ReadNext();
      LetGo();
    });
  }

  void Apply(absl::StatusOr<AnnounceMessage> message) {
    const CallTimer timer(&service_->stats_, IndexMethod::kAnnounce);
    if (!message.ok()) return Refuse(message.status());
    HearOfPeer(*message);
    service_->stats_.statements += message->statements.size();
    {
      MutexLock lock(&mutex_);
      ++under_way_;
    }
    ++holds_;
    service_->sessions_->Apply(token_, stream_id_, static_cast<Announcement&&>(*message),
                               [this, timer](const absl::StatusOr<Sessions::Applied>& applied) {
                                 Applied(timer, applied);
                                 LetGo();
                               });
  }

  void Refuse(const absl::Status& why) {
    Close([] {});
    End(why);
  }

  void Applied(const CallTimer& timer, const absl::StatusOr<Sessions::Applied>& applied) {
    if (applied.ok()) {
      timer.End(absl::OkStatus());
      Acknowledge(applied->acknowledged, applied->revision);
    } else {
      Refuse(applied.status());
    }
    {
      MutexLock lock(&mutex_);
      --under_way_;
      if (!BeginApplyingLocked()) return;
    }
    ApplyPending();
  }

  // The first message says which list of members the peer has, and where it is.
  void HearOfPeer(AnnounceMessage& message) {
    {
      MutexLock lock(&mutex_);
      if (!answers_.SetMembersVersion(message.members_version)) return;
    }
    if (message.local_address.empty()) {
      message.network = "";
    } else {
      message.network = network_;
    }
    if (service_->options_.group == nullptr || !key_.has_value()) return;
    service_->options_.group->HearOf(
        {message.members_version, message.members_digest, message.members_signature}, *key_);
  }

  // Calls `done` when the books are hidden. Before the stream is open, its opening closes it.
  void Close(std::function<void()> done) {
    callable_.Close();
    uint64_t stream_id = 0;
    {
      MutexLock lock(&mutex_);
      closed_ = true;
      stream_id = stream_id_;
    }
    if (stream_id == 0) return done();
    service_->sessions_->CloseStream(token_, stream_id, std::move(done));
  }

  void ReadNext() {
    MutexLock lock(&mutex_);
    if (!finished_) StartRead(&request_);
  }

  // While a write is running, only the latest number is kept: it covers the earlier ones.
  void Acknowledge(uint64_t number, uint64_t revision) {
    MutexLock lock(&mutex_);
    answers_.Acknowledge(number, revision);
    TellLocked();
  }

  void TellLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!writing_ && !finished_) WriteLocked();
  }

  // Writes an answer or news, if there is something to say.
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::optional<grpc::ByteBuffer> response = answers_.Take(service_->member_updates_);
    if (!response.has_value()) return;
    writing_ = true;
    response_ = *std::move(response);
    StartWrite(&response_);
  }

  IndexService* const service_;
  const std::optional<PublicKey> key_;
  const std::string network_;   // of the peer
  std::atomic<int> holds_ = 1;  // that of gRPC, until OnDone
  std::string token_;
  // Written once, with the lock held, before the first read; so its readers after that need none.
  uint64_t stream_id_ = 0;
  grpc::ByteBuffer request_;
  absl::StatusOr<AnnounceMessage> deferred_;  // for ApplyPending on another thread
  Mutex mutex_;
  Read read_ ABSL_GUARDED_BY(mutex_) = Read::kPending;
  absl::StatusOr<AnnounceMessage> message_ ABSL_GUARDED_BY(mutex_);
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;  // a thread is in ApplyPending, or will be
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;   // messages whose answer has not come
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  AnnounceAnswers answers_ ABSL_GUARDED_BY(mutex_);
  CallableStream callable_;
  grpc::ByteBuffer response_;
  // Last, because other threads may end the stream as soon as it has an id.
  const uint64_t id_;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IndexService::Announce(
    grpc::CallbackServerContext* context) {
  return new AnnounceReactor(this, context);
}

}  // namespace arkshare
