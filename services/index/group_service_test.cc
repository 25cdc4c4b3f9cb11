// An index with a group, as it looks from the wire.
#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/rpc_method.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/index/admin/group_commands.h"
#include "services/index/index_server.h"

namespace arkshare {
namespace {

// A program with a key, and its connection to the index.
class GroupClient {
 public:
  GroupClient(const std::string& address, const PrivateKey& key, const PublicKey& index,
              LeafOptions leaf = {})
      : key_(key) {
    grpc::ChannelArguments args;
    args.SetSslTargetNameOverride(kKeyTargetName);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(
        address, MakeKeyChannelCredentials(MakeLeafCertificate(key, leaf), index, nullptr), args);
    stub_ = v1::IndexService::NewStub(channel_);
  }

  const PrivateKey& key() const { return key_; }

  absl::StatusOr<v1::JoinResponse> Join(const std::string& name = "") {
    v1::JoinRequest request;
    request.set_name(name);
    v1::JoinResponse response;
    return Result(stub_->Join(Context(), request, &response), response);
  }
  absl::StatusOr<v1::ListMembersResponse> ListMembers() {
    v1::ListMembersResponse response;
    return Result(stub_->ListMembers(Context(), {}, &response), response);
  }
  absl::Status ListPeers() {
    v1::ListPeersResponse response;
    return Result(stub_->ListPeers(Context(), {}, &response), response).status();
  }
  absl::Status UpdateOwner(const std::string& token = "") {
    v1::UpdateOwnerRequest request;
    v1::UpdateOwnerResponse response;
    return Result(stub_->UpdateOwner(Context(token), request, &response), response).status();
  }
  absl::Status CallPeer(const std::string& token) {
    v1::CallPeerRequest request;
    request.set_public_key(key_.public_key().bytes());
    request.set_call_id(RandomBytes(16));
    v1::CallPeerResponse response;
    return Result(stub_->CallPeer(Context(token), request, &response), response).status();
  }
  absl::Status Unregister(const std::string& token) {
    v1::UnregisterResponse response;
    return Result(stub_->Unregister(Context(token), {}, &response), response).status();
  }
  // The code with which the health service answers.
  grpc::StatusCode Health() {
    grpc::health::v1::HealthCheckResponse response;
    const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                           grpc::internal::RpcMethod::NORMAL_RPC, channel_);
    return grpc::internal::BlockingUnaryCall(channel_.get(), method, Context(),
                                             grpc::health::v1::HealthCheckRequest(), &response)
        .error_code();
  }
  absl::StatusOr<v1::RegisterResponse> Register(const PublicKey& key, int port,
                                                bool keep_session = false) {
    v1::RegisterRequest request;
    request.set_public_key(key.bytes());
    request.set_port(static_cast<uint32_t>(port));
    request.set_policy(v1::SHARE_POLICY_COPY);
    request.set_keep_session(keep_session);
    request.set_registration_id(RandomBytes(16));
    v1::RegisterResponse response;
    return Result(stub_->Register(Context(), request, &response), response);
  }
  v1::IndexService::Stub& stub() { return *stub_; }

 private:
  grpc::ClientContext* Context(const std::string& token = "") {
    context_ = std::make_unique<grpc::ClientContext>();
    if (!token.empty()) context_->AddMetadata("authorization", "Bearer " + token);
    SetTimeout(*context_, absl::Minutes(1));
    return context_.get();
  }
  template <typename Response>
  static absl::StatusOr<Response> Result(const grpc::Status& status, const Response& response) {
    if (!status.ok()) return FromGrpcStatus(status, "the index", Reason::kIndexUnreachable);
    return response;
  }

  const PrivateKey key_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::IndexService::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
};

class GroupServiceTest : public testing::Test {
 protected:
  GroupServiceTest() {
    std::string folder = testing::TempDir() + "groupXXXXXX";
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    home_ = folder;
    Start();
  }
  ~GroupServiceTest() override {
    server_.reset();
    std::filesystem::remove_all(home_);
  }

  void Start() {
    server_.reset();
    IndexOptions options;
    options.listen = "127.0.0.1:0";
    options.home = home_;
    server_ = IndexServer::Start(options).value();
  }

