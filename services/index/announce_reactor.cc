// IndexService.Announce: one stream per session, heartbeats and statements.
#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <string>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/mutex.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/caller.h"
#include "services/index/index_service.h"

namespace arkshare {
namespace {

constexpr int kMostStatements = 1'000;
// What gRPC's own threads apply themselves; handing it over would cost as much.
constexpr size_t kFewStatements = 16;

absl::StatusOr<StatementRecord> ParseStatement(const v1::Statement& proto) {
  switch (proto.statement_case()) {
    case v1::Statement::kPresent: {
      absl::StatusOr<BookListing> listing = FromProto(proto.present());
      if (!listing.ok()) return listing.status();
      return StatementRecord::Present(*std::move(listing));
    }
    case v1::Statement::kGoneListingNumber:
      if (proto.gone_listing_number() == 0) {
        return MakeError(Reason::kInvalidField, "gone_listing_number must be 1 or more");
      }
      return StatementRecord::Gone(proto.gone_listing_number());
    case v1::Statement::STATEMENT_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidField, "a statement must be present or gone");
}

absl::StatusOr<Announcement> ParseAnnouncement(const v1::AnnounceRequest& request) {
  if (request.statements_size() > kMostStatements) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("at most ", kMostStatements, " statements fit in a message, not ",
                                  request.statements_size()));
  }
  Announcement announcement;
  announcement.first_sequence = request.first_sequence();
  announcement.snapshot_complete = request.snapshot_complete();
  announcement.free_slots = request.free_slots();
  announcement.upload_limit = request.upload_limit();
  announcement.statements.reserve(static_cast<size_t>(request.statements_size()));
  for (const v1::Statement& proto : request.statements()) {
    absl::StatusOr<StatementRecord> statement = ParseStatement(proto);
    if (!statement.ok()) {
      const uint64_t number = request.first_sequence() + announcement.statements.size();
      return MakeError(GetReason(statement.status()),
                       absl::StrCat("statement ", number, ": ", statement.status().message()));
    }
    announcement.statements.push_back(*std::move(statement));
  }
  return announcement;
}

}  // namespace

class IndexService::AnnounceReactor
    : public grpc::ServerBidiReactor<v1::AnnounceRequest, v1::AnnounceResponse>,
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
    }
    absl::StatusOr<Announcement> message = absl::CancelledError();
    if (ok) message = ParseAnnouncement(request_);
    // A full page's memory serves the next one; ten thousand peers that have stated their books
    // keep none.
    if (request_.statements_size() < kMostStatements) request_ = v1::AnnounceRequest();
    {
      MutexLock lock(&mutex_);
      read_ = ok ? Read::kMessage : Read::kEnd;
      message_ = std::move(message);
      if (applying_) return;  // whoever applies goes on with it
      applying_ = true;
    }
    Go();
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
      if (applying_) return;
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

  // Applies what was read, while the next message is read.
  void Go() {
    while (true) {
      Read read = Read::kPending;
      absl::StatusOr<Announcement> message;
      {
        MutexLock lock(&mutex_);
        if (read_ == Read::kPending || finished_) {
          applying_ = false;
          if (!done_) return;
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
        // Two streams would otherwise hold both of gRPC's threads, and searches wait.
        service_->sessions_->HoldLease(token_);
        deferred_ = std::move(message);
        service_->work_.Add([this] {
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
    response_.set_acknowledged_sequence(acknowledged_);
    StartWrite(&response_);
  }

  IndexService* const service_;
  std::string token_;
  uint64_t stream_id_ = 0;
  v1::AnnounceRequest request_;
  absl::StatusOr<Announcement> deferred_;  // of whoever applies
  Mutex mutex_;
  Read read_ ABSL_GUARDED_BY(mutex_) = Read::kPending;
  absl::StatusOr<Announcement> message_ ABSL_GUARDED_BY(mutex_);
  bool applying_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;  // as gRPC sees it; deleted once nothing is applied
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool behind_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::AnnounceResponse response_;
  // Last: from here on others may end this.
  const uint64_t id_;
};

grpc::ServerBidiReactor<v1::AnnounceRequest, v1::AnnounceResponse>* IndexService::Announce(
    grpc::CallbackServerContext* context) {
  return new AnnounceReactor(this, context);
}

}  // namespace arkshare
