// The commands of a peer in a group: keys, and names.
#include "clients/cli/group.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "clients/cli/commands.h"
#include "clients/cli/menu.h"
#include "clients/cli/testing/group_fixture.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class GroupCommandsTest : public GroupTest {
 protected:
  v1::Holder HolderOf(uint32_t peer_id, const PrivateKey& key) {
    v1::Holder holder = MakeHolder(peer_id, "127.0.0.1:41931");
    holder.set_public_key(key.public_key().bytes());
    return holder;
  }
};

TEST_F(GroupCommandsTest, TheIndexIsCalledWithKeys) {
  AddPeer(1, "127.0.0.1:41931", bob_);
  AddPeer(5, "127.0.0.1:41935", ada_);
  EXPECT_EQ(RunPeers(*session_), kExitDone) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("1 (bob)"), HasSubstr("5 (ada)")));
}

TEST_F(GroupCommandsTest, AnIndexWithAnotherKeyIsNotCalled) {
  StartIndex(eve_);
  EXPECT_EQ(RunPeers(*session_), kExitFailed);
  EXPECT_THAT(err(), AllOf(HasSubstr(eve_.public_key().hex()),
                           HasSubstr(index_key_.public_key().hex()), HasSubstr("invitation")));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(GroupCommandsTest, ARemovedPeerLearnsThatItMayHaveBeenRemoved) {
  Remove(ada_.public_key());
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("ask whether you were removed"));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(GroupCommandsTest, TheNextIndexIsTriedAfterOneWithAnotherKey) {
  FakeIndex other;
  const std::unique_ptr<RpcServer> server = Serve(eve_, &other);
  ConnectionOptions both = options();
  both.index = absl::StrCat(server->address(), ",", index_address_);
  Connect(both);
  EXPECT_EQ(RunPeers(*session_), kExitDone) << err();
  EXPECT_EQ(other.calls(), 0);
  EXPECT_EQ(index_.calls(), 1);
}

TEST_F(GroupCommandsTest, WithoutAGroupAnIndexWithKeysSaysHowToJoin) {
  peer_.SetExport(MakeError(Reason::kGroupUnknown, "no group"));
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), AllOf(HasSubstr("--join"), HasSubstr("arkshare-cli tls DIR")));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(GroupCommandsTest, APeerThatIsOlderThanGroupsHasNone) {
  peer_.SetExport(absl::UnimplementedError("unknown method"));
  index_server_ = *RpcServer::Start({.listen = "127.0.0.1:0"}, {&index_});
  index_address_ = index_server_->address();
  ConnectionOptions plain = options();
  plain.index = index_address_;
  Connect(plain);
  EXPECT_EQ(RunPeers(*session_), kExitDone) << err();
  EXPECT_EQ(out(), "no peer is registered\n");
}

TEST_F(GroupCommandsTest, ACertificateOfNoMemberIsNotUsed) {
  v1::ExportTlsResponse exported = Export();
  exported.set_certificate("nonsense");
  peer_.SetExport(exported);
  EXPECT_EQ(RunPeers(*session_), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("no certificate of a member"));
}

TEST_F(GroupCommandsTest, PingCallsPeersByTheirKeys) {
  FakeFileService files;
  const std::unique_ptr<RpcServer> server = Serve(files.private_key(), &files);
  v1::Peer peer;
  peer.set_peer_id(1);
  peer.set_address(server->address());
  peer.set_public_key(files.public_key().bytes());
  peer.set_policy(v1::SHARE_POLICY_MOVE);
  index_.AddPeer(peer);
  v1::ExportTlsResponse exported = Export();
  AddMember(exported, files.private_key(), "carl");
  peer_.SetExport(exported);
  const PingOptions once{.peer_ids = {1}, .count = 1, .interval = absl::ZeroDuration()};
  EXPECT_EQ(RunPing(*session_, once), kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr(absl::StrCat("peer 1 (carl) at ", server->address(), ": 1 of 1")));
}

