// A peer for tests of the index: a FileService that answers Ping, and the index's calls in its
// name.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_FAKE_PEER_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_FAKE_PEER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/credentials.h"
#include "lib/rpc/server.h"

namespace arkshare {

// One Announce stream.
class FakeAnnounce {
 public:
  FakeAnnounce(v1::IndexService::Stub* stub, const std::string& token);
  ~FakeAnnounce();

  // Returns the next acknowledgement, or the stream's status once it has ended.
  absl::StatusOr<uint64_t> Read();
  // Sends `statements` after the ones sent before, and waits until the index has applied them.
  absl::Status State(const std::vector<v1::Statement>& statements, bool snapshot_complete = false);
  absl::Status Present(uint64_t number, const std::string& name, const ContentId& content);
  absl::Status Gone(uint64_t number);
  absl::Status Beat(uint32_t free_slots);
  void Write(const v1::AnnounceRequest& request) { stream_->Write(request); }
  // Half-closes the stream and returns how the index ended it.
  absl::Status Finish();
  // Breaks the stream, as if the process had been killed.
  void Break() { context_.TryCancel(); }

  uint64_t acknowledged() const { return acknowledged_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>> stream_;
  uint64_t acknowledged_ = 0;
  uint64_t next_sequence_ = 1;
  bool finished_ = false;
};

class FakePeer {
 public:
  explicit FakePeer(const std::string& index_address, const TlsOptions& tls = {});
  ~FakePeer();

  const PrivateKey& key() const { return service_.key; }
  int port() const { return server_->port(); }
  uint32_t peer_id() const { return peer_id_; }
  const std::string& token() const { return token_; }
  v1::IndexService::Stub& index() { return *stub_; }

  // Make Ping sign with another key, or deny the registration.
  void AnswerWithAnotherKey() { service_.lie = Lie::kOtherKey; }
  void DenyRegistrations() { service_.lie = Lie::kDeny; }
  // Makes Ping answer only when the caller has given up.
  void Hang() { service_.lie = Lie::kHang; }
  // Ends all of these.
  void AnswerTruly() { service_.lie = Lie::kNone; }
  // Makes this peer one that was started in a copy of the other's folder. Requires that it has not
  // registered yet.
  void TakeKeyOf(const FakePeer& other) { service_.key = other.key(); }
  // Closes the port; no program listens on port() from now on.
  void CloseFilePort();

  v1::RegisterRequest MakeRegister() const;
  // Keeps the token and the number on success.
  absl::StatusOr<v1::RegisterResponse> Register();
  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request);
  absl::Status Unregister();
  // Opens a stream and reads the first acknowledgement.
  absl::StatusOr<std::unique_ptr<FakeAnnounce>> Announce();
  // Signs a ticket that gives `listing` to `receiver`.
  MoveTicket Release(uint64_t listing, const ContentId& content, const FakePeer& receiver) const;
  absl::StatusOr<v1::UpdateOwnerResponse> UpdateOwner(const v1::UpdateOwnerRequest& request);
  // Reports one move to this peer and returns the item's status.
  absl::Status UpdateOwner(const MoveTicket& ticket, const BookListing& new_listing);
  // Prepares a call that needs the session.
  void Authorize(grpc::ClientContext& context) const;

 private:
  enum class Lie { kNone, kOtherKey, kDeny, kHang };

  // Uses callbacks, so that a Ping that hangs occupies no thread.
  class FileService : public v1::FileService::WithCallbackMethod_Ping<v1::FileService::Service> {
   public:
    grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                   const v1::PingRequest* request,
                                   v1::PingResponse* response) override;

    PrivateKey key = PrivateKey::Generate();
    const std::string registration_id = RandomBytes(16);
    const std::string boot_id = RandomBytes(16);
    std::atomic<Lie> lie = Lie::kNone;
  };

  FileService service_;
  std::unique_ptr<RpcServer> server_;
  int closed_port_fd_ = -1;
  std::unique_ptr<v1::IndexService::Stub> stub_;
  uint32_t peer_id_ = 0;
  std::string token_;
};

v1::Statement PresentStatement(const BookListing& listing);
v1::Statement GoneStatement(uint64_t number);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_FAKE_PEER_H_
