// FileService.DownloadMany: many small books in one stream.
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <vector>

#include "lib/core/limits.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/serve/file_service.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStallLimit = absl::Seconds(30);
// Enough for a message to cost little beside its bytes.
constexpr uint64_t kMessageBytes = 256 * 1024;

absl::StatusOr<std::vector<ContentId>> ParseContents(const v1::DownloadManyRequest& request) {
  if (absl::Status s = CheckItemCount(request.contents_size()); !s.ok()) return s;
  std::vector<ContentId> ids;
  for (const v1::ContentId& proto : request.contents()) {
    absl::StatusOr<ContentId> id = FromProto(proto);
    if (!id.ok()) return id.status();
    if (id->size > kMaxSmallBookBytes) {
      return MakeError(Reason::kInvalidField, "a book of more than 1 MiB needs a call of its own");
    }
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace

grpc::Status FileService::DownloadMany(grpc::ServerContext* context,
                                       const v1::DownloadManyRequest* request,
                                       grpc::ServerWriter<v1::DownloadManyResponse>* writer) {
  return ToGrpcStatus(ServeMany(context, *request, writer));
}

// The whole book, as it was when it was hashed.
absl::Status FileService::ReadSmall(const ContentId& id, std::string* out) {
  absl::StatusOr<ServedBook> book = parts_.library->OpenForServing(id);
  if (!book.ok()) return book.status();
  out->resize(id.size);
  return ReadServed(*book, 0, absl::MakeSpan(reinterpret_cast<uint8_t*>(out->data()), out->size()));
}

absl::Status FileService::ServeMany(grpc::ServerContext* context,
                                    const v1::DownloadManyRequest& request,
                                    grpc::ServerWriter<v1::DownloadManyResponse>* writer) {
  absl::StatusOr<std::vector<ContentId>> ids = ParseContents(request);
  if (!ids.ok()) return ids.status();
  IdleWatchdog::Watch watch(parts_.watchdog, kStallLimit, [context] { context->TryCancel(); });
  uint64_t bytes = 0;
  for (const ContentId& id : *ids) bytes += id.size;
  v1::DownloadManyResponse message;
  absl::StatusOr<UploadQueue::Slot> slot =
      parts_.queue->Enter(context->peer(), bytes, [&](const UploadQueue::Place& place) {
        *message.mutable_queued() = ToProto(place);
        watch.Progress();
        return !context->IsCancelled() && writer->Write(message);
      });
  if (!slot.ok()) return slot.status();

  message.Clear();
  uint64_t filled = 0;
  const auto send = [&] {
    const bool sent = writer->Write(message);
    watch.Progress();
    message.Clear();
    filled = 0;
    return sent;
  };
  const std::function<bool()> wanted = [&] {
    watch.Progress();
    return !context->IsCancelled();
  };
  const absl::Status gone = absl::CancelledError("the receiver has gone");
  for (size_t i = 0; i < ids->size(); ++i) {
    std::string book;
    const absl::Status read = ReadSmall((*ids)[i], &book);
    for (size_t at = 0;;) {
      v1::DownloadManyResponse::Part* part = message.add_parts();
      part->set_index(static_cast<uint32_t>(i));
      if (!read.ok()) {
        *part->mutable_error() = ToItemError(read);
        break;
      }
      // Under a limit a grant can be less than the book: what is granted goes out at once, or a
      // receiver that hears nothing for some seconds turns away.
      const uint64_t left = book.size() - at;
      const uint64_t granted = left == 0 ? 0 : slot->Next(left, wanted);
      if (left > 0 && granted == 0) return gone;
      part->set_data(book.data() + at, granted);
      at += granted;
      filled += granted;
      if (at == book.size()) {
        part->set_last(true);
        break;
      }
      if (!send()) return gone;
    }
    // The next book may be as large as they come, and no message is larger than that.
    const uint64_t next = i + 1 < ids->size() ? (*ids)[i + 1].size : 0;
    const bool room = filled < kMessageBytes && filled + next <= kMaxSmallBookBytes;
    if (room && parts_.queue->limit() == 0 && i + 1 < ids->size()) continue;
    if (!send()) return gone;
  }
  return absl::OkStatus();
}

}  // namespace arkshare
