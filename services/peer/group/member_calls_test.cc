#include "services/peer/group/member_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/member_protos.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/grpc_runtime.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

// A FileService with calls that only show who may make them.
class GuardedService final : public v1::FileService::Service {
 public:
  explicit GuardedService(MemberCalls* calls) : calls_(calls) {}

  grpc::Status GetManifest(grpc::ServerContext* context, const v1::GetManifestRequest* /*request*/,
                           v1::GetManifestResponse* /*response*/) override {
    return ToGrpcStatus(calls_->Begin(context, "GetManifest").status());
  }
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* /*request*/,
                       v1::ReleaseResponse* /*response*/) override {
    return ToGrpcStatus(calls_->Begin(context, "Release").status());
  }
  // Sends messages until the call is cancelled.
  grpc::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest* /*request*/,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override {
    const absl::StatusOr<MemberCalls::Call> call = calls_->Begin(context, "WatchPieces");
    if (!call.ok()) return ToGrpcStatus(call.status());
    while (writer->Write(v1::WatchPiecesResponse())) {
    }
    return grpc::Status::CANCELLED;
  }

 private:
  MemberCalls* const calls_;
};

class MemberCallsTest : public testing::Test {
 protected:
  MemberCallsTest() { KeepGrpcRunning(); }

  void SetUp() override {
    RpcServerOptions options{.listen = "127.0.0.1:0"};
    options.credentials =
        MakeKeyServerCredentials(MakeLeafCertificate(server_key_, {}),
                                 [this](const LeafClaims& caller) { return calls_.Admit(caller); });
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start(std::move(options), {&service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void Set(MemberChanges changes) {
    list_ = list_.Next(changes, index_).value();
    ASSERT_TRUE(membership_.Apply(WholeUpdate(list_)).ok());
  }
  std::unique_ptr<v1::FileService::Stub> Connect(const PrivateKey& key) {
    const PublicKey expected = server_key_.public_key();
    return v1::FileService::NewStub(
        Dialer::WithKey(MakeLeafCertificate(key, {}))->Dial(server_->address(), &expected));
  }
  template <typename Request, typename Response>
  static absl::Status Call(v1::FileService::Stub& stub,
                           grpc::Status (v1::FileService::Stub::*method)(grpc::ClientContext*,
                                                                         const Request&,
                                                                         Response*)) {
    grpc::ClientContext context;
    SetTimeout(context, absl::Minutes(1));
    Response response;
    return FromGrpcStatus((stub.*method)(&context, Request(), &response), "the peer");
  }
  static absl::Status GetManifest(v1::FileService::Stub& stub) {
    return Call<v1::GetManifestRequest>(stub, &v1::FileService::Stub::GetManifest);
  }
  static absl::Status Release(v1::FileService::Stub& stub) {
    return Call<v1::ReleaseRequest>(stub, &v1::FileService::Stub::Release);
  }

  TempFolder temp_;
  const UniqueFd folder_{::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const StateFiles files_{folder_.get()};
  const PrivateKey index_ = PrivateKey::Generate();
  const PrivateKey server_key_ = PrivateKey::Generate();
  const PrivateKey ada_ = PrivateKey::Generate();
  MemberList list_;
  Membership membership_{&files_, {index_.public_key(), {"a:1"}}, server_key_.public_key()};
  MemberCalls calls_{&membership_, Clock::Real()};
  GuardedService service_{&calls_};
  std::unique_ptr<RpcServer> server_;
};

TEST_F(MemberCallsTest, OnlyMembersAndTheIndexConnect) {
  Set({{{ada_.public_key(), MemberRole::kFull, "ada"}}, {}});
  const auto ada = Connect(ada_);
  EXPECT_TRUE(GetManifest(*ada).ok());
  EXPECT_TRUE(Release(*ada).ok());
  const auto stranger = Connect(PrivateKey::Generate());
  EXPECT_EQ(GetReason(GetManifest(*stranger)), Reason::kPeerUnreachable) << "in the handshake";
  const auto index = Connect(index_);
  EXPECT_EQ(GetReason(GetManifest(*index)), Reason::kNotAMember) << "it only looks who is there";
}

TEST_F(MemberCallsTest, EachRoleHasItsCalls) {
  Set({{{ada_.public_key(), MemberRole::kReader, "ada"}}, {}});
  const auto ada = Connect(ada_);
  EXPECT_TRUE(GetManifest(*ada).ok());
  EXPECT_EQ(GetReason(Release(*ada)), Reason::kRoleForbids);
  Set({{{ada_.public_key(), MemberRole::kWatcher, "ada"}}, {}});
  EXPECT_EQ(GetReason(GetManifest(*ada)), Reason::kRoleForbids) << "on an open connection";
}

TEST_F(MemberCallsTest, ARemovalEndsCallsThatRun) {
  const PrivateKey bob = PrivateKey::Generate();
  Set({{{ada_.public_key(), MemberRole::kFull, "ada"}, {bob.public_key(), MemberRole::kFull, "b"}},
       {}});
  const auto ada = Connect(ada_);
  const auto other = Connect(bob);
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  const auto reader = ada->WatchPieces(&context, v1::WatchPiecesRequest());
  grpc::ClientContext other_context;
  const auto other_reader = other->WatchPieces(&other_context, v1::WatchPiecesRequest());
  v1::WatchPiecesResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(other_reader->Read(&response));
  Set({{}, {ada_.public_key()}});
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(GetReason(GetManifest(*ada)), Reason::kNotAMember) << "on the connection that is open";
  EXPECT_TRUE(other_reader->Read(&response));
  other_context.TryCancel();
  EXPECT_EQ(GetReason(GetManifest(*Connect(ada_))), Reason::kPeerUnreachable)
      << "a new connection is refused";
}

}  // namespace
}  // namespace arkshare
