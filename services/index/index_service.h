// IndexService as it is on the wire: parses, asks Sessions and Catalog, converts.
#ifndef ARKSHARE_SERVICES_INDEX_INDEX_SERVICE_H_
#define ARKSHARE_SERVICES_INDEX_INDEX_SERVICE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <string>

#include "arkshare/v1/index.grpc.pb.h"
#include "services/index/catalog.h"
#include "services/index/sessions.h"
#include "services/index/streams.h"

namespace arkshare {

// Thread-safe. No call blocks a thread: Register waits for its dial-back, and streams for their
// next message, as callbacks.
class IndexService : public v1::IndexService::CallbackService {
 public:
  struct Options {
    // For dialling peers back.
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    absl::Duration dial_back_timeout = absl::Seconds(2);
  };

  IndexService(Options options, Catalog* catalog, Sessions* sessions);

  // Ends all streams and refuses new ones; waits until their peers were told, but not longer than
  // `patience`. Call before the server shuts down.
  void EndStreams(absl::Duration patience);

  // Each in a file of its own.
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  grpc::ServerBidiReactor<v1::AnnounceRequest, v1::AnnounceResponse>* Announce(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext* context,
                                                     const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* UpdateOwner(grpc::CallbackServerContext* context,
                                        const v1::UpdateOwnerRequest* request,
                                        v1::UpdateOwnerResponse* response) override;

  grpc::ServerUnaryReactor* Unregister(grpc::CallbackServerContext* context,
                                       const v1::UnregisterRequest* request,
                                       v1::UnregisterResponse* response) override;
  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const v1::SearchRequest* request,
                                   v1::SearchResponse* response) override;
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
  std::atomic<int> dial_backs_ = 0;
  Streams streams_;
};

// Answers a unary call.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status);

// A peer as `loopback` callers, or others, may see it.
v1::Peer ToProto(const PeerSummary& peer, bool loopback);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_INDEX_SERVICE_H_
