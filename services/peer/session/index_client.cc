#include "services/peer/session/index_client.h"

#include <absl/random/random.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);
// A caller does not wait longer for the peer, either.
constexpr absl::Duration kCallPeerTimeout = absl::Seconds(2);
// A restarted index must dial back all its peers, and a second request only makes that longer.
constexpr absl::Duration kRegisterTimeout = absl::Seconds(15);
// Thousands of peers that come back at once take longer to connect than one, and an attempt that is
// given up and begun again makes that longer still. A minute, not the same for all: those that give
// up must not begin again together.
constexpr absl::Duration kLeastConnectTimeout = absl::Seconds(45);
constexpr absl::Duration kMostConnectTimeout = absl::Seconds(75);

absl::Duration DrawConnectTimeout() {
  absl::InsecureBitGen random;
  return kLeastConnectTimeout +
         (kMostConnectTimeout - kLeastConnectTimeout) * absl::Uniform(random, 0.0, 1.0);
}

}  // namespace

IndexClient::IndexClient(std::vector<std::string> addresses, std::shared_ptr<Dialer> dialer,
                         std::optional<PublicKey> key)
    : addresses_(std::move(addresses)),
      dialer_(std::move(dialer)),
      key_(std::move(key)),
      channel_(Connect(0)),
      stub_(v1::IndexService::NewStub(channel_)) {}

std::shared_ptr<grpc::Channel> IndexClient::Connect(size_t position) const {
  return dialer_->Dial(addresses_[position], key_ ? &*key_ : nullptr, /*read_ahead=*/0,
                       DrawConnectTimeout());
}

std::string IndexClient::address() const {
  MutexLock lock(&mutex_);
  return addresses_[in_use_];
}

void IndexClient::UseLocked(size_t position, const std::shared_ptr<grpc::Channel>& channel) {
  LogInfo("index_changed", {{"from", addresses_[in_use_]}, {"to", addresses_[position]}});
  in_use_ = position;
  channel_ = channel;
  stub_ = v1::IndexService::NewStub(channel);
  token_.clear();
  revision_.Set(0);
  unreachable_.clear();
  earlier_.clear();
}

void IndexClient::UseNextAddress(const std::string& why) {
  if (addresses_.size() == 1) return;
  MutexLock lock(&mutex_);
  if (in_use_ == 0) first_failed_ = why;
  const size_t next = (in_use_ + 1) % addresses_.size();
  UseLocked(next, Connect(next));
}

void IndexClient::UseNextReplica() {
  if (addresses_.size() == 1) return;
  MutexLock lock(&mutex_);
  const size_t next = (in_use_ + 1) % addresses_.size();
  const std::string token = token_;
  const uint64_t revision = revision_.Get();
  UseLocked(next, Connect(next));
  token_ = token;
  revision_.Set(revision);
}

bool IndexClient::EarlierAnswers() {
  MutexLock lock(&mutex_);
  if (replicated_) return false;
  for (size_t i = earlier_.size(); i < in_use_; ++i) earlier_.push_back(Connect(i));
  bool any = false;
  for (const std::shared_ptr<grpc::Channel>& channel : earlier_) {
    any = channel->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY || any;
  }
  return any;
}

void IndexClient::UseEarlierAddress() {
  MutexLock lock(&mutex_);
  for (size_t i = 0; i < earlier_.size(); ++i) {
    const std::shared_ptr<grpc::Channel> channel = earlier_[i];
    if (channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) continue;
    UseLocked(i, channel);
    return;
  }
}

std::string IndexClient::WhyNotFirst() const {
  MutexLock lock(&mutex_);
  if (in_use_ == 0 || replicated_) return "";
  return absl::StrCat("this peer uses the index at ", addresses_[in_use_],
                      " until the first one answers: ", first_failed_);
}

std::shared_ptr<v1::IndexService::Stub> IndexClient::stub() const {
  MutexLock lock(&mutex_);
  return stub_;
}

std::shared_ptr<grpc::Channel> IndexClient::channel() const {
  MutexLock lock(&mutex_);
  return channel_;
}

void IndexClient::SetToken(const std::string& token, bool replicated) {
  MutexLock lock(&mutex_);
  token_ = token;
  replicated_ = replicated;
}

bool IndexClient::HasReplicas() const {
  MutexLock lock(&mutex_);
  return replicated_ && addresses_.size() > 1;
}

bool IndexClient::HasToken() const {
  MutexLock lock(&mutex_);
  return !token_.empty();
}