TEST_F(GroupCommandsTest, PingTellsAnImpostorByItsKeyBeforeItCalls) {
  FakeFileService impostor;
  const std::unique_ptr<RpcServer> server = Serve(impostor.private_key(), &impostor);
  AddPeer(1, server->address(), bob_);
  EXPECT_EQ(RunPing(*session_, {.peer_ids = {1}, .count = 1}), kExitFailed);
  EXPECT_THAT(err(), AllOf(HasSubstr("peer 1 (bob)"), HasSubstr(bob_.public_key().hex()),
                           HasSubstr(impostor.public_key().hex())));
  EXPECT_EQ(impostor.pings(), 0);
}

TEST_F(GroupCommandsTest, HealthAsksTheIndexAndMembersOnly) {
  FakeFileService files;
  const std::unique_ptr<RpcServer> member = Serve(bob_, &files);
  const std::unique_ptr<RpcServer> stranger = Serve(eve_, &files);
  const std::unique_ptr<RpcServer> plain = *RpcServer::Start({.listen = "127.0.0.1:0"}, {&files});
  for (RpcServer* server :
       {index_server_.get(), member.get(), stranger.get(), plain.get(), peer_server_.get()}) {
    server->SetServing(true);
  }
  EXPECT_EQ(RunHealth(*session_,
                      {.addresses = {peer_target_, index_server_->address(), member->address()}}),
            kExitDone)
      << err();
  EXPECT_EQ(RunHealth(*session_, {.addresses = {stranger->address()}}), kExitFailed);
  EXPECT_THAT(err(), AllOf(HasSubstr(eve_.public_key().hex()), HasSubstr("not in your group")));
  err_.str("");
  EXPECT_EQ(RunHealth(*session_, {.addresses = {plain->address()}}), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("does not use TLS"));
}

TEST_F(GroupCommandsTest, SearchAndGetAndTransfersNameThePeers) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {HolderOf(1, bob_), HolderOf(7, eve_)}));
  EXPECT_EQ(RunSearch(*session_, {.name = "195"}), kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr("  1 (bob), 7\n"));
  v1::Transfer transfer;
  transfer.set_name("195");
  *transfer.mutable_content() = MakeContent(2, 5000);
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.set_transfer_id(std::string(16, 'i'));
  transfer.set_from_peer_id(1);
  transfer.set_source_public_key(bob_.public_key().bytes());
  for (const uint32_t id : {7u, 1u}) {
    v1::Contribution& contribution = *transfer.add_contributions();
    contribution.set_peer_id(id);
    contribution.set_public_key((id == 1 ? bob_ : eve_).public_key().bytes());
  }
  peer_.transfers().AddTransfer(transfer);
  peer_.fetches().SetFetchScript([transfer](const v1::FetchRequest&, grpc::ServerContext*,
                                            grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    *response.mutable_transfer() = transfer;
    writer->Write(response);
    return grpc::Status::OK;
  });
  out_.str("");
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr("from peers 7, 1 (bob) (peer 1 (bob) keeps its copy"));
  out_.str("");
  EXPECT_EQ(RunTransfers(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("7, 1 (bob)"));
}

TEST_F(GroupCommandsTest, LimboAndBrowseNameThePeers) {
  v1::LimboEntry entry;
  entry.set_transfer_id(std::string(16, 'i'));
  entry.set_name("195");
  entry.set_receiver_public_key(bob_.public_key().bytes());
  peer_.activity().AddLimbo(entry);
  EXPECT_EQ(RunLimbo(*session_, {}), kExitDone);
  EXPECT_THAT(out(), HasSubstr(absl::StrCat(bob_.public_key().hex().substr(0, 12), " (bob)")));
  AddPeer(1, "127.0.0.1:41931", bob_);
  EXPECT_EQ(RunBrowse(*session_, {.peer_id = 1}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("peer 1 (bob) lists no books\n"));
}

TEST_F(GroupCommandsTest, TheMenuNamesThePeersInItsPhrases) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {HolderOf(1, bob_)}));
  v1::GetStatusResponse status = peer_.status();
  status.mutable_group()->mutable_member()->set_name("ada");
  peer_.SetStatus(status);
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const std::string input = "1\n195\nn\n";
  ASSERT_EQ(write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(ends[1]);
  const std::unique_ptr<Terminal> terminal = Terminal::FromPipe(ends[0], out_, &interrupts_);
  EXPECT_EQ(RunMenu(*session_, *terminal), kExitDone);
  close(ends[0]);
  EXPECT_THAT(out(), HasSubstr("registered successfully with id 5\n"));
  EXPECT_THAT(out(), HasSubstr("[(1, '127.0.0.1', 41931)]\n"
                               "book found in peer 1 (bob) want to download (y for yes) "));
  EXPECT_THAT(out(), HasSubstr("leaving the menu; peer 5 (ada) shares on"));
}

