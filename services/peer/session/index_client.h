// Calls of the index, with the token of this peer's session.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_
#define ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/convert.h"

namespace arkshare {

// Thread-safe. Every call has a deadline. Errors have messages for people; kIndexUnreachable when
// the index does not answer.
class IndexClient {
 public:
  // Requires at least one address, "HOST:PORT" each; one is used at a time.
  IndexClient(std::vector<std::string> addresses,
              std::shared_ptr<grpc::ChannelCredentials> credentials);

  std::string address() const;
  // Uses the next address from now on, because the one in use has failed. Forgets the token.
  void UseNextAddress();
  std::shared_ptr<v1::IndexService::Stub> stub() const;

  // Sets the token for UpdateOwner, Unregister and AddToken; "" for none.
  void SetToken(const std::string& token);
  void AddToken(grpc::ClientContext& context) const;

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request);
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  // Returns the live peer with this key or number; nullopt when there is none.
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(const PublicKey& key);
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(uint32_t peer_id);
  struct Update {
    MoveTicket ticket;
    BookListing listing;
  };
  // Returns one status an update. kIndexUnreachable without a session.
  absl::StatusOr<std::vector<absl::Status>> UpdateOwner(absl::Span<const Update> updates);
  absl::Status Unregister();

 private:
  absl::Status ToStatus(const grpc::Status& status) const;
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(const v1::ListPeersRequest& request);
  bool HasToken() const;

  const std::vector<std::string> addresses_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  mutable Mutex mutex_;
  size_t in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<v1::IndexService::Stub> stub_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_
