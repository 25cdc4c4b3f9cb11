// The CLI's two correspondents: the peer it drives, over its control socket, and the index.
#ifndef ARKSHARE_CLIENTS_CLI_CONNECTION_H_
#define ARKSHARE_CLIENTS_CLI_CONNECTION_H_

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/interrupts.h"
#include "clients/cli/slow_note.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/credentials.h"

namespace arkshare {

struct ConnectionOptions {
  // The peer's control socket, "unix:PATH" or a path.
  std::string peer;
  // "HOST:PORT", or several with commas between them, tried in turn; empty: the peer's own.
  std::string index;
  // Of the index and of other peers; the control socket has none.
  TlsOptions tls;
};

// Nothing is connected before it is used. Errors are for people and have a Reason, never gRPC's own
// words; a call that was interrupted is Cancelled. Not thread-safe.
class Connection {
 public:
  static constexpr absl::Duration kCallTimeout = absl::Seconds(10);

  // InvalidArgument for an address that cannot be one, or TLS files that cannot be used.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(ConnectionOptions options,
                                                          Interrupts* interrupts);

  // `told` is called, from another thread, when an answer to CallPeer or CallIndex takes longer
  // than a second; "the index at HOST:PORT", or the same of the peer.
  void OnSlowCall(std::function<void(const std::string& who)> told) { slow_ = std::move(told); }

  // One call to the peer: CallPeer(&v1::PeerService::Stub::GetStatus, request).
  // kPeerUnreachable says how to start one.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallPeer(grpc::Status (v1::PeerService::Stub::*method)(
                                        grpc::ClientContext*, const Request&, Response*),
                                    const Request& request, absl::Duration timeout = kCallTimeout);

  // The same to the index; kIndexUnreachable when none of them answers.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallIndex(grpc::Status (v1::IndexService::Stub::*method)(
                                         grpc::ClientContext*, const Request&, Response*),
                                     const Request& request, absl::Duration timeout = kCallTimeout);

  // Fetches a book; `on_progress` sees every state of the transfer. The last one when it is done.
  absl::StatusOr<v1::Transfer> Fetch(const v1::FetchRequest& request,
                                     const std::function<void(const v1::Transfer&)>& on_progress);

  // Fetches many; `on_update` sees every state of every transfer, by the number of its wish. OK
  // when all have ended, well or not. 1 to 1,000 wishes.
  absl::Status FetchMany(
      const v1::FetchManyRequest& request,
      const std::function<void(uint32_t index, const v1::Transfer& transfer)>& on_update);

  // Hands every event by itself to `on_event` until the stream ends, which is never OK.
  absl::Status Watch(v1::WatchRequest request,
                     const std::function<void(const v1::WatchResponse&)>& on_event);

  // Where FileService is called; connected within `timeout`, else kPeerUnreachable.
  absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> ConnectFileService(
      const std::string& address, absl::Duration timeout);
  // One call on it, with the errors of CallPeer but `who` in their words.
  absl::StatusOr<v1::PingResponse> Ping(v1::FileService::Stub& stub, const v1::PingRequest& request,
                                        const std::string& who);

  // Whether the server at `address` ("HOST:PORT" or "unix:PATH") says that it serves, by the
  // protocol grpc.health.v1. kPeerUnreachable when nobody answers.
  absl::StatusOr<bool> IsServing(const std::string& address);

  // "unix:PATH".
  const std::string& peer_target() const { return options_.peer; }
  // "HOST:PORT" of the index in use; asks the peer when nobody else has said it.
  absl::StatusOr<std::string> IndexTarget();

 private:
  explicit Connection(Interrupts* interrupts) : interrupts_(interrupts) {}

  absl::Status Interrupted() const;
  // What a SlowNote says.
  std::function<void()> SayingOf(const std::string& who) const {
    if (!slow_) return nullptr;
    return [this, who] { slow_(who); };
  }
  absl::Status FromPeer(const grpc::Status& status) const;
  absl::Status FromIndex(const grpc::Status& status) const;
  absl::StatusOr<v1::IndexService::Stub*> IndexStub();
  // Turns to the next index, after this one did not answer. False when all have had their turn.
  bool TryNextIndex(size_t tried);

  Interrupts* const interrupts_;
  std::function<void(const std::string& who)> slow_;
  ConnectionOptions options_;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::unique_ptr<v1::PeerService::Stub> peer_;
  // As the user said; empty when the peer is to be asked each time that it is needed anew.
  std::vector<std::string> index_targets_;
  size_t index_position_ = 0;
  std::string index_target_;
  std::unique_ptr<v1::IndexService::Stub> index_;
};

template <typename Request, typename Response>
absl::StatusOr<Response> Connection::CallPeer(
    grpc::Status (v1::PeerService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  if (timeout != absl::InfiniteDuration()) SetTimeout(context, timeout);
  Interrupts::CallGuard guard(interrupts_, &context);
  const SlowNote note(SayingOf(absl::StrCat("the peer at ", options_.peer)));
  Response response;
  const absl::Status status = FromPeer(((*peer_).*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Connection::CallIndex(
    grpc::Status (v1::IndexService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, absl::Duration timeout) {
  for (size_t tried = 1;; ++tried) {
    absl::StatusOr<v1::IndexService::Stub*> stub = IndexStub();
    if (!stub.ok()) return stub.status();
    grpc::ClientContext context;
    SetTimeout(context, timeout);
    Interrupts::CallGuard guard(interrupts_, &context);
    const SlowNote note(SayingOf(absl::StrCat("the index at ", index_target_)));
    Response response;
    const absl::Status status = FromIndex(((**stub).*method)(&context, request, &response));
    if (status.ok()) return response;
    if (GetReason(status) != Reason::kIndexUnreachable || !TryNextIndex(tried)) return status;
  }
}

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_CONNECTION_H_
