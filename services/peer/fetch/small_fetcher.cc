#include "services/peer/fetch/small_fetcher.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <vector>

#include "lib/core/bytes.h"
#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStreamIdleLimit = absl::Seconds(5);

bool IsTheBook(const ContentId& content, const std::string& bytes) {
  if (bytes.size() != content.size) return false;
  if (content.size == 0) return Sha256({}) == content.root;
  return PieceHash(content.size, AsBytes(bytes)) == content.root;
}

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
  const std::shared_ptr<v1::FileService::Stub> stub = holders_->Stub(job.address, limiter_->rate());
  const auto reader = stub->DownloadMany(&context, request);

  bool wanted = true;
  size_t current = 0;  // the book that `bytes` belong to
  std::string bytes;
  v1::DownloadManyResponse message;
  while (wanted && reader->Read(&message)) {
    watch.Progress();
    if (message.has_queued()) job.on_queued(QueuePlaceOf(message.queued()));
    uint64_t received = 0;
    for (v1::DownloadManyResponse::Part& part : *message.mutable_parts()) {
      // A book that is cut off, out of turn, too long or wrong counts as missing.
      if (part.index() != current) {
        current = part.index();
        bytes.clear();
      }
      received += part.data().size();
      if (current >= job.contents.size() || part.has_error()) continue;
      const ContentId& content = job.contents[current];
      if (part.data().size() > content.size - std::min<uint64_t>(content.size, bytes.size())) {
        wanted = false;
        break;
      }
      if (bytes.empty()) {
        bytes.swap(*part.mutable_data());
      } else {
        bytes += part.data();
      }
      if (!part.last()) continue;
      if (IsTheBook(content, bytes)) {
        wanted = job.on_book({current, bytes, AttributesIn(part)});
        watch.Progress();
      } else {
        LogWarning("bad_book", {{"address", job.address}, {"root", content}});
        holders_->ReportMismatch(job.address, content);
        wanted = false;
      }
      bytes.clear();
      if (!wanted) break;
    }
    if (wanted && !Pace(received, watch)) wanted = false;
  }
  if (!wanted) context.TryCancel();
  const grpc::Status status = reader->Finish();
  {
    MutexLock lock(&mutex_);
    running_.erase(&context);
  }
  if (!wanted) return absl::CancelledError("no more was wanted");
  return FromGrpcStatus(status, absl::StrCat("the peer at ", job.address));
}

}  // namespace arkshare