  Group& group() { return *server_->group(); }
  GroupClient Client(const PrivateKey& key, LeafOptions leaf = {}) {
    return GroupClient(server_->address(), key, group().key().public_key(), std::move(leaf));
  }
  GroupClient NewMember(MemberRole role) {
    const PrivateKey key = PrivateKey::Generate();
    EXPECT_TRUE(group().SetMember({key.public_key(), role, "m"}).ok());
    return Client(key);
  }
  // A new key that knows an invitation.
  GroupClient Invited(const std::string& word) {
    const PrivateKey key = PrivateKey::Generate();
    const Invitation invitation = ReadInvitation(word).value();
    return Client(
        key, {{}, JoinProofOf(invitation.secret, group().key().public_key(), key.public_key())});
  }
  std::string Invite(MemberRole role = MemberRole::kFull) {
    return group().Invite({role, "ada", 1, absl::Hours(1), {"127.0.0.1:1"}}).value();
  }

  std::string home_;
  std::unique_ptr<IndexServer> server_;
};

TEST_F(GroupServiceTest, AnInvitedKeyBecomesAMember) {
  GroupClient ada = Invited(Invite(MemberRole::kReader));
  EXPECT_EQ(GetReason(ada.ListPeers()), Reason::kNotAMember) << "before it has joined";
  EXPECT_NE(ada.Health(), grpc::StatusCode::OK) << "other services ask as well";
  const absl::StatusOr<v1::JoinResponse> joined = ada.Join();
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->index_public_key(), group().key().public_key().bytes());
  EXPECT_EQ(joined->member().name(), "ada");
  EXPECT_EQ(joined->member().role(), v1::MEMBER_ROLE_READER);
  EXPECT_EQ(joined->members().members_size(), 1);
  EXPECT_EQ(joined->members().signature(), group().members()->signature());
  EXPECT_TRUE(ada.ListPeers().ok()) << "on the same connection";
  EXPECT_EQ(ada.Health(), grpc::StatusCode::OK);
  const absl::StatusOr<v1::JoinResponse> again = ada.Join("other");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->member().name(), "ada");
  EXPECT_EQ(ada.ListMembers()->members().version(), 1u);
}

TEST_F(GroupServiceTest, AnInvitationThatWasUsedSaysSo) {
  const std::string word = Invite();
  ASSERT_TRUE(Invited(word).Join().ok());
  EXPECT_EQ(GetReason(Invited(word).Join().status()), Reason::kInvitationUsed);
}

TEST_F(GroupServiceTest, ABadNameIsAnInvalidField) {
  EXPECT_EQ(GetReason(Invited(Invite()).Join("a\nb").status()), Reason::kInvalidField);
  EXPECT_TRUE(group().members()->members().empty());
}

TEST_F(GroupServiceTest, AStrangerDoesNotReachTheIndex) {
  EXPECT_EQ(GetReason(Client(PrivateKey::Generate()).Join().status()), Reason::kIndexUnreachable);
}

TEST_F(GroupServiceTest, RolesAreChecked) {
  GroupClient watcher = NewMember(MemberRole::kWatcher);
  EXPECT_TRUE(watcher.ListPeers().ok());
  EXPECT_EQ(GetReason(watcher.Register(watcher.key().public_key(), 4000).status()),
            Reason::kRoleForbids);
  GroupClient reader = NewMember(MemberRole::kReader);
  EXPECT_EQ(GetReason(reader.UpdateOwner()), Reason::kRoleForbids);
  const absl::StatusOr<v1::RegisterResponse> registered =
      reader.Register(reader.key().public_key(), 4000);
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_FALSE(registered->reachability().reachable());
  EXPECT_EQ(registered->reachability().reason(), "ROLE_FORBIDS");
}

TEST_F(GroupServiceTest, AMemberRegistersItsOwnKeyOnly) {
  GroupClient ada = NewMember(MemberRole::kFull);
  GroupClient bob = NewMember(MemberRole::kFull);
  EXPECT_EQ(GetReason(ada.Register(bob.key().public_key(), 4000).status()), Reason::kNotAMember);
}

TEST_F(GroupServiceTest, AMemberCallsPeersWithItsOwnSessionOnly) {
  EXPECT_EQ(GetReason(NewMember(MemberRole::kWatcher).CallPeer("x")), Reason::kRoleForbids);
  GroupClient ada = NewMember(MemberRole::kReader);
  GroupClient bob = NewMember(MemberRole::kFull);
  const absl::StatusOr<v1::RegisterResponse> registered =
      ada.Register(ada.key().public_key(), 4000);
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(GetReason(bob.CallPeer(registered->session_token())), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(ada.CallPeer(registered->session_token())), Reason::kPeerUnreachable)
      << "the index has no relay";
}

