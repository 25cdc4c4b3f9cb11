// Holders of a part of the book: what they say of their pieces.
#include <absl/strings/str_cat.h>

#include "lib/core/errors.h"
#include "lib/rpc/status.h"
#include "services/peer/fetch/book_fetch.h"

namespace arkshare {

// Until the holder has the whole book. A stream that stands still is no failure: it may get nothing
// now. Keepalive ends that of a dead one.
void BookFetch::FollowNews(Source& source) {
  grpc::ClientContext context;
  v1::WatchPiecesRequest request;
  *request.mutable_content() = ToProto(job_.content);
  if (!Enter(&source, &context)) return;
  const auto reader = parts_.holders->Stub(source.holder.address)->WatchPieces(&context, request);
  v1::WatchPiecesResponse news;
  bool whole = false;
  while (!whole && reader->Read(&news)) {
    whole = news.whole();
    MutexLock lock(&mutex_);
    for (const uint32_t piece : news.pieces()) plan_.HolderHas(source.id, piece);
    for (uint64_t piece = 0; whole && piece < piece_count_; ++piece) {
      plan_.HolderHas(source.id, piece);
    }
    source.idle.NotifyAll();
  }
  if (whole) context.TryCancel();
  const grpc::Status status = reader->Finish();
  Leave(&source, &context);
  if (whole) return;
  const std::string who = Who(source.holder);
  MutexLock lock(&mutex_);
  Fail(source, status.ok() ? MakeError(Reason::kPieceNotHere,
                                       absl::StrCat(who, " does not say which pieces it has"))
                           : FromGrpcStatus(status, who));
}

}  // namespace arkshare
