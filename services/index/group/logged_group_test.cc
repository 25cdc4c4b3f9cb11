#include "services/index/group/logged_group.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/core/invitation.h"

namespace arkshare {
namespace {

PrivateKey LoggedKey(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

IssuedInvitation LoggedInvitation(char secret) {
  IssuedInvitation invitation;
  invitation.secret = std::string(kInvitationSecretBytes, secret);
  invitation.expires_at = absl::FromUnixSeconds(1'700'000'000);
  return invitation;
}

// A log in which every write is made.
class LoggedGroupTest : public testing::Test {
 protected:
  // Makes the write that leads to these contents; returns how many changes it has.
  size_t Bring(const MemberList& members, const Invitations& invitations) {
    const SharedLog::Write write = group_.WriteOf(members, invitations);
    std::vector<LogEvent> events;
    for (const SharedLog::Change& change : write.changes) {
      events.push_back({change.key, change.value});
    }
    group_.Step(++revision_, std::move(events));
    return write.changes.size();
  }

  LoggedGroup group_{LoggedKey(1)};
  int64_t revision_ = 0;
};

TEST_F(LoggedGroupTest, AWriteLeadsToWhatIsWanted) {
  EXPECT_FALSE(group_.founded());
  EXPECT_EQ(Bring({}, {}), 1u) << "the group begins";
  EXPECT_TRUE(group_.founded());
  EXPECT_EQ(Bring({}, {}), 0u);
  const Member ada{LoggedKey(2).public_key(), MemberRole::kReader, "ada"};
  const Member bob{LoggedKey(3).public_key(), MemberRole::kFull, ""};
  const MemberList one = *MemberList().Next({{ada}, {}}, LoggedKey(1));
  const MemberList two = *one.Next({{bob}, {ada.key}}, LoggedKey(1));
  Invitations invitations;
  invitations.Set(LoggedInvitation('a'));
  for (const MemberList& list : {one, two}) {
    invitations.Set(LoggedInvitation('b'));
    EXPECT_GT(Bring(list, invitations), 0u);
    EXPECT_EQ(group_.members(), list);
    EXPECT_EQ(group_.invitations(), invitations);
    EXPECT_EQ(Bring(list, invitations), 0u);
    invitations.Erase(InvitationId(LoggedInvitation('b').secret));
  }
  EXPECT_EQ(Bring(two, invitations), 1u);
  EXPECT_EQ(group_.invitations(), invitations);
}

TEST_F(LoggedGroupTest, AWriteIsGuardedByWhatItChanges) {
  Bring({}, {});
  const Member ada{LoggedKey(2).public_key(), MemberRole::kFull, ""};
  Invitations invitations;
  invitations.Set(LoggedInvitation('a'));
  Bring({}, invitations);
  invitations.Cancel(InvitationId(LoggedInvitation('a').secret));
  const SharedLog::Write write =
      group_.WriteOf(*MemberList().Next({{ada}, {}}, LoggedKey(1)), invitations);
  ASSERT_EQ(write.guards.size(), 2u);
  EXPECT_EQ(write.guards[0].key, "g/list");
  EXPECT_EQ(write.guards[0].revision, 1);
  EXPECT_EQ(write.guards[1].revision, 2);
  EXPECT_EQ(write.changes.size(), 3u) << "the list, a bucket, and the invitation";
}

TEST_F(LoggedGroupTest, TheLargestGroupFitsIntoAWrite) {
  MemberChanges all;
  for (size_t i = 0; i < kMaxMembers; ++i) {
    all.set.push_back({PrivateKey::Generate().public_key(), MemberRole::kFull,
                       std::string(kMaxMemberNameBytes, 'n')});
  }
  const MemberList list = *MemberList().Next(all, LoggedKey(1));
  const SharedLog::Write write = group_.WriteOf(list, {});
  EXPECT_LE(write.changes.size(), 100u);
  size_t bytes = 0;
  for (const SharedLog::Change& change : write.changes) {
    bytes += change.key.size() + change.value->size();
  }
  EXPECT_LT(bytes, 1'100'000u);
  Bring(list, {});
  EXPECT_EQ(group_.members(), list);
}

TEST_F(LoggedGroupTest, ManyInvitationsTakeSeveralWrites) {
  Invitations invitations;
  for (char secret = 1; secret < 120; ++secret) invitations.Set(LoggedInvitation(secret));
  EXPECT_LE(Bring({}, invitations), 100u);
  EXPECT_GT(Bring({}, invitations), 0u);
  EXPECT_EQ(group_.invitations(), invitations);
}

TEST_F(LoggedGroupTest, ForeignValuesAreNotTaken) {
  const Member ada{LoggedKey(2).public_key(), MemberRole::kFull, ""};
  const Member eve{LoggedKey(9).public_key(), MemberRole::kFull, ""};
  const MemberList good = *MemberList().Next({{ada}, {}}, LoggedKey(1));
  Invitations invitations;
  invitations.Set(LoggedInvitation('a'));
  Bring(good, invitations);

  // Another index has signed and sealed these.
  LoggedGroup other(LoggedKey(8));
  Invitations false_ones;
  false_ones.Set(LoggedInvitation('e'));
  const SharedLog::Write write = other.WriteOf(*good.Next({{eve}, {}}, LoggedKey(8)), false_ones);
  for (const SharedLog::Change& change : write.changes) {
    if (change.key == LoggedGroup::kListKey) continue;
    group_.Step(++revision_, {{change.key, change.value}});
    EXPECT_EQ(group_.members(), good) << change.key;
    EXPECT_EQ(group_.invitations(), invitations) << change.key;
  }
  EXPECT_TRUE(group_.damaged()) << "the members in the log are not those that were signed";
  Bring(good, invitations);
  EXPECT_FALSE(group_.damaged());
  EXPECT_EQ(group_.members(), good);

  group_.Step(++revision_, {{LoggedGroup::kListKey, write.changes[0].value}});
  EXPECT_EQ(group_.other_key(), LoggedKey(8).public_key());
  EXPECT_EQ(group_.members(), good);
}

TEST(MergeGroupsTest, NothingIsTakenBack) {
  const Member ada{LoggedKey(2).public_key(), MemberRole::kFull, ""};
  const MemberList one = *MemberList().Next({{ada}, {}}, LoggedKey(1));
  const MemberList two = *one.Next({{}, {ada.key}}, LoggedKey(1));
  const PublicKey key = LoggedKey(3).public_key();
  GroupContents a;
  GroupContents b;
  a.SetMembers(one);
  b.SetMembers(two);
  IssuedInvitation used = LoggedInvitation('a');
  used.used_by = {{ada.key, /*removed=*/true}, {key}};
  IssuedInvitation cancelled = LoggedInvitation('a');
  cancelled.cancelled = true;
  cancelled.used_by = {{ada.key, /*removed=*/false}};
  Invitations of_a;
  of_a.Set(used);
  of_a.Set(LoggedInvitation('b'));
  Invitations of_b;
  of_b.Set(cancelled);
  of_b.Set(LoggedInvitation('c'));
  a.SetInvitations(of_a);
  b.SetInvitations(of_b);
  for (const auto& [first, second] : {std::pair(a, b), std::pair(b, a)}) {
    const GroupContents merged = MergeGroups(first, second);
    EXPECT_EQ(*merged.members, two);
    EXPECT_EQ(merged.invitations->all().size(), 3u);
    const IssuedInvitation* const both = merged.invitations->Find(InvitationId(used.secret));
    ASSERT_NE(both, nullptr);
    EXPECT_TRUE(both->cancelled);
    ASSERT_EQ(both->used_by.size(), 2u);
    for (const InvitationUse& use : both->used_by) EXPECT_EQ(use.removed, use.key == ada.key);
  }
}

}  // namespace
}  // namespace arkshare