TEST_F(GroupServiceTest, AHandshakeProvesThatThePeerIsReachable) {
  GroupClient ada = NewMember(MemberRole::kFull);
  v1::FileService::Service service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.credentials = MakeKeyServerCredentials(
      MakeLeafCertificate(ada.key(), {}),
      [](const LeafClaims&) { return absl::PermissionDeniedError("members only"); });
  const auto server = RpcServer::Start(options, {&service}).value();
  const absl::StatusOr<v1::RegisterResponse> registered =
      ada.Register(ada.key().public_key(), server->port());
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_TRUE(registered->reachability().reachable()) << registered->reachability().message();

  // A newer session of the key wins, although nothing answers at its address.
  const absl::StatusOr<v1::RegisterResponse> newer = ada.Register(ada.key().public_key(), 1);
  ASSERT_TRUE(newer.ok()) << newer.status();
  EXPECT_EQ(newer->reachability().reason(), "PORT_UNREACHABLE");

  // The other key at this port is not the key of the caller.
  GroupClient bob = NewMember(MemberRole::kFull);
  const absl::StatusOr<v1::RegisterResponse> wrong =
      bob.Register(bob.key().public_key(), server->port());
  ASSERT_TRUE(wrong.ok()) << wrong.status();
  EXPECT_EQ(wrong->reachability().reason(), "KEY_MISMATCH");
}

TEST_F(GroupServiceTest, ARemovedMemberIsOutAtOnce) {
  GroupClient ada = NewMember(MemberRole::kReader);
  const absl::StatusOr<v1::RegisterResponse> registered =
      ada.Register(ada.key().public_key(), 4000);
  ASSERT_TRUE(registered.ok()) << registered.status();
  grpc::ClientContext announcing;
  announcing.AddMetadata("authorization", "Bearer " + registered->session_token());
  const auto announce = ada.stub().Announce(&announcing);
  v1::AnnounceResponse acknowledged;
  ASSERT_TRUE(announce->Read(&acknowledged));
  grpc::ClientContext watching;
  const auto watch = ada.stub().Watch(&watching, {});
  v1::WatchResponse event;
  ASSERT_TRUE(watch->Read(&event));

  ASSERT_TRUE(group().RemoveMember(ada.key().public_key()).ok());
  while (announce->Read(&acknowledged)) {
  }
  EXPECT_EQ(GetReason(FromGrpcStatus(announce->Finish(), "the index")), Reason::kNotAMember);
  while (watch->Read(&event)) {
  }
  EXPECT_EQ(GetReason(FromGrpcStatus(watch->Finish(), "the index")), Reason::kNotAMember);
  EXPECT_EQ(GetReason(ada.ListPeers()), Reason::kNotAMember) << "on the open connection";

  const PrivateKey key = ada.key();
  Start();
  EXPECT_EQ(GetReason(Client(key).ListPeers()), Reason::kIndexUnreachable) << "after a restart";
}

TEST_F(GroupServiceTest, AnnounceTellsWhatTheListOfThePeerLacks) {
  GroupClient ada = NewMember(MemberRole::kReader);
  const PublicKey bob = PrivateKey::Generate().public_key();
  ASSERT_TRUE(group().SetMember({bob, MemberRole::kFull, "bob"}).ok());
  const absl::StatusOr<v1::RegisterResponse> registered =
      ada.Register(ada.key().public_key(), 4000);
  ASSERT_TRUE(registered.ok()) << registered.status();
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + registered->session_token());
  const auto stream = ada.stub().Announce(&context);
  v1::AnnounceResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(response.has_members()) << "before the peer has said what it has";
  v1::AnnounceRequest first;
  first.set_members_version(1);
  stream->Write(first);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.members().version(), 2u);
  EXPECT_FALSE(response.members().complete());
  ASSERT_EQ(response.members().members_size(), 1);
  EXPECT_EQ(response.members().members(0).public_key(), bob.bytes());

  ASSERT_TRUE(group().RemoveMember(bob).ok());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.members().version(), 3u);
  EXPECT_FALSE(response.members().complete());
  ASSERT_EQ(response.members().removed_public_keys_size(), 1);
  EXPECT_EQ(response.members().removed_public_keys(0), bob.bytes());
  EXPECT_EQ(response.members().signature(), group().members()->signature());
  context.TryCancel();
}

// The list that a peer has after an update.
absl::StatusOr<MemberList> Applied(const MemberList& older, const v1::MembersUpdate& update,
                                   const PublicKey& index) {
  MemberChanges changes;
  for (const v1::Member& member : update.members()) {
    changes.set.push_back({PublicKey::FromBytes(member.public_key()).value(),
                           static_cast<MemberRole>(member.role()), member.name()});
  }
  for (const std::string& key : update.removed_public_keys()) {
    changes.removed.push_back(PublicKey::FromBytes(key).value());
  }
  return older.Apply(update.version(), update.complete(), changes, update.signature(), index);
}

