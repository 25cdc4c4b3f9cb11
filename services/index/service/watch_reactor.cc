// IndexService.Watch: the events of a watch, as fast as the reader takes them.
#include <absl/status/statusor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/index/catalog/watch.h"
#include "services/index/search/query.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"
#include "services/index/service/overview_pass.h"
#include "services/index/service/refused_watch.h"

namespace arkshare {
namespace {

v1::WatchResponse ToProto(const CatalogEvent& event, bool loopback) {
  v1::WatchResponse proto;
  proto.set_revision(event.revision);
  switch (event.kind) {
    case CatalogEvent::Kind::kBookListed:
      proto.mutable_book_listed()->set_peer_id(event.book->peer_id);
      *proto.mutable_book_listed()->mutable_listing() = ToProto(event.book->listing);
      break;
    case CatalogEvent::Kind::kBookGone:
      proto.mutable_book_gone()->set_peer_id(event.book->peer_id);
      *proto.mutable_book_gone()->mutable_listing() = ToProto(event.book->listing);
      break;
    case CatalogEvent::Kind::kBookMoved: {
      v1::WatchResponse::BookMoved& moved = *proto.mutable_book_moved();
      moved.set_from_peer_id(event.old_book->peer_id);
      moved.set_to_peer_id(event.book->peer_id);
      *moved.mutable_old_listing() = ToProto(event.old_book->listing);
      *moved.mutable_new_listing() = ToProto(event.book->listing);
      break;
    }
    case CatalogEvent::Kind::kPeerListed:
      *proto.mutable_peer_listed()->mutable_peer() = ToProto(*event.peer, loopback);
      break;
    case CatalogEvent::Kind::kPeerGone:
      proto.mutable_peer_gone()->set_peer_id(event.peer_id);
      break;
    case CatalogEvent::Kind::kSnapshotComplete:
      proto.mutable_snapshot_complete();
      break;
  }
  return proto;
}

// Calls `write` with the event as a WatchResponse without boot_id.
template <typename Write>
void WithEncoded(const CatalogEvent& event, bool loopback, Write write) {
  if (event.wire == nullptr) return write(ToProto(event, loopback).SerializeAsString());
  CatalogEvent::Wire& wire = (*event.wire)[loopback ? 1 : 0];
  std::call_once(wire.made, [&] { wire.bytes = ToProto(event, loopback).SerializeAsString(); });
  write(wire.bytes);
}

// Joins encoded events to one message. This works because the order of fields has no meaning in
// Protocol Buffers, and an embedded message follows its tag and its length.
class Message {
 public:
  explicit Message(std::string boot_id) : boot_id_(std::move(boot_id)) {}

  bool empty() const { return events_ == 0; }
  bool full() const { return events_ >= kMostEvents || bytes_.size() >= kMuchBytes; }
  void Add(const std::string& event) {
    if (events_++ == 0) {
      bytes_ = event;
      AddField(v1::WatchResponse::kBootIdFieldNumber, boot_id_);
    } else {
      AddField(v1::WatchResponse::kMoreFieldNumber, event);
    }
  }
  grpc::ByteBuffer Take() const {
    const grpc::Slice slice(bytes_);
    return grpc::ByteBuffer(&slice, 1);
  }

 private:
  static constexpr size_t kMostEvents = 1'001;  // the first, and 1,000 more
  static constexpr size_t kMuchBytes = 64 * 1024;

  void AddField(int number, const std::string& value) {
    using google::protobuf::internal::WireFormatLite;
    google::protobuf::io::StringOutputStream stream(&bytes_);
    google::protobuf::io::CodedOutputStream output(&stream);
    output.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    output.WriteVarint32(static_cast<uint32_t>(value.size()));
    output.WriteString(value);
  }

  const std::string boot_id_;
  size_t events_ = 0;
  std::string bytes_;
};

}  // namespace

// The callbacks of gRPC only ask for a turn. In a turn, a thread of the service reads a little of
// the watch and writes one message, so a watcher costs nothing while another has its turn, and
// nothing more once it has been cancelled.
class IndexService::WatchReactor : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                                   public EndableStream {
 public:
  WatchReactor(IndexService* service, grpc::CallbackServerContext* context, std::string network,
               CallerShares::Share share, const grpc::ByteBuffer& bytes)
      : service_(service),
        network_(std::move(network)),
        loopback_(ParseCaller(context->peer()).loopback || IsOverview(*context)),
        key_(CallerKey(*context)),
        share_(std::move(share)),
        id_(service->streams_.Add(this)) {
    ++service_->stats_.watch_streams;
    // The stream is added before, so that a removal that this check does not see ends it.
    absl::Status started = service_->CheckCaller(*context, IndexMethod::kWatch);
    if (started.ok()) started = Start(bytes);
    if (!started.ok()) End(started);
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) AskForTurnLocked();
  }
  void OnCancel() override { End(absl::CancelledError("the watcher has gone")); }
  void OnDone() override {
    --service_->stats_.watch_streams;
    service_->streams_.Remove(id_);
    {
      MutexLock lock(&mutex_);
      done_ = true;
      if (!last_turn_over_) return;  // the last turn deletes it
    }
    delete this;
  }

  void End(const absl::Status& why) override {
    MutexLock lock(&mutex_);
    EndLocked(why);
  }
  std::optional<PublicKey> key() const override { return key_; }

 private:
  // Slices of the snapshot that are read in a turn: less than a millisecond.
  static constexpr size_t kSlicesInTurn = 4;

