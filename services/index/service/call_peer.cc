// IndexService.CallPeer: calls a peer to the address of the caller.
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <string>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/relay/connect_head.h"
#include "lib/rpc/caller_shares.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/index_service.h"

namespace arkshare {
namespace {

absl::Status NotCallable() {
  return MakeError(Reason::kPeerUnreachable,
                   "no peer with this key can be called at this index: use the relay");
}

// For the answers of RelayServer::CallPeer.
absl::Status ToStatus(RelayAnswer answer) {
  if (answer == RelayAnswer::kConnected) return absl::OkStatus();
  if (answer != RelayAnswer::kTooMany) return NotCallable();
  return MakeError(Reason::kLimitExceeded, "this peer has had too many calls: use the relay", {},
                   Pairing::kCallPause);
}

}  // namespace

grpc::ServerUnaryReactor* IndexService::CallPeer(grpc::CallbackServerContext* context,
                                                 const v1::CallPeerRequest* request,
                                                 v1::CallPeerResponse* /*response*/) {
  const CallTimer timer(&stats_, IndexMethod::kCallPeer);
  if (absl::Status s = CheckCaller(*context, IndexMethod::kCallPeer); !s.ok()) {
    return Answer(context, timer.End(s));
  }
  const absl::StatusOr<std::string> token = BearerToken(*context);
  if (!token.ok()) return Answer(context, timer.End(token.status()));
  const absl::StatusOr<PublicKey> wanted = KeyFromProto(request->public_key(), "public_key");
  if (!wanted.ok()) return Answer(context, timer.End(wanted.status()));
  if (request->call_id().size() != kCallIdBytes) {
    return Answer(context,
                  timer.End(MakeError(Reason::kInvalidField,
                                      absl::StrCat("call_id must have ", kCallIdBytes,
                                                   " bytes, not ", request->call_id().size()))));
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto end = [timer, reactor](const absl::Status& status) {
    reactor->Finish(ToGrpcStatus(timer.End(status)));
  };
  CheckOwner(*token, CallerKey(*context),
             [this, token = *token, wanted = *wanted, id = request->call_id(),
              network = NetworkOfCaller(context->peer()), end](const absl::Status& owns) {
               if (!owns.ok()) return end(owns);
               sessions_->KeyOf(token, [this, wanted, id, network,
                                        end](const absl::StatusOr<PublicKey>& caller) {
                 if (!caller.ok()) return end(caller.status());
                 CallPeerFor(*caller, network, wanted, id, end);
               });
             });
  return reactor;
}

void IndexService::CallPeerFor(const PublicKey& caller, const std::string& network,
                               const PublicKey& wanted, const std::string& call_id,
                               const std::function<void(const absl::Status&)>& done) {
  if (options_.relay == nullptr) return done(NotCallable());
  const absl::StatusOr<std::string> address = PeerCalls::AddressOf(catalog_->FindPeer(caller));
  if (!address.ok()) return done(address.status());
  const absl::Time now = options_.clock->Monotonic();
  if (absl::Status s = peer_calls_.Take(caller, network, now); !s.ok()) return done(s);
  options_.relay->CallPeer(wanted, call_id, *address,
                           [done](RelayAnswer answer) { done(ToStatus(answer)); });
}

}  // namespace arkshare
