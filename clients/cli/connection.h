// The CLI's calls to the peer it drives (over the control socket), to the index, and to other
// peers.
#ifndef ARKSHARE_CLIENTS_CLI_CONNECTION_H_
#define ARKSHARE_CLIENTS_CLI_CONNECTION_H_

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/group.h"
#include "clients/cli/interrupts.h"
#include "clients/cli/peer_names.h"
#include "clients/cli/slow_note.h"
#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/tls_options.h"

namespace arkshare {

struct ConnectionOptions {
  // The peer's control socket, "unix:PATH" or a path.
  std::string peer;
  // One or more "HOST:PORT", separated by commas and tried in turn. Empty: the peer's index.
  std::string index;
  // For the index and other peers; the control socket never uses TLS. Not enabled: the keys of the
  // peer's group, or plaintext when it has none.
  TlsOptions tls;
  // Tests set another one, which says when the names of a group are old.
  const Clock* clock = Clock::Real();
};

// Connects on first use. When the own peer is in a group, calls the index and other peers as this
// peer, with a certificate that it exports (ExportTls), and sends calls only to the index and the
// peers of the group. Checks every answer of an index (CheckAnswer). Every error has a Reason and a
// message for people, never gRPC's own text. An interrupted call returns Cancelled. Not
// thread-safe.
class Connection {
 public:
  static constexpr absl::Duration kCallTimeout = absl::Seconds(10);

  // InvalidArgument: an address is malformed, or a TLS file cannot be used.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(ConnectionOptions options,
                                                          Interrupts* interrupts);

  // Sets the function to call, from another thread, when CallPeer or CallIndex waits longer than a
  // second. `server` is "the index at HOST:PORT" or "the peer at unix:PATH".
  void OnSlowCall(std::function<void(const std::string& server)> callback) {
    on_slow_call_ = std::move(callback);
  }