// An Announce stream of a member that is registered.
class GroupAnnounce {
 public:
  GroupAnnounce(GroupClient& client, const std::string& token) {
    context_.AddMetadata("authorization", "Bearer " + token);
    SetTimeout(context_, absl::Minutes(1));
    stream_ = client.stub().Announce(&context_);
  }
  ~GroupAnnounce() {
    context_.TryCancel();
    (void)End();
  }

  // Sends the first message, and returns the answer to it.
  v1::AnnounceResponse First(const SignedVersion& members) {
    v1::AnnounceResponse response;
    EXPECT_TRUE(stream_->Read(&response)) << "the acknowledgement of the stream";
    v1::AnnounceRequest request;
    request.set_members_version(members.version);
    request.set_members_digest(members.digest);
    request.set_members_signature(members.signature);
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }
  absl::Status End() {
    v1::AnnounceResponse response;
    while (stream_->Read(&response)) {
    }
    if (!ended_.has_value()) ended_ = FromGrpcStatus(stream_->Finish(), "the index");
    return *ended_;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>> stream_;
  std::optional<absl::Status> ended_;
};

TEST_F(GroupServiceTest, APeerWithAnotherVersionGetsTheWholeList) {
  GroupClient ada = NewMember(MemberRole::kReader);
  ASSERT_TRUE(
      group().SetMember({PrivateKey::Generate().public_key(), MemberRole::kFull, "bob"}).ok());
  const PublicKey index = group().key().public_key();
  const std::string token = ada.Register(ada.key().public_key(), 4000)->session_token();
  const auto whole = [&](const SignedVersion& has) {
    const v1::AnnounceResponse response = GroupAnnounce(ada, token).First(has);
    EXPECT_TRUE(response.members().complete());
    return Applied({}, response.members(), index);
  };
  EXPECT_EQ(whole({}).value(), *group().members()) << "none";
  // More changes than the index remembers, so it does not know version 1 any more.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(group().SetMember({ada.key().public_key(), MemberRole::kReader, "a"}).ok());
  }
  EXPECT_EQ(whole({1, "", ""}).value(), *group().members()) << "a version of long ago";
  const v1::AnnounceResponse same =
      GroupAnnounce(ada, token).First(group().members()->signed_version());
  EXPECT_FALSE(same.has_members()) << "the same";
  EXPECT_EQ(group().newer_version_seen(), 0u);
}

TEST_F(GroupServiceTest, ANewerListThatThisIndexHasSignedStopsChanges) {
  GroupClient ada = NewMember(MemberRole::kReader);
  const std::string word = Invite();
  const MemberList newer = group().members()->Next({}, group().key(), 7).value();
  const std::string token = ada.Register(ada.key().public_key(), 4000)->session_token();
  SignedVersion forged = newer.signed_version();
  forged.version = 1'000;
  EXPECT_FALSE(GroupAnnounce(ada, token).First(forged).has_members());
  EXPECT_EQ(group().newer_version_seen(), 0u);
  EXPECT_FALSE(GroupAnnounce(ada, token).First(newer.signed_version()).has_members());
  EXPECT_EQ(group().newer_version_seen(), 8u);
  EXPECT_EQ(GetReason(Invited(word).Join().status()), Reason::kMembersOutdated);
  ASSERT_TRUE(group().ImportMembers(newer.ToText()).ok());
  EXPECT_TRUE(Invited(word).Join().ok()) << "the invitation was not used up";
}

