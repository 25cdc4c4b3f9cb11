// A group whose index has two replicas on three nodes of etcd: its members are the same at both.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/index/etcd/etcd_version.h"
#include "tests/replicas/etcd_cluster.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/group_index.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

class GroupReplicasTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd is not installed";
    etcd_ = std::make_unique<EtcdCluster>();
    a_ = NewReplica("a");
    ASSERT_TRUE(Ok(a_->Start()));
    b_ = NewReplica("b");
    TakeKeyOfA(*b_);
    ASSERT_TRUE(Ok(b_->Start()));
  }

  std::unique_ptr<GroupIndex> NewReplica(const std::string& name) {
    return std::make_unique<GroupIndex>(
        Folder(name), std::vector<std::string>{"--etcd", absl::StrJoin(etcd_->endpoints(), ","),
                                               "--log-level", "info"});
  }
  // As an owner admits a second replica.
  void TakeKeyOfA(GroupIndex& index) {
    const absl::StatusOr<Finished> key = a_->Run({"key", "export"});
    ASSERT_TRUE(Ok(key));
    const absl::StatusOr<Finished> imported = index.Run({"key", "import"}, key->output);
    ASSERT_TRUE(Ok(imported));
    ASSERT_EQ(imported->exit, ExitStatus{}) << imported->log;
  }
  std::string Folder(const std::string& name) {
    const std::string folder = absl::StrCat(dir_.path(), "/", name);
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    return folder;
  }
  // Makes a new member by an invitation of one replica that is used at the other.
  PrivateKey NewMember(GroupIndex& inviting, GroupIndex& joined) {
    const PrivateKey key = PrivateKey::Generate();
    const absl::StatusOr<std::string> word = inviting.Invite();
    EXPECT_TRUE(Ok(word));
    EXPECT_TRUE(EventuallyTrue([&] { return joined.Join(key, *word).ok(); }));
    return key;
  }
  static void Remove(GroupIndex& at, const PrivateKey& key) {
    const absl::StatusOr<Finished> removed = at.Run({"members", "remove", key.public_key().hex()});
    ASSERT_TRUE(Ok(removed));
    ASSERT_EQ(removed->exit, ExitStatus{}) << removed->log;
  }
  static absl::Status CallWith(v1::IndexService::Stub& stub) {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::ListMembersResponse response;
    return FromGrpcStatus(stub.ListMembers(&context, {}, &response), "the index",
                          Reason::kIndexUnreachable);
  }
  static int MembersAt(GroupIndex& index, const PrivateKey& as) {
    const absl::StatusOr<v1::ListMembersResponse> members = index.ListMembers(as);
    return members.ok() ? members->members().members_size() : -1;
  }

  TempDir dir_;
  std::unique_ptr<EtcdCluster> etcd_;
  std::unique_ptr<GroupIndex> a_;
  std::unique_ptr<GroupIndex> b_;
};

TEST_F(GroupReplicasTest, ARemovalAtOneReplicaIsRefusedAtTheOther) {
  const PrivateKey ada = NewMember(*a_, *b_);
  const PrivateKey bob = NewMember(*b_, *a_);
  EXPECT_TRUE(EventuallyTrue([&] { return MembersAt(*b_, ada) == 2; }));
  EXPECT_TRUE(EventuallyTrue([&] { return MembersAt(*a_, ada) == 2; }));
  // A connection that is open stays open; its calls are refused.
  const std::unique_ptr<v1::IndexService::Stub> open = b_->Connect(ada, "");
  ASSERT_TRUE(Ok(CallWith(*open)));
  Remove(*a_, ada);
  EXPECT_TRUE(EventuallyTrue([&] { return GetReason(CallWith(*open)) == Reason::kNotAMember; }));
  EXPECT_FALSE(b_->ListMembers(ada).ok());
  EXPECT_EQ(MembersAt(*b_, bob), 1);
  EXPECT_EQ(MembersAt(*a_, bob), 1);

  // Neither a killed replica nor a wiped etcd brings the member back.
  b_->process().Kill();
  ASSERT_TRUE(Ok(b_->Start()));
  EXPECT_FALSE(b_->ListMembers(ada).ok());
  EXPECT_EQ(MembersAt(*b_, bob), 1);
  etcd_->Wipe();
  const PrivateKey carl = PrivateKey::Generate();
  EXPECT_TRUE(EventuallyTrue([&] {
    const absl::StatusOr<std::string> word = a_->Invite();
    return word.ok() && b_->Join(carl, *word).ok();
  }));
  EXPECT_TRUE(EventuallyTrue([&] { return MembersAt(*a_, bob) == 2; }));
  EXPECT_FALSE(a_->ListMembers(ada).ok());
  EXPECT_FALSE(b_->ListMembers(ada).ok());
}