  absl::Status Start(const grpc::ByteBuffer& bytes) {
    v1::WatchRequest request;
    grpc::ByteBuffer copy = bytes;
    if (!grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&copy, &request).ok()) {
      return MakeError(Reason::kInvalidField, "the request is not a WatchRequest");
    }
    absl::StatusOr<std::optional<BookQuery>> filter = BookQuery::Parse(request);
    if (!filter.ok()) return filter.status();
    if (request.peers_only() && (filter->has_value() || request.books_only())) {
      return MakeError(Reason::kInvalidField,
                       "peers_only leaves out all books; leave out the query and books_only");
    }
    MutexLock lock(&mutex_);
    filter_ = *std::move(filter);
    parts_ = {.books = !request.peers_only(),
              .peers = !request.books_only(),
              .snapshot = !request.changes_only()};
    // A log that is lost ends the watch, so it has one boot_id.
    boot_id_ = service_->sessions_->boot_id();
    const uint64_t revision = request.at_least_revision();
    if (!service_->sessions_->replicated() || revision <= service_->sessions_->revision()) {
      AskForTurnLocked();
      return absl::OkStatus();
    }
    has_turn_ = true;  // so that there is no other
    service_->searching_.Add(network_, [this, revision] { AwaitRevision(revision); });
    return absl::OkStatus();
  }

  void AwaitRevision(uint64_t revision) {
    service_->sessions_->AwaitRevision(revision, [this](const absl::Status& reached) {
      MutexLock lock(&mutex_);
      has_turn_ = false;
      if (!reached.ok()) EndLocked(reached);
      AskForTurnLocked();
    });
  }

  // Called when a write has ended, when an event comes after there was none, and when the watcher
  // has fallen too far behind.
  void AskForTurn() {
    MutexLock lock(&mutex_);
    AskForTurnLocked();
  }
  void AskForTurnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    wants_turn_ = true;
    if (std::exchange(has_turn_, true)) return;
    service_->watching_.Add(network_, [this] { TakeTurn(); });
  }

  // Deletes this when the stream is done: no turn comes after the one that finds it finished.
  void TakeTurn() {
    bool finished = false;
    {
      MutexLock lock(&mutex_);
      wants_turn_ = false;
      finished = finished_;
    }
    if (finished) watch_.reset();
    const bool more = !finished && WriteNext();
    {
      MutexLock lock(&mutex_);
      if (!finished) {
        has_turn_ = false;
        if (more || wants_turn_ || finished_) AskForTurnLocked();
        return;
      }
      // It keeps has_turn_, so that there is no other turn.
      share_.GiveBack();
      last_turn_over_ = true;
      if (!done_) return;
    }
    delete this;
  }

  // Returns whether there is more to do at once. A watcher whose last message was never sent learns
  // that it is too far behind when it reads.
  bool WriteNext() {
    if (watch_ == nullptr) {
      watch_ = std::make_unique<arkshare::Watch>(
          service_->catalog_, filter_, [this] { AskForTurn(); }, parts_);
    }
    {
      MutexLock lock(&mutex_);
      if (writing_) {
        if (absl::Status status = watch_->status(); !status.ok()) EndLocked(status);
        return false;
      }
    }
    Message message(boot_id_);
    const size_t slices = watch_->slices() + kSlicesInTurn;
    while (!message.full() && watch_->slices() < slices) {
      const absl::StatusOr<EventPtr> event = watch_->Next();
      if (!event.ok()) {
        End(event.status());
        return false;
      }
      if (*event == nullptr) break;
      WithEncoded(**event, loopback_, [&](const std::string& bytes) { message.Add(bytes); });
      if ((*event)->since.has_value()) {
        service_->stats_.watch_lag.Add(service_->options_.clock->Monotonic() - *(*event)->since);
      }
    }
    if (message.empty()) return watch_->more();
    MutexLock lock(&mutex_);
    if (finished_) return false;
    bytes_ = message.Take();
    writing_ = true;
    StartWrite(&bytes_);
    return false;
  }

  void EndLocked(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    finished_ = true;
    service_->stats_.CountEnd(IndexMethod::kWatch, why);
    Finish(ToGrpcStatus(why));
    AskForTurnLocked();
  }

  IndexService* const service_;
  const std::string network_;
  const bool loopback_;
  const std::optional<PublicKey> key_;
  std::unique_ptr<arkshare::Watch> watch_;  // only for the thread whose turn it is
  Mutex mutex_;
  // These three are not changed after the first turn was asked for.
  std::optional<BookQuery> filter_;
  WatchParts parts_;
  std::string boot_id_;
  CallerShares::Share share_ ABSL_GUARDED_BY(mutex_);
  bool has_turn_ ABSL_GUARDED_BY(mutex_) = false;    // it waits for its turn, or takes it
  bool wants_turn_ ABSL_GUARDED_BY(mutex_) = false;  // since its last turn began
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool last_turn_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;       // OnDone was called
  grpc::ByteBuffer bytes_ ABSL_GUARDED_BY(mutex_);  // being written
  // Last, because other threads may end the stream as soon as it has an id.
  const uint64_t id_;
};

grpc::ServerWriteReactor<grpc::ByteBuffer>* IndexService::Watch(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  std::string network = NetworkOfCaller(context->peer());
  absl::StatusOr<CallerShares::Share> share = watch_shares_.Take(network);
  if (share.ok()) {
    return new WatchReactor(this, context, std::move(network), *std::move(share), *request);
  }
  absl::StatusOr<CallerShares::Share> refusal = refusal_shares_.Take(std::move(network));
  const absl::Duration pause = refusal.ok() ? options_.refusal_pause : absl::ZeroDuration();
  return new RefusedWatch(share.status(), pause,
                          refusal.ok() ? *std::move(refusal) : CallerShares::Share(), &streams_,
                          &stats_);
}

}  // namespace arkshare
