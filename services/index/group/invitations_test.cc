#include "services/index/group/invitations.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/core/errors.h"
#include "lib/core/invitation.h"

namespace arkshare {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

PublicKey MemberKey(char seed) { return PrivateKey::FromSeed(std::string(32, seed))->public_key(); }

IssuedInvitation Sample(char secret = 's') {
  IssuedInvitation invitation;
  invitation.secret = std::string(kInvitationSecretBytes, secret);
  invitation.role = MemberRole::kReader;
  invitation.name = "ada lovelace";
  invitation.expires_at = kNow + absl::Hours(72);
  return invitation;
}

std::string IdOf(const IssuedInvitation& invitation) { return InvitationId(invitation.secret); }

Invitations With(const IssuedInvitation& invitation) {
  Invitations invitations;
  const absl::Status added = invitations.Add(invitation, kNow);
  EXPECT_TRUE(added.ok()) << added;
  return invitations;
}

TEST(InvitationsTest, AdmitOneKeyAndAgainTheSameKey) {
  const IssuedInvitation sample = Sample();
  Invitations invitations = With(sample);
  EXPECT_TRUE(invitations.Use(IdOf(sample), MemberKey(1), kNow).ok());
  EXPECT_TRUE(invitations.Use(IdOf(sample), MemberKey(1), kNow).ok()) << "its answer was lost";
  EXPECT_EQ(GetReason(invitations.Use(IdOf(sample), MemberKey(2), kNow)), Reason::kInvitationUsed);
  EXPECT_EQ(invitations.Find(IdOf(sample))->used_by.size(), 1u);
}

TEST(InvitationsTest, UsesCountKeys) {
  IssuedInvitation sample = Sample();
  sample.uses = 3;
  Invitations invitations = With(sample);
  for (const char key : {1, 2, 1, 3, 3, 2}) {
    EXPECT_TRUE(invitations.Use(IdOf(sample), MemberKey(key), kNow).ok());
  }
  EXPECT_EQ(GetReason(invitations.Use(IdOf(sample), MemberKey(4), kNow)), Reason::kInvitationUsed);
}

TEST(InvitationsTest, MergedOnesKeepAllUses) {
  IssuedInvitation sample = Sample();
  sample.uses = 2;
  Invitations a = With(sample);
  Invitations b = With(sample);
  ASSERT_TRUE(a.Use(IdOf(sample), MemberKey(1), kNow).ok());
  ASSERT_TRUE(b.Use(IdOf(sample), MemberKey(2), kNow).ok());
  b.RemoveMember(MemberKey(2));
  a.Merge(b);
  EXPECT_EQ(GetReason(a.Use(IdOf(sample), MemberKey(3), kNow)), Reason::kInvitationUsed);
  EXPECT_EQ(GetReason(a.Use(IdOf(sample), MemberKey(2), kNow)), Reason::kInvitationUsed);
  EXPECT_TRUE(a.Use(IdOf(sample), MemberKey(1), kNow).ok());
  const Invitations once = a;
  a.Merge(b);
  EXPECT_EQ(a, once);
}

TEST(InvitationsTest, EndWithTimeAndByHand) {
  const IssuedInvitation sample = Sample();
  Invitations invitations = With(sample);
  ASSERT_TRUE(invitations.Use(IdOf(sample), MemberKey(1), kNow).ok());
  const absl::Time late = sample.expires_at;
  const absl::Status expired = invitations.Use(IdOf(sample), MemberKey(2), late);
  EXPECT_EQ(GetReason(expired), Reason::kInvitationExpired);
  EXPECT_NE(expired.message().find("2023-11-17 22:13 UTC"), std::string::npos) << expired;
  EXPECT_TRUE(invitations.Use(IdOf(sample), MemberKey(1), late).ok()) << "it was in time";
  EXPECT_TRUE(invitations.Cancel(IdOf(sample)));
  EXPECT_FALSE(invitations.Cancel(IdOf(sample))) << "was cancelled before";
  const absl::Status cancelled = invitations.Use(IdOf(sample), MemberKey(2), kNow);
  EXPECT_EQ(GetReason(cancelled), Reason::kInvitationExpired);
  EXPECT_NE(cancelled.message().find("cancelled"), std::string::npos) << cancelled;
}

TEST(InvitationsTest, AnUnknownIdAdmitsNoKey) {
  Invitations invitations = With(Sample());
  EXPECT_EQ(GetReason(invitations.Use("12345678", MemberKey(1), kNow)), Reason::kNotAMember);
  EXPECT_FALSE(invitations.Cancel("12345678"));
}

TEST(InvitationsTest, ARemovedMemberNeedsANewOne) {
  IssuedInvitation sample = Sample();
  sample.uses = 2;
  Invitations invitations = With(sample);
  ASSERT_TRUE(invitations.Use(IdOf(sample), MemberKey(1), kNow).ok());
  invitations.RemoveMember(MemberKey(1));
  EXPECT_EQ(GetReason(invitations.Use(IdOf(sample), MemberKey(1), kNow)), Reason::kInvitationUsed);
  EXPECT_TRUE(invitations.Use(IdOf(sample), MemberKey(2), kNow).ok());
  EXPECT_FALSE(invitations.Use(IdOf(sample), MemberKey(3), kNow).ok()) << "both uses count";
}

TEST(InvitationsTest, AreForgottenLongAfterTheirEnd) {
  const IssuedInvitation sample = Sample();
  Invitations invitations = With(sample);
  invitations.Forget(sample.expires_at + kEndedInvitationLife - absl::Seconds(1));
  EXPECT_EQ(invitations.all().size(), 1u);
  invitations.Forget(sample.expires_at + kEndedInvitationLife);
  EXPECT_TRUE(invitations.all().empty());
}

TEST(InvitationsTest, LimitsAreChecked) {
  Invitations invitations;
  IssuedInvitation sample = Sample();
  sample.uses = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(invitations.Add(sample, kNow)));
  sample.uses = kMaxInvitationUses + 1;
  EXPECT_TRUE(absl::IsInvalidArgument(invitations.Add(sample, kNow)));
  sample = Sample();
  sample.expires_at = kNow;
  EXPECT_TRUE(absl::IsInvalidArgument(invitations.Add(sample, kNow)));
  sample.expires_at = kNow + kMaxInvitationLife + absl::Seconds(2);
  EXPECT_TRUE(absl::IsInvalidArgument(invitations.Add(sample, kNow)));
  sample = Sample();
  sample.name = "a\nb";
  EXPECT_TRUE(absl::IsInvalidArgument(invitations.Add(sample, kNow)));
  sample = Sample();
  for (size_t i = 0; i < kMaxInvitations; ++i) {
    sample.secret[0] = static_cast<char>(i);
    sample.secret[1] = static_cast<char>(i >> 8);
    ASSERT_TRUE(invitations.Add(sample, kNow).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(invitations.Add(Sample('t'), kNow)));
}

TEST(InvitationsTest, TextIsReadBack) {
  IssuedInvitation unnamed = Sample('t');
  unnamed.name = "";
  unnamed.uses = 2;
  Invitations invitations = With(Sample());
  ASSERT_TRUE(invitations.Add(unnamed, kNow).ok());
  ASSERT_TRUE(invitations.Use(IdOf(unnamed), MemberKey(1), kNow).ok());
  ASSERT_TRUE(invitations.Use(IdOf(unnamed), MemberKey(2), kNow).ok());
  invitations.RemoveMember(MemberKey(2));
  invitations.Cancel(IdOf(Sample()));
  for (const Invitations& written : {Invitations(), invitations}) {
    const absl::StatusOr<Invitations> read = Invitations::FromText(written.ToText());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, written);
  }
  const std::string text = invitations.ToText();
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(Invitations::FromText(text.substr(0, size)).status()))
        << size;
  }
}

}  // namespace
}  // namespace arkshare
