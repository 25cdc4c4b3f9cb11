// The CLI's calls to the peer that it drives.
#ifndef ARKSHARE_CLIENTS_CLI_PEER_CONNECTION_H_
#define ARKSHARE_CLIENTS_CLI_PEER_CONNECTION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/call_watch.h"
#include "clients/cli/interrupts.h"
#include "clients/cli/slow_note.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"

namespace arkshare {

// Connects to the control socket on first use. Errors are as in Connection. Not thread-safe.
class PeerConnection {
 public:
  // `target` is "unix:PATH". `watch` must outlive it.
  PeerConnection(const CallWatch* watch, std::string target);

  // Calls the peer once: Call(&v1::PeerService::Stub::GetStatus, request). The message of
  // kPeerUnreachable says how to start a peer.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::PeerService::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&,
                                                                              Response*),
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

  // "unix:PATH".
  const std::string& target() const { return target_; }

 private:
  absl::Status FromPeer(const grpc::Status& status) const;

  const CallWatch* const watch_;
  const std::string target_;
  const std::unique_ptr<v1::PeerService::Stub> stub_;
};

template <typename Request, typename Response>
absl::StatusOr<Response> PeerConnection::Call(
    grpc::Status (v1::PeerService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  if (timeout != absl::InfiniteDuration()) SetTimeout(context, timeout);
  Interrupts::CallGuard guard(watch_->interrupts(), &context);
  const SlowNote note(watch_->SlowCallback(absl::StrCat("the peer at ", target_)));
  Response response;
  const absl::Status status = FromPeer(((*stub_).*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_PEER_CONNECTION_H_