void IndexClient::AddToken(grpc::ClientContext& context) const {
  MutexLock lock(&mutex_);
  if (!token_.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
}

absl::Status IndexClient::ToStatus(const grpc::Status& status) const {
  absl::Status converted =
      FromGrpcStatus(status, absl::StrCat("the index at ", address()), Reason::kIndexUnreachable);
  if (GetReason(converted) != Reason::kIndexUnreachable) return converted;
  MutexLock lock(&mutex_);
  if (unreachable_.empty()) return converted;
  return MakeError(Reason::kIndexUnreachable, unreachable_);
}

absl::StatusOr<v1::RegisterResponse> IndexClient::Register(const v1::RegisterRequest& request) {
  absl::StatusOr<v1::RegisterResponse> response = TryRegister(request);
  const std::string in_use = address();
  absl::Status status = response.status();
  {
    MutexLock lock(&mutex_);
    if (stopping_ || status.ok()) return response;
  }
  // Not under the lock: it may take seconds.
  const absl::Status explained = dialer_->WithCause(status, absl::StrCat("the index at ", in_use),
                                                    in_use, key_ ? &*key_ : nullptr);
  if (explained == status) return status;
  MutexLock lock(&mutex_);
  unreachable_ = std::string(explained.message());
  // The kernel repeats a lost packet after ever longer waits; a new connection begins at once.
  channel_ = Connect(in_use_);
  stub_ = v1::IndexService::NewStub(channel_);
  return explained;
}

absl::StatusOr<v1::RegisterResponse> IndexClient::TryRegister(const v1::RegisterRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kRegisterTimeout);
  {
    MutexLock lock(&mutex_);
    if (stopping_) return absl::CancelledError("this peer stops");
    registering_ = &context;
  }
  v1::RegisterResponse response;
  const grpc::Status status = stub()->Register(&context, request, &response);
  {
    MutexLock lock(&mutex_);
    registering_ = nullptr;
    unreachable_.clear();
  }
  if (!status.ok()) return ToStatus(status);
  if (absl::Status s = Checked(CheckAnswer(request, response)); !s.ok()) return s;
  v1::RegisterResponse::Reachability& reachability = *response.mutable_reachability();
  reachability.set_reason(CutText(reachability.reason()));
  reachability.set_message(CutText(reachability.message()));
  return response;
}

absl::Status IndexClient::Checked(const absl::Status& answer) const {
  if (answer.ok()) return answer;
  return MakeError(GetReason(answer),
                   absl::StrCat("the index at ", address(), ": ", answer.message()));
}

void IndexClient::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  if (registering_ != nullptr) registering_->TryCancel();
}

absl::StatusOr<v1::SearchResponse> IndexClient::Search(const v1::SearchRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  v1::SearchRequest asked = request;
  revision_.AddTo(asked);
  v1::SearchResponse response;
  const grpc::Status status = stub()->Search(&context, asked, &response);
  if (!status.ok()) return ToStatus(status);
  if (absl::Status s = Checked(CheckAnswer(request, response)); !s.ok()) return s;
  revision_.Hear(response);
  return response;
}

absl::StatusOr<std::optional<v1::Peer>> IndexClient::FindPeer(const PublicKey& key) {
  v1::ListPeersRequest request;
  request.set_public_key(key.bytes());
  return FindPeer(request);
}

absl::StatusOr<std::optional<v1::Peer>> IndexClient::FindPeer(uint32_t peer_id) {
  v1::ListPeersRequest request;
  request.set_peer_id(peer_id);
  return FindPeer(request);
}

absl::StatusOr<std::optional<v1::Peer>> IndexClient::FindPeer(const v1::ListPeersRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  v1::ListPeersRequest asked = request;
  revision_.AddTo(asked);
  v1::ListPeersResponse response;
  const grpc::Status status = stub()->ListPeers(&context, asked, &response);
  if (!status.ok()) return ToStatus(status);
  if (absl::Status s = Checked(CheckAnswer(request, response)); !s.ok()) return s;
  if (response.peers().empty()) return std::nullopt;
  return response.peers(0);
}

absl::StatusOr<std::vector<v1::Peer>> IndexClient::ListNeighbours() {
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  v1::ListPeersRequest request;
  request.set_same_network(true);
  request.set_page_size(kMaxItems);
  v1::ListPeersRequest asked = request;
  revision_.AddTo(asked);
  v1::ListPeersResponse response;
  const grpc::Status status = stub()->ListPeers(&context, asked, &response);
  if (!status.ok()) return ToStatus(status);
  if (absl::Status s = Checked(CheckAnswer(request, response)); !s.ok()) return s;
  return std::vector<v1::Peer>(response.peers().begin(), response.peers().end());
}

absl::StatusOr<std::vector<absl::Status>> IndexClient::UpdateOwner(
    absl::Span<const Update> updates) {
  if (!HasToken()) {
    return MakeError(Reason::kIndexUnreachable, "this peer is not registered with the index now");
  }
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  AddToken(context);
  v1::UpdateOwnerRequest request;
  for (const Update& update : updates) {
    v1::UpdateOwnerRequest::Item* item = request.add_items();
    *item->mutable_ticket() = ToProto(update.ticket);
    *item->mutable_new_listing() = ToProto(update.listing);
  }
  v1::UpdateOwnerResponse response;
  const grpc::Status status = stub()->UpdateOwner(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  if (absl::Status s = Checked(CheckAnswer(request, response)); !s.ok()) return s;
  revision_.Hear(response);
  std::vector<absl::Status> results;
  for (const v1::UpdateOwnerResponse::Result& result : response.results()) {
    results.push_back(result.has_error() ? FromItemError(result.error()) : absl::OkStatus());
  }
  return results;
}

absl::Status IndexClient::CallPeer(const PublicKey& key, const std::string& call_id) {
  grpc::ClientContext context;
  SetTimeout(context, kCallPeerTimeout);
  AddToken(context);
  v1::CallPeerRequest request;
  request.set_public_key(key.bytes());
  request.set_call_id(call_id);
  v1::CallPeerResponse response;
  return ToStatus(stub()->CallPeer(&context, request, &response));
}

absl::Status IndexClient::Unregister() {
  if (!HasToken()) return absl::OkStatus();
  grpc::ClientContext context;
  SetTimeout(context, absl::Seconds(1));
  AddToken(context);
  v1::UnregisterResponse response;
  const grpc::Status status = stub()->Unregister(&context, v1::UnregisterRequest(), &response);
  SetToken("");
  return ToStatus(status);
}

}  // namespace arkshare
