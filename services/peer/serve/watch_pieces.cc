#include "services/peer/serve/watch_pieces.h"

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "services/peer/serve/upload_call.h"

namespace arkshare {
namespace {

// News are sent when there are this many pieces, or after this time.
constexpr size_t kEnoughNews = 16;
constexpr absl::Duration kMaxNewsDelay = absl::Milliseconds(10);
// A cancelled call wakes no thread, so it is checked this often.
constexpr absl::Duration kCancelCheck = absl::Seconds(1);
constexpr absl::Duration kDeafWatcherLimit = absl::Seconds(30);

}  // namespace

absl::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest& request,
                         Library* library, const PartialBooks* partials, IdleWatchdog* watchdog,
                         grpc::ServerWriter<v1::WatchPiecesResponse>* writer) {
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  IdleWatchdog::Watch watch(watchdog, kDeafWatcherLimit, [context] { context->TryCancel(); });
  v1::WatchPiecesResponse response;
  const absl::Status whole = library->OpenForServing(*id).status();
  const std::shared_ptr<PartialBook> partial = whole.ok() ? nullptr : partials->Find(*id);
  if (partial == nullptr) {
    if (!whole.ok()) return whole;
    response.set_whole(true);
    writer->Write(response);
    return absl::OkStatus();
  }
  for (size_t seen = 0; !response.whole();) {
    PartialBook::News news = partial->Await(seen, 1, kCancelCheck);
    if (!news.pieces.empty()) news = partial->Await(seen, kEnoughNews, kMaxNewsDelay);
    watch.Progress();
    if (context->IsCancelled()) return ReceiverGone();
    if (news.closed && !news.whole) {
      return MakeError(Reason::kBookGone, "this peer does not receive the book any more");
    }
    if (news.pieces.empty() && !news.whole) continue;
    seen += news.pieces.size();
    response.clear_pieces();
    for (const uint64_t piece : news.pieces) response.add_pieces(static_cast<uint32_t>(piece));
    response.set_whole(news.whole);
    if (!writer->Write(response)) return ReceiverGone();
  }
  return absl::OkStatus();
}

}  // namespace arkshare
