// The CLI's calls to the index.
#ifndef ARKSHARE_CLIENTS_CLI_INDEX_CONNECTION_H_
#define ARKSHARE_CLIENTS_CLI_INDEX_CONNECTION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "clients/cli/call_watch.h"
#include "clients/cli/group_dialer.h"
#include "clients/cli/interrupts.h"
#include "clients/cli/peer_connection.h"
#include "clients/cli/slow_note.h"
#include "lib/core/errors.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/last_revision.h"

namespace arkshare {

// Connects on first use. Checks every answer (CheckAnswer). Errors are as in Connection. Not
// thread-safe.
class IndexConnection {
 public:
  // `targets` are the indexes to be tried in turn. Empty: the peer is asked for its index before
  // each new connection. The others must outlive it.
  IndexConnection(const CallWatch* watch, PeerConnection* peer, GroupDialer* dialer,
                  std::vector<std::string> targets);

  // Calls the index once: tries each index in turn. kIndexUnreachable when none answers; kWrongKey
  // or kHandshakeRefused when the last one belongs to another group, or does not know this peer.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::IndexService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                                const Request& request, absl::Duration timeout = kCallTimeout);

  // Passes the events to `on_event` one by one until the stream ends. The result is never OK;
  // Cancelled once `on_event` has returned false.
  absl::Status Watch(v1::WatchRequest request,
                     const std::function<bool(const v1::WatchResponse&)>& on_event);

  // "HOST:PORT" of the index in use. Asks the peer when the options name no index.
  absl::StatusOr<std::string> Target();

 private:
  // True when no call has reached the index.
  static bool IsUnreachable(const absl::Status& status) {
    const Reason reason = GetReason(status);
    return reason == Reason::kIndexUnreachable || reason == Reason::kWrongKey ||
           reason == Reason::kHandshakeRefused;
  }
  // True when another index may answer.
  static bool IsElsewhere(const absl::Status& status) {
    return IsUnreachable(status) || GetReason(status) == Reason::kIndexBehind;
  }
  absl::Status FromIndex(const grpc::Status& status);
  // Names the index in the objection to an answer.
  absl::Status Checked(const absl::Status& answer) const;
  absl::StatusOr<v1::IndexService::Stub*> ConnectStub();
  // Selects the next index after `tried` of them did not answer. False when all were tried.
  bool TryNext(size_t tried);

  const CallWatch* const watch_;
  PeerConnection* const peer_;
  GroupDialer* const dialer_;
  const std::vector<std::string> targets_;
  size_t position_ = 0;
  std::string target_;  // of the connection
  std::unique_ptr<v1::IndexService::Stub> stub_;
  LastRevision revision_;
};

template <typename Request, typename Response>
absl::StatusOr<Response> IndexConnection::Call(
    grpc::Status (v1::IndexService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, absl::Duration timeout) {
  for (size_t tried = 1;; ++tried) {
    absl::StatusOr<v1::IndexService::Stub*> stub = ConnectStub();
    if (!stub.ok()) return stub.status();
    grpc::ClientContext context;
    SetTimeout(context, timeout);
    Interrupts::CallGuard guard(watch_->interrupts(), &context);
    const SlowNote note(watch_->SlowCallback(absl::StrCat("the index at ", target_)));
    Request asked = request;
    revision_.AddTo(asked);
    Response response;
    const absl::Status status = FromIndex(((**stub).*method)(&context, asked, &response));
    if (status.ok()) {
      const absl::Status checked = Checked(CheckAnswer(request, response));
      if (!checked.ok()) return checked;
      revision_.Hear(response);
      return response;
    }
    if (IsElsewhere(status) && TryNext(tried)) continue;
    // No replica has it, so what they share was lost, or they cannot reach it.
    if (GetReason(status) == Reason::kIndexBehind) revision_.Set(0);
    return status;
  }
}

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_INDEX_CONNECTION_H_
