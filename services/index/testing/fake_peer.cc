#include "services/index/testing/fake_peer.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr char kIndex[] = "the index";

// Ends the test program when `condition` is false, because the test cannot go on.
void Require(bool condition, absl::string_view what) {
  if (condition) return;
  LogCritical("fake_peer_failed", {{"what", what}});
  std::abort();
}

}  // namespace

v1::Statement PresentStatement(const BookListing& listing) {
  v1::Statement statement;
  *statement.mutable_present() = ToProto(listing);
  return statement;
}

v1::Statement GoneStatement(uint64_t number) {
  v1::Statement statement;
  statement.set_gone_listing_number(number);
  return statement;
}

FakeAnnounce::FakeAnnounce(v1::IndexService::Stub* stub, const std::string& token) {
  context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  SetTimeout(context_, kTimeout);
  stream_ = stub->Announce(&context_);
}

FakeAnnounce::~FakeAnnounce() {
  Break();
  Finish().IgnoreError();
}

absl::StatusOr<uint64_t> FakeAnnounce::Read() {
  v1::AnnounceResponse response;
  if (!stream_->Read(&response)) {
    finished_ = true;
    const absl::Status status = FromGrpcStatus(stream_->Finish(), kIndex);
    return status.ok() ? absl::OutOfRangeError("the stream ended well") : status;
  }
  acknowledged_ = response.acknowledged_sequence();
  return acknowledged_;
}

absl::Status FakeAnnounce::State(const std::vector<v1::Statement>& statements,
                                 bool snapshot_complete) {
  if (next_sequence_ <= acknowledged_) next_sequence_ = acknowledged_ + 1;
  v1::AnnounceRequest request;
  request.set_first_sequence(next_sequence_);
  for (const v1::Statement& statement : statements) *request.add_statements() = statement;
  request.set_snapshot_complete(snapshot_complete);
  request.set_free_slots(8);
  next_sequence_ += statements.size();
  stream_->Write(request);
  while (acknowledged_ + 1 < next_sequence_) {
    const absl::StatusOr<uint64_t> read = Read();
    if (!read.ok()) return read.status();
  }
  return absl::OkStatus();
}

absl::Status FakeAnnounce::Present(uint64_t number, const std::string& name,
                                   const ContentId& content) {
  return State({PresentStatement({number, BookName::Parse(name).value(), content})});
}

absl::Status FakeAnnounce::Gone(uint64_t number) { return State({GoneStatement(number)}); }

absl::Status FakeAnnounce::Beat(uint32_t free_slots) {
  v1::AnnounceRequest request;
  request.set_free_slots(free_slots);
  stream_->Write(request);
  return Read().status();
}

absl::Status FakeAnnounce::Finish() {
  if (finished_) return absl::OkStatus();
  finished_ = true;
  stream_->WritesDone();
  v1::AnnounceResponse response;
  while (stream_->Read(&response)) {
  }
  return FromGrpcStatus(stream_->Finish(), kIndex);
}

FakePeer::FakePeer(const std::string& index_address, const TlsOptions& tls) {
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls = tls;
  auto server = RpcServer::Start(std::move(options), {&service_});
  Require(server.ok(), server.status().ToString());
  server_ = *std::move(server);
  const auto credentials = MakeChannelCredentials(tls);
  Require(credentials.ok(), credentials.status().ToString());
  stub_ = v1::IndexService::NewStub(MakeChannel(index_address, *credentials));
}

FakePeer::~FakePeer() {
  server_.reset();
  if (closed_port_fd_ >= 0) close(closed_port_fd_);
}

void FakePeer::CloseFilePort() {
  server_->Shutdown(absl::ZeroDuration());
  // Bound without listening: refuses connections, and no other program can get the port.
  closed_port_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(closed_port_fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Require(bind(closed_port_fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
          "cannot hold the closed port");
}

v1::RegisterRequest FakePeer::MakeRegister() const {
  v1::RegisterRequest request;
  request.set_public_key(key().public_key().bytes());
  request.set_port(static_cast<uint32_t>(port()));
  request.set_policy(v1::SHARE_POLICY_MOVE);
  request.set_upload_slots(8);
  request.set_registration_id(service_.registration_id);
  return request;
}

absl::StatusOr<v1::RegisterResponse> FakePeer::Register() { return Register(MakeRegister()); }

absl::StatusOr<v1::RegisterResponse> FakePeer::Register(const v1::RegisterRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kTimeout);
  v1::RegisterResponse response;
  const absl::Status status = FromGrpcStatus(stub_->Register(&context, request, &response), kIndex);
  if (!status.ok()) return status;
  peer_id_ = response.peer_id();
  token_ = response.session_token();
  return response;
}

absl::Status FakePeer::Unregister() {
  grpc::ClientContext context;
  Authorize(context);
  v1::UnregisterResponse response;
  return FromGrpcStatus(stub_->Unregister(&context, v1::UnregisterRequest(), &response), kIndex);
}

absl::StatusOr<std::unique_ptr<FakeAnnounce>> FakePeer::Announce() {
  auto announce = std::make_unique<FakeAnnounce>(stub_.get(), token_);
  const absl::StatusOr<uint64_t> first = announce->Read();
  if (!first.ok()) return first.status();
  return announce;
}

MoveTicket FakePeer::Release(uint64_t listing, const ContentId& content,
                             const FakePeer& receiver) const {
  const TicketBody body{TransferId::Random(), key().public_key(), listing,
                        receiver.key().public_key(), content};
  return IssueTickets(key(), {body})[0];
}

absl::StatusOr<v1::UpdateOwnerResponse> FakePeer::UpdateOwner(
    const v1::UpdateOwnerRequest& request) {
  grpc::ClientContext context;
  Authorize(context);
  v1::UpdateOwnerResponse response;
  const absl::Status status =
      FromGrpcStatus(stub_->UpdateOwner(&context, request, &response), kIndex);
  if (!status.ok()) return status;
  return response;
}

absl::Status FakePeer::UpdateOwner(const MoveTicket& ticket, const BookListing& new_listing) {
  v1::UpdateOwnerRequest request;
  *request.add_items()->mutable_ticket() = ToProto(ticket);
  *request.mutable_items(0)->mutable_new_listing() = ToProto(new_listing);
  const absl::StatusOr<v1::UpdateOwnerResponse> response = UpdateOwner(request);
  if (!response.ok()) return response.status();
  return FromItemError(response->results(0).error());
}

void FakePeer::Authorize(grpc::ClientContext& context) const {
  context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  SetTimeout(context, kTimeout);
}

grpc::ServerUnaryReactor* FakePeer::FileService::Ping(grpc::CallbackServerContext* context,
                                                      const v1::PingRequest* request,
                                                      v1::PingResponse* response) {
  // Waits until the caller gives up.
  class Hanging : public grpc::ServerUnaryReactor {
   public:
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };
  if (lie == Lie::kHang) return new Hanging();

  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool vouches =
      request->registration_id().empty() || request->registration_id() == registration_id;
  if (lie == Lie::kDeny || !vouches) {
    reactor->Finish(ToGrpcStatus(
        MakeError(Reason::kRegistrationUnknown, "this peer did not begin that registration")));
    return reactor;
  }
  const PrivateKey signer = lie == Lie::kOtherKey ? PrivateKey::Generate() : key;
  response->set_nonce(request->nonce());
  response->set_boot_id(boot_id);
  response->set_public_key(signer.public_key().bytes());
  response->set_signature(signer.Sign(
      PingSignedBytes(request->nonce(), response->boot_id(), request->registration_id())));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace arkshare