TEST_F(GroupCommandsTest, WatchNamesAMemberThatJoinsMeanwhile) {
  ConnectionOptions timed = options();
  timed.clock = &clock_;
  Connect(timed);
  index_.SetWatchScript([this](const v1::WatchRequest&, grpc::ServerContext*,
                               grpc::ServerWriter<v1::WatchResponse>* writer) {
    v1::WatchResponse event;
    event.set_boot_id(std::string(16, 'b'));
    event.mutable_snapshot_complete();
    writer->Write(event);
    v1::ExportTlsResponse exported = Export();
    AddMember(exported, eve_, "eve");
    peer_.SetExport(exported);
    clock_.Advance(absl::Seconds(1));
    v1::Peer& peer = *event.mutable_peer_listed()->mutable_peer();
    peer.set_peer_id(8);
    peer.set_address("127.0.0.1:41938");
    peer.set_public_key(eve_.public_key().bytes());
    peer.set_policy(v1::SHARE_POLICY_MOVE);
    peer.set_listed(true);
    writer->Write(event);
    event.mutable_peer_gone()->set_peer_id(8);
    writer->Write(event);
    return ToGrpcStatus(MakeError(Reason::kInvalidField, "the end of the test"));
  });
  EXPECT_EQ(RunWatch(*session_, {}), kExitUsage);
  EXPECT_THAT(out(), AllOf(HasSubstr("+ peer 8 (eve) at 127.0.0.1:41938"),
                           HasSubstr("- peer 8 (eve) with all its books")));
}

TEST_F(GroupCommandsTest, StatusShowsTheGroup) {
  v1::GetStatusResponse status = peer_.status();
  v1::GroupStatus& group = *status.mutable_group();
  group.set_index_public_key(index_key_.public_key().bytes());
  group.mutable_member()->set_public_key(ada_.public_key().bytes());
  group.mutable_member()->set_role(v1::MEMBER_ROLE_READER);
  group.mutable_member()->set_name("ada");
  group.set_members_version(12);
  group.set_member_count(2);
  peer_.SetStatus(status);
  EXPECT_EQ(RunStatus(*session_), kExitDone);
  const std::string key = index_key_.public_key().hex();
  EXPECT_THAT(out(), HasSubstr("peer            5 (ada)\n"));
  EXPECT_THAT(out(), HasSubstr(absl::StrCat(
                         "group           of the index ", key.substr(0, 12),
                         ", 2 members, list version 12\nmember          ada, reader\n")));
  out_.str("");
  session_->console.json = true;
  EXPECT_EQ(RunStatus(*session_), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr(absl::StrCat("\"index_public_key\":\"", key, "\"")),
                           HasSubstr("\"role\":\"reader\",\"name\":\"ada\""),
                           HasSubstr("\"members_version\":12,\"member_count\":2")));
}

TEST(PeerNamesTest, ShowsNamesSafely) {
  v1::MembersUpdate members;
  v1::Member& member = *members.add_members();
  member.set_public_key(std::string(32, 'k'));
  member.set_name("a\x1b[31mda");
  members.add_members()->set_public_key(std::string(32, 'n'));
  const PeerNames names(members);
  EXPECT_EQ(names.Show(5, std::string(32, 'k')), "5 (a\\u{001B}[31mda)");
  EXPECT_EQ(names.Show(6, std::string(32, 'n')), "6");
  EXPECT_TRUE(names.Has(std::string(32, 'n')));
  EXPECT_EQ(names.Show(7, std::string(32, 'x')), "7");
  EXPECT_FALSE(names.Has(std::string(32, 'x')));
  EXPECT_EQ(PeerNames().Show(5, std::string(32, 'k')), "5");
}

}  // namespace
}  // namespace arkshare
