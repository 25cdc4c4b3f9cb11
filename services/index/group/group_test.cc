#include "services/index/group/group.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/invitation.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

PrivateKey KeyOf(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

class GroupTest : public testing::Test {
 protected:
  GroupTest() {
    std::string pattern = testing::TempDir() + "/groupXXXXXX";
    folder_ = mkdtemp(pattern.data());
    home_ = folder_ + "/ark";
  }
  ~GroupTest() override {
    group_.reset();
    fs::remove_all(folder_);
  }

  void SetUp() override { Reopen(); }

  // As after a restart of the index.
  void Reopen() {
    group_.reset();
    absl::StatusOr<std::unique_ptr<Group>> opened = Group::Open(home_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    group_ = *std::move(opened);
  }

  // Returns the proof that `member` makes from a new invitation.
  JoinProof Invited(const PublicKey& member, Group::InviteOptions options = {}) {
    options.addresses = {"192.0.2.1:50051"};
    const absl::StatusOr<std::string> word = group_->Invite(options);
    EXPECT_TRUE(word.ok()) << word.status();
    const absl::StatusOr<Invitation> invitation = ReadInvitation(word.value_or(""));
    EXPECT_TRUE(invitation.ok()) << invitation.status();
    EXPECT_EQ(invitation->fingerprint, IndexFingerprint(group_->key().public_key()));
    secret_ = invitation->secret;
    return ProofOf(member);
  }
  JoinProof ProofOf(const PublicKey& member) {
    return JoinProofOf(secret_, group_->key().public_key(), member);
  }
  Reason WhyNotJoined(const PublicKey& key, const std::optional<JoinProof>& join) {
    const absl::Status status = group_->Join(key, join, "").status();
    EXPECT_FALSE(status.ok());
    return GetReason(status);
  }

  FakeClock clock_;
  std::string folder_;
  std::string home_;
  std::string secret_;  // of the last invitation
  std::unique_ptr<Group> group_;
  const PublicKey ada_ = KeyOf(1).public_key();
  const PublicKey bob_ = KeyOf(2).public_key();
};

TEST_F(GroupTest, ItsKeyIsKept) {
  const PublicKey key = group_->key().public_key();
  Reopen();
  EXPECT_EQ(group_->key().public_key(), key);
  struct stat info {};
  ASSERT_EQ(stat((home_ + "/key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(home_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(GroupTest, AnInvitationMakesAMember) {
  const JoinProof join = Invited(ada_, {MemberRole::kReader, "ada"});
  EXPECT_EQ(GetReason(group_->Admit({ada_, std::nullopt})), Reason::kNotAMember);
  EXPECT_TRUE(group_->Admit({ada_, join}).ok());
  const absl::StatusOr<Member> joined = group_->Join(ada_, join, "");
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(*joined, (Member{ada_, MemberRole::kReader, "ada"}));
  EXPECT_TRUE(group_->Admit({ada_, std::nullopt}).ok());
  Reopen();
  EXPECT_EQ(*group_->FindMember(ada_), *joined);
  EXPECT_EQ(*group_->Join(ada_, join, "another"), *joined) << "a repeated call changes nothing";
  EXPECT_EQ(WhyNotJoined(bob_, ProofOf(bob_)), Reason::kInvitationUsed);
}

TEST_F(GroupTest, AProofIsGoodForItsOwnKeyOnly) {
  const JoinProof join = Invited(ada_);
  EXPECT_EQ(GetReason(group_->Admit({bob_, join})), Reason::kNotAMember);
  EXPECT_EQ(WhyNotJoined(bob_, join), Reason::kNotAMember);
  EXPECT_EQ(WhyNotJoined(bob_, std::nullopt), Reason::kNotAMember);
  EXPECT_EQ(WhyNotJoined(bob_, JoinProof{join.invitation_id, std::string(16, 'x')}),
            Reason::kNotAMember);
  EXPECT_TRUE(group_->Join(ada_, join, "").ok()) << "none of these has used it";
}

TEST_F(GroupTest, AnEndedInvitationConnectsSoThatJoinCanSayWhy) {
  const JoinProof join = Invited(ada_, {MemberRole::kFull, "", 1, absl::Hours(1)});
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(group_->Admit({ada_, join}).ok());
  EXPECT_EQ(WhyNotJoined(ada_, join), Reason::kInvitationExpired);
}

TEST_F(GroupTest, ARemovedMemberStaysRemoved) {
  const JoinProof join = Invited(ada_);
  ASSERT_TRUE(group_->Join(ada_, join, "ada").ok());
  ASSERT_TRUE(group_->RemoveMember(ada_).ok());
  EXPECT_TRUE(absl::IsNotFound(group_->RemoveMember(ada_)));
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_EQ(GetReason(group_->FindMember(ada_).status()), Reason::kNotAMember);
    EXPECT_EQ(WhyNotJoined(ada_, join), Reason::kInvitationUsed);
    Reopen();
  }
  EXPECT_TRUE(group_->Join(ada_, Invited(ada_), "").ok()) << "a new invitation takes it back";
}

TEST_F(GroupTest, OfManyThatRaceForTheLastUseOneJoins) {
  Invited(ada_);
  std::vector<std::thread> threads;
  std::atomic<int> joined = 0;
  for (char seed = 10; seed < 18; ++seed) {
    threads.emplace_back([&, seed] {
      const PublicKey key = KeyOf(seed).public_key();
      if (group_->Join(key, ProofOf(key), "").ok()) ++joined;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(joined, 1);
  EXPECT_EQ(group_->members()->members().size(), 1u);
}

TEST_F(GroupTest, TheListenerLearnsOfEachChangeInOrder) {
  std::vector<uint64_t> versions;
  group_->SetListener([&](const std::shared_ptr<const MemberList>& members) {
    versions.push_back(members->version());
    EXPECT_EQ(group_->members(), members) << "asking for the list in a listener does not wait";
  });
  ASSERT_TRUE(group_->SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  ASSERT_TRUE(group_->SetMember({ada_, MemberRole::kWatcher, "ada"}).ok());
  ASSERT_TRUE(group_->RemoveMember(ada_).ok());
  EXPECT_EQ(versions, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(GroupTest, AMembersCopyBringsBackALostList) {
  ASSERT_TRUE(group_->SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  const std::string old = group_->members()->ToText();
  ASSERT_TRUE(group_->SetMember({bob_, MemberRole::kFull, "bob"}).ok());
  const std::string copy = group_->members()->ToText();
  group_.reset();
  fs::remove(home_ + "/members");
  Reopen();
  EXPECT_TRUE(group_->members()->members().empty());
  EXPECT_TRUE(group_->ImportMembers(copy).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(group_->ImportMembers(old)));
  Reopen();
  EXPECT_EQ(group_->FindMember(bob_)->name, "bob");
}

// An index that was restored from a backup of version 1, while ada has version 3.
class RestoredGroupTest : public GroupTest {
 protected:
  void SetUp() override {
    GroupTest::SetUp();
    ASSERT_TRUE(group_->SetMember({ada_, MemberRole::kFull, "ada"}).ok());
    fs::copy_file(home_ + "/members", folder_ + "/backup");
    ASSERT_TRUE(group_->SetMember({bob_, MemberRole::kFull, "bob"}).ok());
    ASSERT_TRUE(group_->SetMember({carl_, MemberRole::kFull, "carl"}).ok());
    newest_ = *group_->members();
    group_.reset();
    fs::rename(folder_ + "/backup", home_ + "/members");
    Reopen();
  }

  const PublicKey carl_ = KeyOf(3).public_key();
  MemberList newest_;
};

TEST_F(RestoredGroupTest, ItChangesNothingUntilTheNewerListIsImported) {
  const JoinProof join = Invited(bob_);
  group_->HearOf(newest_.signed_version(), ada_);
  EXPECT_EQ(group_->newer_version_seen(), 3u);
  const absl::Status refused = group_->RemoveMember(ada_);
  EXPECT_EQ(GetReason(refused), Reason::kMembersOutdated);
  EXPECT_NE(refused.message().find("members import"), std::string::npos) << refused;
  EXPECT_NE(refused.message().find("--despite-newer-list"), std::string::npos) << refused;
  EXPECT_EQ(GetReason(group_->SetMember({bob_, MemberRole::kFull, ""})), Reason::kMembersOutdated);
  EXPECT_EQ(WhyNotJoined(bob_, join), Reason::kMembersOutdated);
  EXPECT_TRUE(group_->Join(ada_, std::nullopt, "").ok()) << "a member stays one";
  EXPECT_EQ(group_->members()->version(), 1u);

  EXPECT_TRUE(group_->ImportMembers(newest_.ToText()).ok());
  EXPECT_EQ(group_->newer_version_seen(), 0u);
  EXPECT_EQ(*group_->members(), newest_);
  EXPECT_TRUE(group_->RemoveMember(ada_).ok());
}

TEST_F(RestoredGroupTest, ANumberWithoutTheSignatureOfTheIndexIsNoReason) {
  SignedVersion claim = newest_.signed_version();
  claim.version = 1'000;
  group_->HearOf(claim, ada_);
  group_->HearOf({1'000, "", ""}, ada_);
  group_->HearOf({UINT64_MAX, claim.digest, KeyOf(1).Sign("arkshare-members-v1")}, ada_);
  EXPECT_EQ(group_->newer_version_seen(), 0u);
  EXPECT_TRUE(group_->RemoveMember(ada_).ok());
}

TEST_F(RestoredGroupTest, TheOwnerCanReplaceTheNewerList) {
  group_->HearOf(newest_.signed_version(), ada_);
  EXPECT_TRUE(group_->RemoveMember(ada_, Group::IfOutdated::kReplace).ok());
  EXPECT_EQ(group_->members()->version(), 4u) << "peers take it over, because it is newer";
  EXPECT_EQ(group_->newer_version_seen(), 0u);
  group_->HearOf(newest_.signed_version(), bob_);
  EXPECT_EQ(group_->newer_version_seen(), 0u);
  EXPECT_TRUE(group_->SetMember({carl_, MemberRole::kFull, ""}).ok());
}

TEST_F(RestoredGroupTest, AnotherListOfTheSameVersionIsNoticed) {
  ASSERT_TRUE(group_->RemoveMember(ada_).ok());
  ASSERT_TRUE(group_->SetMember({carl_, MemberRole::kWatcher, ""}).ok());
  ASSERT_EQ(group_->members()->version(), newest_.version());
  group_->HearOf(group_->members()->signed_version(), carl_);
  EXPECT_EQ(group_->newer_version_seen(), 0u) << "the list that is here";
  group_->HearOf(newest_.signed_version(), carl_);
  EXPECT_EQ(group_->newer_version_seen(), 3u);
  EXPECT_TRUE(absl::IsFailedPrecondition(group_->ImportMembers(group_->members()->ToText())));
  EXPECT_TRUE(group_->ImportMembers(newest_.ToText()).ok());
  EXPECT_EQ(group_->members()->version(), 4u);
  EXPECT_EQ(group_->members()->members(), newest_.members());
  EXPECT_EQ(group_->newer_version_seen(), 0u);
}

TEST_F(RestoredGroupTest, AListBetweenBothIsNotEnough) {
  group_->HearOf(newest_.signed_version(), ada_);
  const MemberList between =
      *group_->members()->Next({{{bob_, MemberRole::kFull, "bob"}}, {}}, group_->key());
  EXPECT_TRUE(group_->ImportMembers(between.ToText()).ok());
  EXPECT_EQ(group_->newer_version_seen(), 3u);
  EXPECT_EQ(GetReason(group_->RemoveMember(ada_)), Reason::kMembersOutdated);
}

TEST_F(GroupTest, AnInvitationCanBeCancelled) {
  const JoinProof join = Invited(ada_);
  EXPECT_TRUE(group_->CancelInvitation(join.invitation_id).ok());
  EXPECT_TRUE(absl::IsNotFound(group_->CancelInvitation(join.invitation_id)));
  Reopen();
  EXPECT_EQ(WhyNotJoined(ada_, join), Reason::kInvitationExpired);
}

TEST_F(GroupTest, WrongOptionsAreRefused) {
  const auto invite = [&](Group::InviteOptions options) {
    return group_->Invite(options).status();
  };
  const std::vector<std::string> address = {"192.0.2.1:50051"};
  EXPECT_TRUE(absl::IsInvalidArgument(invite({})));
  EXPECT_TRUE(
      absl::IsInvalidArgument(invite({MemberRole::kFull, "", 1, absl::Hours(24 * 31), address})));
  EXPECT_TRUE(
      absl::IsInvalidArgument(invite({MemberRole::kFull, "", 101, absl::Hours(1), address})));
  EXPECT_TRUE(invite({MemberRole::kFull, "", 100, kMaxInvitationLife, address}).ok());
}

TEST_F(GroupTest, OneProcessHasIt) {
  const absl::Status second = Group::Open(home_, &clock_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(second)) << second;
}

TEST_F(GroupTest, DamagedFilesAreNamed) {
  ASSERT_TRUE(group_->SetMember({ada_, MemberRole::kFull, "ada"}).ok());
  Invited(bob_);
  group_.reset();
  for (const char* name : {"/key", "/members", "/invitations"}) {
    const std::string path = home_ + name;
    fs::copy_file(path, folder_ + "/kept");
    std::ofstream(path) << "hello";
    const absl::Status status = Group::Open(home_, &clock_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find(path), std::string::npos) << status;
    fs::rename(folder_ + "/kept", path);
  }
  EXPECT_TRUE(Group::Open(home_, &clock_).ok());
}

TEST_F(GroupTest, AFolderThatOthersCanReadIsRefused) {
  group_.reset();
  ASSERT_EQ(chmod(home_.c_str(), 0755), 0);
  const absl::Status status = Group::Open(home_, &clock_).status();
  EXPECT_NE(status.message().find("chmod 700"), std::string::npos) << status;
  EXPECT_FALSE(Group::Open(folder_ + "/no/such", &clock_).ok());
}

}  // namespace
}  // namespace arkshare
