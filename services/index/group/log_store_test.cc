// The group of an index with replicas, over a log in memory.
#include "services/index/group/log_store.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "services/index/group/group.h"
#include "services/index/group/home.h"
#include "services/index/shared_log/split_fold.h"
#include "services/index/shared_log/testing/log_calls.h"
#include "services/index/shared_log/testing/memory_log.h"

namespace arkshare {
namespace {

PrivateKey StoreKey(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

class NoFold : public LogFold {
 public:
  void Load(int64_t, std::vector<LogEntry>) override {}
  void Step(int64_t, std::vector<LogEvent>) override {}
  void Refounded() override {}
};

// The group of one replica, as IndexServer opens it. It stops when it is destroyed.
class GroupReplica {
 public:
  GroupReplica(MemoryEngine* engine, const std::string& home, const Clock* clock)
      : log_(engine->MakeReplica()),
        group_(Group::Open(home, clock, log_.get()).value()),
        split_(kGroupKeys, group_->fold(), &others_) {
    group_->SetListener([this](const std::shared_ptr<const MemberList>& members) {
      versions_.push_back(members->version());
    });
    log_->Start(&split_);
    EXPECT_TRUE(AwaitLive(*log_));
    put_back_ = group_->PutBack();
  }
  ~GroupReplica() { log_->Stop(); }

  Group& group() { return *group_; }
  SharedLog& log() { return *log_; }
  const absl::Status& put_back() const { return put_back_; }
  // Everything that was changed before, anywhere, is here then. Returns the members.
  std::shared_ptr<const MemberList> Settled() {
    EXPECT_TRUE(MarkNow(*log_).ok());
    return group_->members();
  }
  // Stops, and returns the versions that the listener was told.
  std::vector<uint64_t> Stop() {
    log_->Stop();
    return versions_;
  }

 private:
  std::vector<uint64_t> versions_;
  NoFold others_;
  std::unique_ptr<SharedLog> log_;
  std::unique_ptr<Group> group_;
  SplitFold split_;
  absl::Status put_back_;
};

class LogStoreTest : public testing::Test {
 protected:
  LogStoreTest() {
    std::string pattern = testing::TempDir() + "/replicasXXXXXX";
    folder_ = mkdtemp(pattern.data());
    a_ = Replica("a");
    b_ = Replica("b");
  }
  ~LogStoreTest() override {
    a_.reset();
    b_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string Home(const std::string& name) { return folder_ + "/" + name; }
  // A replica with the key of the group, in the folder of this name.
  std::unique_ptr<GroupReplica> Replica(const std::string& name) {
    EXPECT_TRUE(ImportKey(Home(name), key_).ok());
    return std::make_unique<GroupReplica>(&engine_, Home(name), &clock_);
  }
  // Returns the secret of a new invitation.
  static std::string Invite(GroupReplica& at, uint32_t uses = 1) {
    Group::InviteOptions options;
    options.addresses = {"192.0.2.1:50051"};
    options.uses = uses;
    const absl::StatusOr<std::string> word = at.group().Invite(options);
    EXPECT_TRUE(word.ok()) << word.status();
    return ReadInvitation(word.value_or(""))->secret;
  }
  absl::Status Join(GroupReplica& at, const PublicKey& key, const std::string& secret) {
    return at.group().Join(key, JoinProofOf(secret, key_.public_key(), key), "").status();
  }
  // Waits until the replica has the log that was founded last.
  static void AwaitBirthAfter(GroupReplica& replica, const std::string& birth) {
    while (replica.log().birth() == birth) std::this_thread::yield();
    EXPECT_TRUE(AwaitLive(replica.log()));
  }
  void Refound(MemoryEngine::Contents contents = {}) {
    const std::string birth = a_->log().birth();
    engine_.Refound(std::move(contents));
    AwaitBirthAfter(*a_, birth);
    AwaitBirthAfter(*b_, birth);
  }

  const PrivateKey key_ = StoreKey(1);
  const PublicKey ada_ = StoreKey(2).public_key();
  const PublicKey bob_ = StoreKey(3).public_key();
  FakeClock clock_;
  MemoryEngine engine_;
  std::string folder_;
  std::unique_ptr<GroupReplica> a_;
  std::unique_ptr<GroupReplica> b_;
};

TEST_F(LogStoreTest, AChangeAtOneReplicaHoldsAtTheOther) {
  ASSERT_TRUE(a_->group().SetMember({ada_, MemberRole::kReader, "ada"}).ok());
  EXPECT_EQ(*b_->Settled(), *a_->group().members());
  EXPECT_EQ(b_->group().FindMember(ada_)->name, "ada");
  ASSERT_TRUE(b_->group().RemoveMember(ada_).ok());
  a_->Settled();
  EXPECT_EQ(GetReason(a_->group().Admit({ada_, std::nullopt})), Reason::kNotAMember);
  EXPECT_TRUE(absl::IsNotFound(a_->group().RemoveMember(ada_)));
  // A replica that starts again has it, too.
  a_.reset();
  a_ = Replica("a");
  EXPECT_EQ(GetReason(a_->group().Admit({ada_, std::nullopt})), Reason::kNotAMember);
  EXPECT_EQ(a_->group().members()->version(), 2u);
}

TEST_F(LogStoreTest, AnInvitationOfOneReplicaIsUsedAtTheOther) {
  const std::string secret = Invite(*a_);
  ASSERT_TRUE(Join(*b_, ada_, secret).ok());
  EXPECT_TRUE(Join(*a_, ada_, secret).ok()) << "the answer may have been lost";
  EXPECT_EQ(GetReason(Join(*a_, bob_, secret)), Reason::kInvitationUsed);
  ASSERT_TRUE(a_->group().RemoveMember(ada_).ok());
  EXPECT_EQ(GetReason(Join(*b_, ada_, secret)), Reason::kInvitationUsed);
}

TEST_F(LogStoreTest, OfManyThatRaceAtTwoReplicasForTheLastUseOneJoins) {
  for (int round = 0; round < 40; ++round) {
    const std::string secret = Invite(round % 2 == 0 ? *a_ : *b_);
    const size_t before = a_->Settled()->members().size();
    std::atomic<int> joined = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, at = i % 2 == 0 ? a_.get() : b_.get()] {
        const absl::Status status = Join(*at, PrivateKey::Generate().public_key(), secret);
        if (status.ok()) ++joined;
        if (!status.ok()) {
          EXPECT_EQ(GetReason(status), Reason::kInvitationUsed) << status;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(joined, 1);
    EXPECT_EQ(a_->Settled()->members().size(), before + 1);
  }
}

TEST_F(LogStoreTest, ChangesAtBothReplicasMakeOneListWithoutAGap) {
  constexpr int kEach = 20;
  std::vector<std::thread> threads;
  for (GroupReplica* at : {a_.get(), b_.get()}) {
    threads.emplace_back([at] {
      for (int i = 0; i < kEach; ++i) {
        const Member member{PrivateKey::Generate().public_key(), MemberRole::kFull, "one"};
        EXPECT_TRUE(at->group().SetMember(member).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*a_->Settled(), *b_->Settled());
  EXPECT_EQ(a_->group().members()->members().size(), 2u * kEach);
  std::vector<uint64_t> versions;
  for (uint64_t version = 1; version <= 2 * kEach; ++version) versions.push_back(version);
  EXPECT_EQ(a_->Stop(), versions);
  EXPECT_EQ(b_->Stop(), versions);
}

TEST_F(LogStoreTest, ALostAnswerDoesNotUseAnInvitationTwice) {
  const std::string secret = Invite(*a_, /*uses=*/2);
  engine_.LoseOutcomes(1);
  EXPECT_TRUE(Join(*a_, ada_, secret).ok());
  EXPECT_TRUE(Join(*b_, bob_, secret).ok()) << "the second use was left";
}

TEST_F(LogStoreTest, TheGroupOutlivesTheLossOfTheLog) {
  const std::string secret = Invite(*a_);
  const std::string open = Invite(*b_);
  ASSERT_TRUE(Join(*a_, ada_, secret).ok());
  Refound();
  EXPECT_TRUE(a_->group().FindMember(ada_).ok()) << "no member is sent away meanwhile";
  EXPECT_TRUE(a_->group().PutBack().ok());
  EXPECT_TRUE(b_->group().PutBack().ok());
  const auto c = Replica("c");
  EXPECT_TRUE(c->group().FindMember(ada_).ok());
  EXPECT_EQ(GetReason(Join(*c, bob_, secret)), Reason::kInvitationUsed);
  EXPECT_TRUE(Join(*c, bob_, open).ok());
}

TEST_F(LogStoreTest, ABackupOfTheLogBringsNoRemovedMemberBack) {
  ASSERT_TRUE(a_->group().SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  ASSERT_TRUE(a_->group().SetMember({bob_, MemberRole::kFull, "bob"}).ok());
  const MemoryEngine::Contents backup = engine_.Save();
  ASSERT_TRUE(a_->group().RemoveMember(ada_).ok());
  b_->Settled();
  Refound(backup);
  for (GroupReplica* replica : {a_.get(), b_.get()}) {
    EXPECT_FALSE(replica->group().FindMember(ada_).ok());
    EXPECT_TRUE(replica->group().PutBack().ok());
  }
  EXPECT_FALSE(Replica("c")->group().FindMember(ada_).ok());
}

TEST_F(LogStoreTest, AllReplicasAndTheLogAreLostButTheFolders) {
  const std::string secret = Invite(*a_);
  ASSERT_TRUE(Join(*a_, ada_, secret).ok());
  b_->Settled();
  a_.reset();
  b_.reset();
  engine_.Refound();
  b_ = Replica("b");
  EXPECT_TRUE(b_->group().FindMember(ada_).ok());
  a_ = Replica("a");
  EXPECT_EQ(GetReason(Join(*a_, bob_, secret)), Reason::kInvitationUsed);
}

TEST_F(LogStoreTest, TheGroupOfAnIndexByItselfIsTakenOver) {
  a_.reset();
  b_.reset();
  engine_.Refound();
  {
    ASSERT_TRUE(ImportKey(Home("alone"), key_).ok());
    const auto alone = Group::Open(Home("alone"), &clock_).value();
    ASSERT_TRUE(alone->SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  }
  a_ = Replica("alone");
  b_ = Replica("new");
  EXPECT_TRUE(b_->group().FindMember(ada_).ok());
  // And back again.
  ASSERT_TRUE(b_->group().SetMember({bob_, MemberRole::kFull, "bob"}).ok());
  a_->Settled();
  a_.reset();
  EXPECT_TRUE(Group::Open(Home("alone"), &clock_).value()->FindMember(bob_).ok());
}

TEST_F(LogStoreTest, AReplicaWithAnotherKeyIsRefused) {
  ASSERT_TRUE(ImportKey(Home("other"), StoreKey(9)).ok());
  GroupReplica other(&engine_, Home("other"), &clock_);
  EXPECT_TRUE(absl::IsInvalidArgument(other.put_back())) << other.put_back();
  EXPECT_TRUE(absl::StrContains(other.put_back().message(), key_.public_key().hex()));
  EXPECT_FALSE(other.group().SetMember({ada_, MemberRole::kFull, ""}).ok());
  EXPECT_TRUE(a_->Settled()->members().empty());
}

TEST_F(LogStoreTest, AReplicaThatIsCutOffChangesNothingAndAdmitsItsMembers) {
  ASSERT_TRUE(a_->group().SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  engine_.CutOff(a_->log().replica(), true);
  EXPECT_EQ(GetReason(a_->group().RemoveMember(ada_)), Reason::kStoreUnreachable);
  EXPECT_TRUE(a_->group().Admit({ada_, std::nullopt}).ok());
  ASSERT_TRUE(b_->group().RemoveMember(ada_).ok());
  engine_.CutOff(a_->log().replica(), false);
  ASSERT_TRUE(AwaitLive(a_->log()));
  EXPECT_FALSE(a_->group().Admit({ada_, std::nullopt}).ok());
}

TEST_F(LogStoreTest, AProgramWithoutTheKeyReadsNoSecretAndMakesNoMember) {
  const std::string secret = Invite(*a_);
  ASSERT_TRUE(a_->group().SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  const MemoryEngine::Contents contents = engine_.Save();
  for (const auto& [key, entry] : contents) {
    EXPECT_FALSE(absl::StrContains(entry.value, secret)) << key;
  }
  // It deletes the list, and puts bob where ada is.
  LoggedGroup forged(StoreKey(9));
  const SharedLog::Write write =
      forged.WriteOf(*MemberList().Next({{{bob_, MemberRole::kFull, ""}}, {}}, StoreKey(9)), {});
  for (const SharedLog::Change& change : write.changes) {
    if (change.key == LoggedGroup::kListKey) continue;
    ASSERT_TRUE(CommitNow(a_->log(), PutOf(change.key, *change.value)).ok());
  }
  EXPECT_EQ(b_->Settled()->members().size(), 1u);
  EXPECT_TRUE(b_->group().PutBack().ok());
  ASSERT_TRUE(CommitNow(a_->log(), DeleteOf(LoggedGroup::kListKey)).ok());
  EXPECT_EQ(b_->Settled()->members().size(), 1u);
  EXPECT_TRUE(b_->group().PutBack().ok());
  EXPECT_TRUE(a_->Settled()->Find(ada_) != nullptr);
  const auto c = Replica("c");
  EXPECT_TRUE(c->group().FindMember(ada_).ok());
  EXPECT_FALSE(c->group().FindMember(bob_).ok());
}

}  // namespace
}  // namespace arkshare
