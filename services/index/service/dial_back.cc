#include "services/index/service/dial_back.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/ticket.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/connect_once.h"
#include "lib/rpc/relayed_target.h"
#include "lib/rpc/status.h"
#include "services/index/sessions/session_rules.h"

namespace arkshare {
namespace {

constexpr size_t kNonceBytes = 32;
// A call cannot end before its connection has: the deadline must hold for both. Long enough for
// the kernel to send a lost packet again, after one second.
constexpr absl::Duration kMostConnect = absl::Milliseconds(1500);

std::shared_ptr<grpc::Channel> Dial(const DialBack::Question& question,
                                    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  if (!question.authority.empty()) {
    return MakeChannel(question.address,
                       credentials == nullptr ? grpc::InsecureChannelCredentials() : credentials,
                       /*read_ahead=*/0, question.timeout, /*tls_name=*/"", question.authority);
  }
  if (credentials == nullptr) {
    const absl::Duration connect_timeout = std::min(question.timeout * 0.75, kMostConnect);
    if (std::shared_ptr<grpc::Channel> channel = ConnectOnce(question.address, connect_timeout)) {
      return channel;
    }
    return MakeChannel(question.address, grpc::InsecureChannelCredentials());
  }
  return MakeChannel(question.address, credentials);
}

// Fills in how a peer is reached through the relay.
DialBack::Question Complete(DialBack::Question question, const DialMeans& means) {
  if (!question.address.empty()) return question;
  question.address = means.relay;
  question.timeout *= 2;
  if (question.authority.empty()) question.authority = PeerAuthority(question.key);
  return question;
}

}  // namespace

DialBack::DialBack(Question question, const DialMeans& means)
    : question_(Complete(std::move(question), means)),
      keys_(means.keys),
      stub_(keys_ != nullptr ? nullptr
                             : v1::FileService::NewStub(Dial(question_, means.credentials))) {
  SetTimeout(context_, question_.timeout);
  request_.set_nonce(RandomBytes(kNonceBytes));
  request_.set_registration_id(question_.registration_id);
}

std::shared_ptr<DialBack> DialBack::Start(Question question, const DialMeans& means,
                                          std::function<void(Judge)> done) {
  const std::shared_ptr<DialBack> call(new DialBack(std::move(question), means));
  if (call->keys_ != nullptr) {
    const auto judge = [call, done = std::move(done)](const absl::StatusOr<PublicKey>& key,
                                                      bool timed_out) {
      done([call, key, timed_out] { return call->ToAnswer(key, timed_out); });
    };
    call->handshake_ = call->keys_->Dial(call->question_.address, call->question_.timeout, judge,
                                         call->question_.authority);
    return call;
  }
  KeepCallbackQueue();
  // The callback keeps the call alive until it is answered.
  call->stub_->async()->Ping(&call->context_, &call->request_, &call->response_,
                             [call, done = std::move(done)](const grpc::Status& status) {
                               done([call, status] { return call->ToAnswer(status); });
                             });
  return call;
}

void DialBack::Cancel() {
  if (keys_ != nullptr) return keys_->Cancel(handshake_);
  context_.TryCancel();
}

DialBack::Answer DialBack::Unreachable(bool timed_out, absl::string_view why) const {
  if (!question_.authority.empty()) {
    return {false, timed_out, "RELAY_UNREACHABLE",
            absl::StrCat("this peer did not come to the relay of the index, so your books are not "
                         "listed and you can only fetch: ask the owner of the index whether the "
                         "port of --relay is open to you (",
                         why, ")"),
            ""};
  }
  return {false, timed_out, "PORT_UNREACHABLE",
          absl::StrCat("the index cannot reach you at ", question_.address,
                       ", so your books are not listed and you can only fetch: open this port ",
                       "in your firewall and router, or --advertise an address that others ",
                       "can reach (", why, ")"),
          ""};
}

DialBack::Answer DialBack::OtherKey() const {
  return {
      false, false, "KEY_MISMATCH",
      absl::StrCat("the peer that answers at ", question_.address,
                   " does not have your key: check the port, or --advertise the right ", "address"),
      ""};
}

DialBack::Answer DialBack::ToAnswer(const absl::StatusOr<PublicKey>& key, bool timed_out) const {
  if (key.ok() && *key == question_.key) return {true, false, "", "", ""};
  if (key.ok() || absl::IsPermissionDenied(key.status())) return OtherKey();
  return Unreachable(timed_out, key.status().message());
}

DialBack::Answer DialBack::ToAnswer(const grpc::Status& grpc_status) const {
  const absl::Status status = FromGrpcStatus(grpc_status, "the peer");
  if (GetReason(status) == Reason::kRegistrationUnknown) {
    return {false, false, "KEY_MISMATCH",
            absl::StrCat("another peer answers at ", question_.address,
                         ": check the port, or --advertise the right address"),
            ""};
  }
  if (!status.ok()) {
    return Unreachable(grpc_status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED,
                       status.message());
  }
  const std::string signed_bytes =
      PingSignedBytes(request_.nonce(), response_.boot_id(), question_.registration_id);
  if (response_.nonce() != request_.nonce() || response_.boot_id().size() != kBootIdBytes ||
      response_.public_key() != question_.key.bytes() ||
      !question_.key.Verify(signed_bytes, response_.signature())) {
    return OtherKey();
  }
  return {true, false, "", "", response_.boot_id()};
}

}  // namespace arkshare
