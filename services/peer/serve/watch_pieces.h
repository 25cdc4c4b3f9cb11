// FileService.WatchPieces: which pieces of a book this peer has, as they come.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_WATCH_PIECES_H_
#define ARKSHARE_SERVICES_PEER_SERVE_WATCH_PIECES_H_

#include <absl/status/status.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include "arkshare/v1/file.pb.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/library/library.h"

namespace arkshare {

// Returns when the book is whole, is not received any more, or the watcher has gone. Cancels the
// call of a watcher that reads nothing for 30 seconds. For the contract and the errors see
// file.proto.
absl::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest& request,
                         Library* library, const PartialBooks* partials, IdleWatchdog* watchdog,
                         grpc::ServerWriter<v1::WatchPiecesResponse>* writer);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_WATCH_PIECES_H_
