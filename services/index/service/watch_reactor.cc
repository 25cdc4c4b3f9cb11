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
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/catalog/watch.h"
#include "services/index/search/query.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"

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
  explicit Message(const std::string& boot_id) : boot_id_(boot_id) {}

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

  const std::string& boot_id_;
  size_t events_ = 0;
  std::string bytes_;
};

}  // namespace

class IndexService::WatchReactor : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                                   public EndableStream {
 public:
  WatchReactor(IndexService* service, grpc::CallbackServerContext* context,
               const grpc::ByteBuffer& bytes)
      : service_(service),
        loopback_(ParseCaller(context->peer()).loopback),
        id_(service->streams_.Add(this)) {
    ++service_->stats_.watch_streams;
    v1::WatchRequest request;
    grpc::ByteBuffer copy = bytes;
    if (!grpc::SerializationTraits<v1::WatchRequest>::Deserialize(&copy, &request).ok()) {
      End(MakeError(Reason::kInvalidField, "the request is not a WatchRequest"));
      return;
    }
    absl::StatusOr<std::optional<BookQuery>> filter = BookQuery::Parse(request);
    if (!filter.ok()) {
      End(filter.status());
      return;
    }
    auto watch = std::make_unique<arkshare::Watch>(service_->catalog_, *std::move(filter),
                                                   [this] { WriteNext(); });
    {
      MutexLock lock(&mutex_);
      watch_ = std::move(watch);
    }
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    if (ok) WriteNext();
  }
  void OnCancel() override { End(absl::CancelledError("the watcher has gone")); }
  void OnDone() override {
    --service_->stats_.watch_streams;
    service_->streams_.Remove(id_);
    // Not under the lock, because the destructor waits for a WriteNext that runs now.
    delete this;
  }

  void End(const absl::Status& why) override {
    MutexLock lock(&mutex_);
    EndLocked(why);
  }

 private:
  // Called when a write has ended, when an event comes after there was none, and when the watcher
  // has fallen too far behind. A watcher whose last message was never sent learns of it when it
  // reads.
  void WriteNext() {
    MutexLock lock(&mutex_);
    if (watch_ == nullptr || finished_) return;
    if (writing_) {
      if (absl::Status status = watch_->status(); !status.ok()) EndLocked(status);
      return;
    }
    Message message(service_->boot_id_);
    do {
      const absl::StatusOr<EventPtr> event = watch_->Next();
      if (!event.ok()) return EndLocked(event.status());
      if (*event == nullptr) break;
      WithEncoded(**event, loopback_, [&](const std::string& bytes) { message.Add(bytes); });
      if ((*event)->since.has_value()) {
        service_->stats_.watch_lag.Add(service_->options_.clock->Monotonic() - *(*event)->since);
      }
    } while (!message.full());
    if (message.empty()) return;
    bytes_ = message.Take();
    writing_ = true;
    StartWrite(&bytes_);
  }

  void EndLocked(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    finished_ = true;
    service_->stats_.CountEnd(IndexMethod::kWatch, why);
    Finish(ToGrpcStatus(why));
  }

  IndexService* const service_;
  const bool loopback_;
  Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ByteBuffer bytes_ ABSL_GUARDED_BY(mutex_);  // being written
  std::unique_ptr<arkshare::Watch> watch_ ABSL_GUARDED_BY(mutex_);
  // Last, because other threads may end the stream as soon as it has an id.
  const uint64_t id_;
};

grpc::ServerWriteReactor<grpc::ByteBuffer>* IndexService::Watch(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  return new WatchReactor(this, context, *request);
}

}  // namespace arkshare