TEST_F(GroupReplicasTest, TheLastUseOfAnInvitationIsTakenOnce) {
  const PrivateKey ada = NewMember(*a_, *a_);
  for (int round = 0; round < 5; ++round) {
    const absl::StatusOr<std::string> word = (round % 2 == 0 ? *a_ : *b_).Invite();
    ASSERT_TRUE(Ok(word));
    // Both replicas know the invitation, so that neither turns the keys away in the handshake.
    EXPECT_TRUE(EventuallyTrue([&] {
      for (GroupIndex* index : {a_.get(), b_.get()}) {
        const absl::StatusOr<Finished> all = index->Run({"invitations", "list"});
        if (!all.ok() || !absl::StrContains(all->output, "open  0/1")) return false;
      }
      return true;
    }));
    std::atomic<int> joined = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, at = i % 2 == 0 ? a_.get() : b_.get()] {
        const absl::Status status = at->Join(PrivateKey::Generate(), *word).status();
        if (status.ok()) {
          ++joined;
        } else {
          EXPECT_EQ(GetReason(status), Reason::kInvitationUsed) << status;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(joined, 1);
  }
  EXPECT_TRUE(EventuallyTrue([&] { return MembersAt(*a_, ada) == 6 && MembersAt(*b_, ada) == 6; }));
  EXPECT_EQ(a_->ListMembers(ada)->members().version(), 6u);
  EXPECT_EQ(b_->ListMembers(ada)->members().version(), 6u);
}

TEST_F(GroupReplicasTest, APeerGoesOnAtTheOtherReplica) {
  const absl::StatusOr<Finished> word =
      a_->Run({"invite", "--address", a_->address(), "--address", b_->address(), "--name", "ada"});
  ASSERT_TRUE(Ok(word));
  ASSERT_EQ(word->exit, ExitStatus{}) << word->log;
  std::filesystem::create_directories(Folder("ada") + "/books");
  WriteBook(Folder("ada") + "/books", "of ada", "book of ada");
  PeerOptions options;
  options.folder = Folder("ada");
  options.group = true;
  options.join = std::string(absl::StripAsciiWhitespace(word->output));
  const auto peer = PeerProcess::Start(options);
  ASSERT_TRUE(Ok(peer));
  ASSERT_TRUE(Ok((*peer)->WaitOnline()));
  const PrivateKey bob = NewMember(*b_, *b_);
  const auto lists_it = [&](GroupIndex& index, const std::string& book) {
    const std::unique_ptr<v1::IndexService::Stub> stub = index.Connect(bob, "");
    v1::SearchRequest request;
    request.set_name(book);
    v1::SearchResponse response;
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    return stub->Search(&context, request, &response).ok() && response.results_size() == 1;
  };
  EXPECT_TRUE(EventuallyTrue([&] { return lists_it(*b_, "of ada"); }));
  a_->process().Kill();
  WriteBook((*peer)->books(), "later", "written when its index was gone");
  EXPECT_TRUE(EventuallyTrue([&] { return lists_it(*b_, "of ada") && lists_it(*b_, "later"); }));
}

TEST_F(GroupReplicasTest, AReplicaWithAnotherKeyDoesNotStart) {
  GroupIndex other(Folder("c"), {"--etcd", absl::StrJoin(etcd_->endpoints(), ",")});
  EXPECT_FALSE(other.Start().ok());
  const absl::StatusOr<ExitStatus> exit = other.process().WaitExit();
  ASSERT_TRUE(Ok(exit));
  EXPECT_EQ(exit->code, 2);
  EXPECT_THAT(other.process().Log(), HasSubstr("key import"));
}

TEST_F(GroupReplicasTest, AnOldEtcdIsToldOf) {
  const auto version = [&]() -> std::string {
    const std::string log = a_->process().Log();
    for (const absl::string_view line : absl::StrSplit(log, '\n')) {
      const size_t place = line.find("etcd_version version=");
      if (place == absl::string_view::npos) continue;
      return std::string(absl::StripAsciiWhitespace(
          line.substr(place + absl::string_view("etcd_version version=").size())));
    }
    return "";
  };
  ASSERT_TRUE(EventuallyTrue([&] { return !version().empty(); }));
  std::string plain = version();
  plain.erase(std::remove(plain.begin(), plain.end(), '"'), plain.end());
  EXPECT_TRUE(EventuallyTrue([&] {
    const std::string log = a_->process().Log();
    return LosesEvents(plain) ==
           (absl::StrContains(log, "etcd_old") && absl::StrContains(log, "3.5.22"));
  })) << plain;
}

}  // namespace
}  // namespace arkshare