  // Calls the peer once: CallPeer(&v1::PeerService::Stub::GetStatus, request). The message of
  // kPeerUnreachable says how to start a peer.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallPeer(grpc::Status (v1::PeerService::Stub::*method)(
                                        grpc::ClientContext*, const Request&, Response*),
                                    const Request& request, absl::Duration timeout = kCallTimeout);

  // Calls the index once: tries each index in turn. kIndexUnreachable when none answers; kWrongKey
  // or kHandshakeRefused when the last one belongs to another group, or does not know this peer.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallIndex(grpc::Status (v1::IndexService::Stub::*method)(
                                         grpc::ClientContext*, const Request&, Response*),
                                     const Request& request, absl::Duration timeout = kCallTimeout);

  // Fetches a book, and passes every state of the transfer to `on_progress`. Returns the last state
  // when the transfer is done, its error when it has failed.
  absl::StatusOr<v1::Transfer> Fetch(const v1::FetchRequest& request,
                                     const std::function<void(const v1::Transfer&)>& on_progress);

  // Fetches 1 to 1,000 books, and passes every state of every transfer to `on_update` with the
  // index of its wish. OK when all transfers have ended, done or failed.
  absl::Status FetchMany(
      const v1::FetchManyRequest& request,
      const std::function<void(uint32_t index, const v1::Transfer& transfer)>& on_update);

  // Passes what the peer tells its owner to `on_message` until the stream ends. The result is never
  // OK; Cancelled once `on_message` has returned false.
  absl::Status WatchOwn(const v1::WatchOwnRequest& request,
                        const std::function<bool(const v1::WatchOwnResponse&)>& on_message);

  // Passes the events to `on_event` one by one until the stream ends. The result is never OK;
  // Cancelled once `on_event` has returned false.
  absl::Status Watch(v1::WatchRequest request,
                     const std::function<bool(const v1::WatchResponse&)>& on_event);

  // Connects to the FileService at `address`. kPeerUnreachable after `timeout`. In a group also
  // kWrongKey, when the peer there does not have `key`, and kHandshakeRefused.
  absl::StatusOr<std::unique_ptr<v1::FileService::Stub>> ConnectFileService(
      const std::string& address, const PublicKey& key, absl::Duration timeout);
  // Calls Ping once. `server` names the peer in the message of an error.
  absl::StatusOr<v1::PingResponse> Ping(v1::FileService::Stub& stub, const v1::PingRequest& request,
                                        const std::string& server);

  // Asks the server at `address` ("HOST:PORT" or "unix:PATH") over grpc.health.v1 whether it
  // serves. kPeerUnreachable when no server answers. In a group, a server on a port must prove the
  // key of the index or of a member: else kWrongKey.
  absl::StatusOr<bool> IsServing(const std::string& address);

  // Returns the names of the group's members, as the own peer has them; with TLS files and without
  // a peer in a group, as the index has them; none without a group. Asks at the first call, and
  // again when `public_key`, if not empty, is not a member's, at most once a second. The result is
  // valid until the next call of this object.
  const PeerNames& Names(absl::string_view public_key = "");

  // "unix:PATH".
  const std::string& peer_target() const { return options_.peer; }
  // "HOST:PORT" of the index in use. Asks the peer when the options name no index.
  absl::StatusOr<std::string> IndexTarget();

 private:
  explicit Connection(Interrupts* interrupts) : interrupts_(interrupts) {}

  absl::Status Interrupted() const;
  // True when no call has reached the index.
  static bool IsUnreachable(const absl::Status& status) {
    const Reason reason = GetReason(status);
    return reason == Reason::kIndexUnreachable || reason == Reason::kWrongKey ||
           reason == Reason::kHandshakeRefused;
  }
  // The callback for a SlowNote on a call to `server`; null without OnSlowCall.
  std::function<void()> SlowCallback(const std::string& server) const {
    if (!on_slow_call_) return nullptr;
    return [this, server] { on_slow_call_(server); };
  }
  absl::Status FromPeer(const grpc::Status& status) const;
  absl::Status FromIndex(const grpc::Status& status);
  // Names the index in the objection to an answer.
  absl::Status Checked(const absl::Status& answer) const;
  absl::StatusOr<v1::IndexService::Stub*> IndexStub();
  // Asks the peer for its group, and sets group_. OK also when it has none, or no peer answers.
  absl::Status AskForGroup();
  // Asks unless it was asked since the connection to the index began.
  absl::Status KnowGroup() { return group_asked_ ? absl::OkStatus() : AskForGroup(); }
  const PeerNames& NamesFromIndex(absl::string_view public_key);
  // For the index and other peers.
  Dialer& dialer() { return group_dialer_ != nullptr ? *group_dialer_ : *dialer_; }
  // The key that the index must prove; null without a group.
  const PublicKey* IndexKey() const { return group_.has_value() ? &group_->index : nullptr; }
  // Says why a connection failed, which blocks for some seconds.
  absl::Status WithCause(const absl::Status& status, const std::string& server,
                         const std::string& target, const PublicKey* key);
  // In a group, the key of the member or of the index at `address`; else nothing.
  absl::StatusOr<std::optional<PublicKey>> KeyForHealth(const std::string& address);
  // Selects the next index after `tried` of them did not answer. False when all were tried.
  bool TryNextIndex(size_t tried);

  Interrupts* const interrupts_;
  std::function<void(const std::string& server)> on_slow_call_;
  ConnectionOptions options_;
  // With the TLS files of the options, or plaintext.
  std::shared_ptr<Dialer> dialer_;
  std::unique_ptr<v1::PeerService::Stub> peer_;
  bool group_asked_ = false;
  absl::Time group_asked_at_ = absl::InfinitePast();  // Clock::Monotonic
  std::optional<Group> group_;
  std::shared_ptr<Dialer> group_dialer_;  // nullptr without a group, and with TLS files
  PeerNames index_names_;
  absl::Time index_names_due_ = absl::InfinitePast();  // when the index may be asked; monotonic
  // The indexes that the options name. Empty: the peer is asked before each new connection.
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
  const SlowNote note(SlowCallback(absl::StrCat("the peer at ", options_.peer)));
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
    const SlowNote note(SlowCallback(absl::StrCat("the index at ", index_target_)));
    Response response;
    const absl::Status status = FromIndex(((**stub).*method)(&context, request, &response));
    if (status.ok()) {
      const absl::Status checked = Checked(CheckAnswer(request, response));
      if (!checked.ok()) return checked;
      return response;
    }
    if (!IsUnreachable(status) || !TryNextIndex(tried)) return status;
  }
}

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_CONNECTION_H_
