// IndexService as it is on the wire: parses, asks Sessions and Catalog, converts.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "arkshare/v1/index.grpc.pb.h"
#include "services/index/catalog/catalog.h"
#include "services/index/service/call_stats.h"
#include "services/index/service/register_line.h"
#include "services/index/service/streams.h"
#include "services/index/service/work_queue.h"
#include "services/index/sessions/sessions.h"

namespace arkshare {

// What peers announce, searches and watches come and go as bytes, all else as messages.
using IndexMessages =
    v1::IndexService::WithCallbackMethod_Register<v1::IndexService::WithCallbackMethod_UpdateOwner<
        v1::IndexService::WithCallbackMethod_Unregister<
            v1::IndexService::WithCallbackMethod_ListPeers<
                v1::IndexService::WithCallbackMethod_ListBooks<v1::IndexService::Service>>>>>;
using IndexCallbacks =
    v1::IndexService::WithRawCallbackMethod_Announce<v1::IndexService::WithRawCallbackMethod_Search<
        v1::IndexService::WithRawCallbackMethod_Watch<IndexMessages>>>;

// Thread-safe. No call blocks a thread of gRPC's: Register waits for its dial-back, and streams for
// their next message, as callbacks, and what a peer states at length is read and applied by others.
class IndexService : public IndexCallbacks {
 public:
  struct Options {
    // For dialling peers back; null: without TLS.
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    absl::Duration dial_back_timeout = absl::Seconds(2);
    const Clock* clock = Clock::Real();
  };

  IndexService(Options options, Catalog* catalog, Sessions* sessions);

  const CallStats& stats() const { return stats_; }

  // Ends all streams and refuses new ones; waits until their peers were told, but not longer than
  // `patience`. Call before the server shuts down.
  void EndStreams(absl::Duration patience);

  // Each in a file of its own.
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  // As bytes: see ReadAnnouncement.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Announce(
      grpc::CallbackServerContext* context) override;
  // In bytes, which many watchers share.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* UpdateOwner(grpc::CallbackServerContext* context,
                                        const v1::UpdateOwnerRequest* request,
                                        v1::UpdateOwnerResponse* response) override;

  grpc::ServerUnaryReactor* Unregister(grpc::CallbackServerContext* context,
                                       const v1::UnregisterRequest* request,
                                       v1::UnregisterResponse* response) override;
  // As bytes: see SearchWriter.
  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListPeers(grpc::CallbackServerContext* context,
                                      const v1::ListPeersRequest* request,
                                      v1::ListPeersResponse* response) override;
  grpc::ServerUnaryReactor* ListBooks(grpc::CallbackServerContext* context,
                                      const v1::ListBooksRequest* request,
                                      v1::ListBooksResponse* response) override;

 private:
  class RegisterReactor;
  class AnnounceReactor;
  class WatchReactor;

  const Options options_;
  Catalog* const catalog_;
  Sessions* const sessions_;
  const std::string boot_id_;
  CallStats stats_;
  RegisterLine line_;
  std::atomic<uint64_t> searches_ = 0;  // how many there were
  Streams streams_;
  // Long Announce messages are applied, and before that read; both end before what they are about.
  WorkQueue work_;
  WorkQueue reading_;
};

// Answers a unary call.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status);

// A peer as `loopback` callers, or others, may see it.
v1::Peer ToProto(const PeerSummary& peer, bool loopback);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_
