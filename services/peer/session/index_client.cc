#include "services/peer/session/index_client.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);
// A restarted index must dial back all its peers, and a second request only makes that longer.
constexpr absl::Duration kRegisterTimeout = absl::Seconds(15);

}  // namespace

IndexClient::IndexClient(std::vector<std::string> addresses,
                         std::shared_ptr<grpc::ChannelCredentials> credentials)
    : addresses_(std::move(addresses)),
      credentials_(std::move(credentials)),
      stub_(v1::IndexService::NewStub(MakeChannel(addresses_[0], credentials_))) {}

std::string IndexClient::address() const {
  MutexLock lock(&mutex_);
  return addresses_[in_use_];
}

void IndexClient::UseNextAddress() {
  if (addresses_.size() == 1) return;
  MutexLock lock(&mutex_);
  in_use_ = (in_use_ + 1) % addresses_.size();
  stub_ = v1::IndexService::NewStub(MakeChannel(addresses_[in_use_], credentials_));
  token_.clear();
}

std::shared_ptr<v1::IndexService::Stub> IndexClient::stub() const {
  MutexLock lock(&mutex_);
  return stub_;
}

void IndexClient::SetToken(const std::string& token) {
  MutexLock lock(&mutex_);
  token_ = token;
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
  return FromGrpcStatus(status, absl::StrCat("the index at ", address()),
                        Reason::kIndexUnreachable);
}

absl::StatusOr<v1::RegisterResponse> IndexClient::Register(const v1::RegisterRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kRegisterTimeout);
  v1::RegisterResponse response;
  const grpc::Status status = stub()->Register(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  return response;
}

absl::StatusOr<v1::SearchResponse> IndexClient::Search(const v1::SearchRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  v1::SearchResponse response;
  const grpc::Status status = stub()->Search(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
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
  v1::ListPeersResponse response;
  const grpc::Status status = stub()->ListPeers(&context, request, &response);
  if (!status.ok()) return ToStatus(status);
  if (response.peers().empty()) return std::nullopt;
  return response.peers(0);
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
  if (static_cast<size_t>(response.results_size()) != updates.size()) {
    return absl::InternalError("the index answered with another number of results");
  }
  std::vector<absl::Status> results;
  for (const v1::UpdateOwnerResponse::Result& result : response.results()) {
    results.push_back(result.has_error() ? FromItemError(result.error()) : absl::OkStatus());
  }
  return results;
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