TEST_F(GroupServiceTest, OfManyThatRaceAsManyJoinAsTheInvitationAdmits) {
  const std::string word =
      group().Invite({MemberRole::kFull, "", 3, absl::Hours(1), {"127.0.0.1:1"}}).value();
  std::vector<std::unique_ptr<GroupClient>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<GroupClient>(Invited(word)));
  std::vector<std::thread> threads;
  std::atomic<int> joined = 0;
  std::atomic<int> refused = 0;
  for (const auto& client : clients) {
    threads.emplace_back([&, client = client.get()] {
      const absl::Status status = client->Join().status();
      if (status.ok()) ++joined;
      if (GetReason(status) == Reason::kInvitationUsed) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(joined, 3);
  EXPECT_EQ(refused, 9);
  EXPECT_EQ(group().members()->members().size(), 3u);
}

TEST_F(GroupServiceTest, ASessionIsOnlyForTheKeyThatBeganIt) {
  GroupClient ada = NewMember(MemberRole::kFull);
  GroupClient eve = NewMember(MemberRole::kFull);
  const std::string token = ada.Register(ada.key().public_key(), 4000)->session_token();
  GroupAnnounce own(ada, token);
  EXPECT_EQ(GetReason(GroupAnnounce(eve, token).End()), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(eve.UpdateOwner(token)), Reason::kSessionUnknown);
  EXPECT_EQ(GetReason(eve.Unregister(token)), Reason::kSessionUnknown);
  own.First({});  // the stream and the session of its owner go on
  EXPECT_EQ(GetReason(ada.UpdateOwner(token)), Reason::kInvalidField) << "the call has no items";
  EXPECT_TRUE(ada.Unregister(token).ok());
}

TEST_F(GroupServiceTest, AfterARestartASessionIsTakenBackByItsOwnKeyOnly) {
  GroupClient ada = NewMember(MemberRole::kFull);
  const PrivateKey eve = PrivateKey::Generate();
  ASSERT_TRUE(group().SetMember({eve.public_key(), MemberRole::kFull, "eve"}).ok());
  v1::FileService::Service service;
  RpcServerOptions options;
  options.listen = "127.0.0.1:0";
  options.credentials = MakeKeyServerCredentials(
      MakeLeafCertificate(ada.key(), {}), [](const LeafClaims&) { return absl::OkStatus(); });
  const auto peer = RpcServer::Start(options, {&service}).value();
  const std::string token =
      ada.Register(ada.key().public_key(), peer->port(), true)->session_token();
  Start();
  GroupClient thief = Client(eve);
  EXPECT_TRUE(thief.Unregister(token).ok()) << "it knows no such session";
  EXPECT_EQ(GetReason(GroupAnnounce(thief, token).End()), Reason::kSessionUnknown);
  GroupClient back = Client(ada.key());
  GroupAnnounce(back, token).First({});
}

TEST_F(GroupServiceTest, AnyTlsClientConnectsWithTheFilesThatWereMadeForIt) {
  GroupClient ada = NewMember(MemberRole::kFull);
  const std::string files = home_ + "/files";
  const char* const add[] = {"arkshare-index", "members",     "add",    "grpcurl",
                             "--tls",          files.c_str(), "--home", home_.c_str()};
  ASSERT_EQ(RunGroupCommand(8, add), 0);
  const auto read = [&](const std::string& name) {
    std::ifstream file(files + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string certificate = read("/cert.pem");
  const auto connect = [&](const std::string& address) {
    grpc::ChannelArguments args;
    args.SetSslTargetNameOverride(kKeyTargetName);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        address, grpc::SslCredentials({read("/ca.pem"), read("/key.pem"), certificate}), args);
  };
  const auto index = v1::IndexService::NewStub(connect(server_->address()));
  const auto list = [&] {
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(1));
    v1::ListPeersResponse response;
    return FromGrpcStatus(index->ListPeers(&context, {}, &response), "the index");
  };
  EXPECT_TRUE(list().ok()) << list();
  const auto ping = [&](const PrivateKey& key) {
    v1::FileService::Service service;
    RpcServerOptions options;
    options.listen = "127.0.0.1:0";
    options.credentials = MakeKeyServerCredentials(
        MakeLeafCertificate(key, {}), [](const LeafClaims&) { return absl::OkStatus(); });
    const auto server = RpcServer::Start(options, {&service}).value();
    const auto peer = v1::FileService::NewStub(connect(server->address()));
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(1));
    v1::PingResponse response;
    return peer->Ping(&context, {}, &response).error_code();
  };
  EXPECT_EQ(ping(ada.key()), grpc::StatusCode::UNIMPLEMENTED) << "the handshake is done";
  EXPECT_EQ(ping(PrivateKey::Generate()), grpc::StatusCode::UNAVAILABLE) << "no member";
  ASSERT_TRUE(group().RemoveMember(ReadLeafCertificate(certificate).value().key).ok());
  EXPECT_EQ(GetReason(list()), Reason::kNotAMember);
}

TEST(GroupOptionsTest, OnlyOneWayToAdmitPeers) {
  IndexOptions options;
  options.home = testing::TempDir() + "unused-home";
  options.insecure = true;
  EXPECT_TRUE(absl::IsInvalidArgument(IndexServer::Start(options).status()));
  options.home.clear();
  options.insecure = false;
  options.listen = "0.0.0.0:0";
  const absl::Status status = IndexServer::Start(options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_LT(status.message().find("--home"), status.message().find("--tls-cert"));
}

}  // namespace
}  // namespace arkshare
