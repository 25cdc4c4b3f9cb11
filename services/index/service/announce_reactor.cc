// IndexService.Announce: one stream per session, heartbeats and statements.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/status.h"
#include "services/index/service/announce_reader.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"

namespace arkshare {
namespace {

// What gRPC's own threads read and apply themselves; handing it over would cost as much.
constexpr size_t kFewBytes = 2 * 1024;
constexpr size_t kFewStatements = 16;
// Messages that wait to be applied: once read they take several times as much memory as before, and
// ten thousand peers may come at once.
constexpr size_t kMostRead = 16;

// `bytes` is emptied.
absl::StatusOr<Announcement> Parse(grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  const bool whole = bytes.TrySingleSlice(&slice).ok() || bytes.DumpToSingleSlice(&slice).ok();
  bytes.Clear();
  if (!whole) return absl::DataLossError("the message did not come whole");
  return ReadAnnouncement({reinterpret_cast<const char*>(slice.begin()), slice.size()});
}

}  // namespace

class IndexService::AnnounceReactor
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public EndableStream {
 public:
  AnnounceReactor(IndexService* service, grpc::CallbackServerContext* context)
      : service_(service), id_(service->streams_.Add(this)) {
    ++service_->stats_.announce_streams;
    const absl::Status started = Start(*context);
    if (!started.ok()) End(started);
  }

  void OnReadDone(bool ok) override {
    {
      // Who began the read held it: what he did with request_ before comes first.
      MutexLock lock(&mutex_);
      reading_ = ok;
    }
    if (!ok) return Take(Read::kEnd, absl::CancelledError());
    if (request_.Length() <= kFewBytes) return ReadMessage();
    // Streams would otherwise hold gRPC's threads, and searches wait.
    service_->sessions_->HoldLease(token_, stream_id_);
    service_->reading_.Add([this] {
      service_->work_.AwaitRoom(kMostRead);
      service_->sessions_->ReleaseLease(token_, stream_id_);
      ReadMessage();
    });
  }

  // Its peer is gone: what is still to be applied need not be waited for.
  void OnCancel() override {
    Close();
    End(absl::OkStatus());
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (ok && behind_ && !finished_) WriteLocked();
  }

  void OnDone() override {
    Close();
    --service_->stats_.announce_streams;
    service_->streams_.Remove(id_);
    {
      MutexLock lock(&mutex_);
      done_ = true;
      if (applying_ || reading_) return;
    }
    delete this;
  }

  void End(const absl::Status& why) override {
    MutexLock lock(&mutex_);
    if (finished_) return;
    finished_ = true;
    if (!why.ok()) service_->stats_.CountEnd(IndexMethod::kAnnounce, why);
    Finish(ToGrpcStatus(why));
  }

 private:
  enum class Read { kPending, kMessage, kEnd };

  absl::Status Start(const grpc::CallbackServerContext& context) {
    absl::StatusOr<std::string> token = BearerToken(context);
    if (!token.ok()) return token.status();
    token_ = *std::move(token);
    const auto end = [streams = &service_->streams_, id = id_](const absl::Status& why) {
      streams->End(id, why);
    };
    const absl::StatusOr<Sessions::StreamStart> start =
        service_->sessions_->OpenStream(token_, ParseCaller(context.peer()).host, end);
    if (!start.ok()) return start.status();
    stream_id_ = start->stream_id;
    Acknowledge(start->acknowledged);
    ReadFirst();
    return absl::OkStatus();
  }

  void ReadMessage() {
    absl::StatusOr<Announcement> message = Parse(request_);
    // What is no message ends the stream as if it had broken.
    Take(absl::IsDataLoss(message.status()) ? Read::kEnd : Read::kMessage, std::move(message));
  }

  void Take(Read read, absl::StatusOr<Announcement> message) {
    {
      MutexLock lock(&mutex_);
      reading_ = false;
      read_ = read;
      message_ = std::move(message);
      if (applying_) return;  // whoever applies goes on with it
      applying_ = true;
    }
    Go();
  }

  // Applies what was read, while the next message is read.
  void Go() {
    while (true) {
      Read read = Read::kPending;
      absl::StatusOr<Announcement> message;
      {
        MutexLock lock(&mutex_);
        if (read_ == Read::kPending || finished_) {
          applying_ = false;
          if (!done_ || reading_) return;
          break;
        }
        std::swap(read, read_);
        message = std::move(message_);
        if (read == Read::kMessage) StartRead(&request_);
      }
      if (read == Read::kEnd) {
        // Broken or half-closed: the books are hidden now, not when the last write is through.
        Close();
        End(absl::OkStatus());
      } else if (!message.ok() || message->statements.size() <= kFewStatements) {
        Apply(message);
      } else {
        service_->sessions_->HoldLease(token_, stream_id_);
        deferred_ = std::move(message);
        service_->work_.Add([this] {
          service_->sessions_->ReleaseLease(token_, stream_id_);
          Apply(std::exchange(deferred_, absl::CancelledError()));
          Go();
        });
        return;
      }
    }
    delete this;
  }

  void Apply(const absl::StatusOr<Announcement>& message) {
    const CallTimer timer(&service_->stats_, IndexMethod::kAnnounce);
    const absl::StatusOr<uint64_t> applied = TryApply(message);
    if (!applied.ok()) {
      Close();
      return End(applied.status());
    }
    timer.End(absl::OkStatus());
    Acknowledge(*applied);
  }

  absl::StatusOr<uint64_t> TryApply(const absl::StatusOr<Announcement>& message) {
    if (!message.ok()) return message.status();
    service_->stats_.statements += message->statements.size();
    return service_->sessions_->Apply(token_, stream_id_, *message);
  }

  void Close() {
    if (stream_id_ != 0) service_->sessions_->CloseStream(token_, stream_id_);
  }

  void ReadFirst() {
    MutexLock lock(&mutex_);
    if (!finished_) StartRead(&request_);
  }

  // A number that waits for the write before it is overtaken by a later one: it says the same.
  void Acknowledge(uint64_t number) {
    MutexLock lock(&mutex_);
    acknowledged_ = number;
    behind_ = true;
    if (!writing_ && !finished_) WriteLocked();
  }

  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    behind_ = false;
    v1::AnnounceResponse response;
    response.set_acknowledged_sequence(acknowledged_);
    const grpc::Slice bytes(response.SerializeAsString());
    response_ = grpc::ByteBuffer(&bytes, 1);
    StartWrite(&response_);
  }

  IndexService* const service_;
  std::string token_;
  uint64_t stream_id_ = 0;
  grpc::ByteBuffer request_;
  absl::StatusOr<Announcement> deferred_;  // of whoever applies
  Mutex mutex_;
  Read read_ ABSL_GUARDED_BY(mutex_) = Read::kPending;
  absl::StatusOr<Announcement> message_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;  // whoever does goes on to Take
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;  // as gRPC sees it; deleted once nothing is applied
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool behind_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::ByteBuffer response_;
  // Last: from here on others may end this.
  const uint64_t id_;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IndexService::Announce(
    grpc::CallbackServerContext* context) {
  return new AnnounceReactor(this, context);
}

}  // namespace arkshare
