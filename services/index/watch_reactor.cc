// IndexService.Watch: the events of a watch, one message each, as fast as the reader takes them.
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/caller.h"
#include "services/index/index_service.h"
#include "services/index/query.h"
#include "services/index/watch.h"

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

}  // namespace

class IndexService::WatchReactor : public grpc::ServerWriteReactor<v1::WatchResponse>,
                                   public EndableStream {
 public:
  WatchReactor(IndexService* service, grpc::CallbackServerContext* context,
               const v1::WatchRequest& request)
      : service_(service),
        loopback_(ParseCaller(context->peer()).loopback),
        id_(service->streams_.Add(this)) {
    absl::StatusOr<std::optional<BookQuery>> filter = BookQuery::Parse(request);
    if (!filter.ok()) {
      End(filter.status());
      return;
    }
    watch_ = std::make_unique<arkshare::Watch>(service_->catalog_, *std::move(filter),
                                               [this] { WriteNext(); });
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
    service_->streams_.Remove(id_);
    delete this;
  }

  void End(const absl::Status& why) override {
    MutexLock lock(&mutex_);
    EndLocked(why);
  }

 private:
  // Called when a write is through, and when an event comes after there was none.
  void WriteNext() {
    MutexLock lock(&mutex_);
    if (writing_ || finished_) return;
    const absl::StatusOr<EventPtr> event = watch_->Next();
    if (!event.ok()) return EndLocked(event.status());
    if (*event == nullptr) return;
    response_ = ToProto(**event, loopback_);
    response_.set_boot_id(service_->boot_id_);
    writing_ = true;
    StartWrite(&response_);
  }

  void EndLocked(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return;
    finished_ = true;
    Finish(ToGrpcStatus(why));
  }

  IndexService* const service_;
  const bool loopback_;
  Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  v1::WatchResponse response_;
  // Its end waits for a WriteNext that runs now.
  std::unique_ptr<arkshare::Watch> watch_;
  // Last: from here on others may end this.
  const uint64_t id_;
};

grpc::ServerWriteReactor<v1::WatchResponse>* IndexService::Watch(
    grpc::CallbackServerContext* context, const v1::WatchRequest* request) {
  return new WatchReactor(this, context, *request);
}

}  // namespace arkshare
