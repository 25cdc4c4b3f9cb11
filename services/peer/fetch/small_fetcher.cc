#include "services/peer/fetch/small_fetcher.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStreamIdleLimit = absl::Seconds(5);

absl::Status NoMoreWanted() { return absl::CancelledError("no more was wanted"); }

}  // namespace

void SmallFetcher::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
}

bool SmallFetcher::Pace(uint64_t bytes, IdleWatchdog::Watch& watch) {
  return limiter_->Pay(bytes, [&] {
    watch.Progress();
    MutexLock lock(&mutex_);
    return !stopped_;
  });
}

absl::Status SmallFetcher::Fetch(const Job& job) {
  grpc::ClientContext context;
  {
    MutexLock lock(&mutex_);
    if (stopped_) return absl::CancelledError("the peer is stopping");
    running_.insert(&context);
  }
  IdleWatchdog::Watch watch(watchdog_, kStreamIdleLimit, [&context] { context.TryCancel(); });
  v1::DownloadManyRequest request;
  for (const ContentId& content : job.contents) *request.add_contents() = ToProto(content);
  for (uint64_t listing : job.listings) request.add_listing_numbers(listing);
  const std::shared_ptr<v1::FileService::Stub> stub =
      holders_->Stub(job.address, job.key, limiter_->rate());
  const auto reader = stub->DownloadMany(&context, request);

  PartAssembler assembler(job.contents);
  absl::Status objection;  // to what the holder sends, or to going on
  bool any_part = false;
  v1::DownloadManyResponse message;
  while (objection.ok() && reader->Read(&message)) {
    if (message.has_queued()) {
      watch.Progress();
      job.on_queued(QueuePlaceOf(message.queued()));
    }
    // Otherwise a holder could hold up the fetch for ever.
    if (message.has_queued() ? any_part : message.parts().empty()) {
      objection = AnswerInvalid("a message without parts, or a place in the queue after them");
    }
    uint64_t received = 0;
    for (v1::DownloadManyResponse::Part& part : *message.mutable_parts()) {
      any_part = true;
      received += part.data().size();
      objection = TakePart(job, assembler, part);
      if (!objection.ok()) break;
      watch.Progress();
    }
    if (objection.ok() && !Pace(received, watch)) objection = NoMoreWanted();
  }
  if (!objection.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  {
    MutexLock lock(&mutex_);
    running_.erase(&context);
  }
  if (!objection.ok()) return objection;
  const std::string peer = absl::StrCat("the peer at ", PlaceInWords(job.address));
  if (watch.expired()) {
    return MakeError(Reason::kStreamStalled, absl::StrCat(peer, " sent nothing for ",
                                                          absl::FormatDuration(kStreamIdleLimit)));
  }
  return FromGrpcStatus(status, peer);
}

absl::Status SmallFetcher::TakePart(const Job& job, PartAssembler& assembler,
                                    v1::DownloadManyResponse::Part& part) {
  const size_t index = part.index();
  const absl::StatusOr<std::optional<PartAssembler::Whole>> whole = assembler.Take(part);
  if (!whole.ok()) {
    LogWarning("bad_book", {{"address", job.address}, {"why", whole.status()}});
    if (GetReason(whole.status()) == Reason::kContentMismatch) {
      holders_->ReportMismatch(job.address, job.key, job.contents[index]);
    }
    return whole.status();
  }
  if (!whole->has_value()) return absl::OkStatus();
  const PartAssembler::Whole& book = **whole;
  return job.on_book({book.index, book.bytes, book.attributes}) ? absl::OkStatus() : NoMoreWanted();
}

}  // namespace arkshare
