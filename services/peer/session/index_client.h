// Calls of the index, with the token of this peer's session.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_
#define ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/last_revision.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {

// Thread-safe. Every call has a deadline, and every answer is checked (CheckAnswer). Errors have
// messages for people; kIndexUnreachable when the index does not answer, kAnswerInvalid when its
// answer breaks the contract.
class IndexClient {
 public:
  // Requires at least one address, "HOST:PORT" each; one is used at a time, and earlier ones are
  // preferred. With a dialer that uses keys, the index must prove `key`.
  IndexClient(std::vector<std::string> addresses, std::shared_ptr<Dialer> dialer,
              std::optional<PublicKey> key = std::nullopt);

  std::string address() const;
  // Returns the relayed target of the relay at `port` of the index in use; "" for port 0.
  std::string RelayOfPort(uint32_t port) const { return RelayedTarget(address(), port); }
  // Uses the next address from now on, because the one in use has failed: `why`, for people.
  // Forgets the token.
  void UseNextAddress(const std::string& why);
  // Uses the next address, and keeps the token: if the indexes are replicas, the next one knows the
  // session. Does nothing when there is one address.
  void UseNextReplica();
  // Looks whether an address answers that comes before the one in use, without waiting: the call
  // begins to connect, and a later one tells. False while the first address is in use.
  bool EarlierAnswers();
  // Uses the address that EarlierAnswers found. Forgets the token.
  void UseEarlierAddress();
  // Returns why not the first address is in use, for people; "" when it is, or when the indexes are
  // replicas, of which each one is as good.
  std::string WhyNotFirst() const;
  std::shared_ptr<v1::IndexService::Stub> stub() const;
  // Returns the channel of this stub.
  std::shared_ptr<grpc::Channel> channel() const;

  // A stream of the session has opened, and the index has this revision: at least what this peer
  // was told before, unless what the replicas share was lost. All later answers contain it.
  void StreamOpened(uint64_t revision) { revision_.Set(revision); }
  // The index has told this revision on the stream. All later answers contain it.
  void Heard(uint64_t revision) { revision_.Raise(revision); }

  // Sets the token for UpdateOwner, Unregister and AddToken; "" for none. `replicated`: all indexes
  // with the boot_id of this one know it.
  void SetToken(const std::string& token, bool replicated = false);
  // Whether another address may know the session.
  bool HasReplicas() const;
  void AddToken(grpc::ClientContext& context) const;

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request);
  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  // Returns the live peer with this key or number; nullopt when there is none.
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(const PublicKey& key);
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(uint32_t peer_id);
  // Returns the peers with a local_address in this peer's network, at most 1,000.
  absl::StatusOr<std::vector<v1::Peer>> ListNeighbours();
  struct Update {
    MoveTicket ticket;
    BookListing listing;
  };
  // Returns one status an update. kIndexUnreachable without a session.
  absl::StatusOr<std::vector<absl::Status>> UpdateOwner(absl::Span<const Update> updates);
  // Asks the index to call a peer to this one. Waits at most 2 s.
  absl::Status CallPeer(const PublicKey& key, const std::string& call_id);
  absl::Status Unregister();
  // Ends a Register that waits, and lets later ones fail at once.
  void Stop();

 private:
  std::shared_ptr<grpc::Channel> Connect(size_t position) const;
  void UseLocked(size_t position, const std::shared_ptr<grpc::Channel>& channel)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::RegisterResponse> TryRegister(const v1::RegisterRequest& request);
  absl::Status ToStatus(const grpc::Status& status) const;
  // Names the index in the objection to an answer.
  absl::Status Checked(const absl::Status& answer) const;
  absl::StatusOr<std::optional<v1::Peer>> FindPeer(const v1::ListPeersRequest& request);
  bool HasToken() const;

  const std::vector<std::string> addresses_;
  const std::shared_ptr<Dialer> dialer_;
  const std::optional<PublicKey> key_;
  LastRevision revision_;
  mutable Mutex mutex_;
  size_t in_use_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<v1::IndexService::Stub> stub_ ABSL_GUARDED_BY(mutex_);  // of channel_
  std::string token_ ABSL_GUARDED_BY(mutex_);
  bool replicated_ ABSL_GUARDED_BY(mutex_) = false;  // as the last registration said
  // Why the index in use cannot be reached, as the last Register found out; "" when it can.
  std::string unreachable_ ABSL_GUARDED_BY(mutex_);
  std::string first_failed_ ABSL_GUARDED_BY(mutex_);  // why the first address is not in use
  // Connections that are tried to the addresses before the one in use, in their order.
  std::vector<std::shared_ptr<grpc::Channel>> earlier_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* registering_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_INDEX_CLIENT_H_
