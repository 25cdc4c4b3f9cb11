#include "lib/core/invitation.h"

#include <absl/strings/ascii.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

PrivateKey KeyOf(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

Invitation Sample() {
  return {{"192.168.1.20:50051"}, std::string(16, '\x11'), std::string(16, '\x22')};
}

std::string Word(const Invitation& invitation) {
  const absl::StatusOr<std::string> word = WriteInvitation(invitation);
  EXPECT_TRUE(word.ok()) << word.status();
  return word.value_or("");
}

TEST(InvitationTest, IsOneWordOfKnownLength) {
  struct Case {
    std::vector<std::string> addresses;
    size_t length;
  };
  const Case cases[] = {
      {{"192.168.1.20:50051"}, 73},
      {{"[2001:db8::20]:50051"}, 92},
      {{"ark.example.org-18:443"}, 96},
      {{"192.168.1.20:50051", "ark.example.org-18:443"}, 107},
  };
  for (const auto& [addresses, length] : cases) {
    Invitation invitation = Sample();
    invitation.addresses = addresses;
    const std::string word = Word(invitation);
    EXPECT_EQ(word.size(), length) << word;
    const absl::StatusOr<Invitation> read = ReadInvitation(word);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, invitation);
  }
}

// So that other programs can be written after docs/protocol.md.
TEST(InvitationTest, IsWrittenAsBefore) {
  EXPECT_EQ(Word(Sample()),
            "ark1atakqaiuyobqaeirceirceirceirceirceircejceirceirceirceirceirceirca4vi2");
}

TEST(InvitationTest, IsReadInAnyCaseAndWithSpaceAround) {
  const std::string word = Word(Sample());
  const absl::StatusOr<Invitation> read = ReadInvitation("  " + absl::AsciiStrToUpper(word) + "\n");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Sample());
}

TEST(InvitationTest, EachMistypedLetterIsNoticed) {
  const std::string word = Word(Sample());
  for (size_t i = 4; i < word.size(); ++i) {
    std::string wrong = word;
    wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
    const absl::Status status = ReadInvitation(wrong).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << i;
    EXPECT_NE(status.message().find("mistyped"), std::string::npos) << status;
  }
}

TEST(InvitationTest, EachMissingEndIsNoticed) {
  const std::string word = Word(Sample());
  for (size_t size = 0; size < word.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadInvitation(word.substr(0, size)).status())) << size;
  }
  EXPECT_FALSE(ReadInvitation(word + "a").ok());
}

TEST(InvitationTest, SaysWhenAWordIsNoInvitation) {
  for (const char* word : {"", "hello", "ark2abc", "https://ark.example:50051"}) {
    const absl::Status status = ReadInvitation(word).status();
    EXPECT_NE(status.message().find("is not an invitation"), std::string::npos) << word;
  }
  EXPECT_FALSE(ReadInvitation("ark1" + std::string(5000, 'a')).ok());
}

TEST(InvitationTest, AddressesThatDoNotFitAreNamed) {
  for (const std::string& address :
       {std::string("host"), std::string("host:0"), std::string("host:65536"),
        std::string(":50051"), std::string("[host]:50051"), std::string("a host:50051"),
        std::string("unix:/run/s:50051"), std::string(128, 'a') + ":1"}) {
    Invitation invitation = Sample();
    invitation.addresses = {address};
    const absl::Status status = WriteInvitation(invitation).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address;
    EXPECT_NE(status.message().find(address), std::string::npos) << status;
  }
  Invitation invitation = Sample();
  invitation.addresses = {};
  EXPECT_FALSE(WriteInvitation(invitation).ok());
  invitation.addresses.assign(5, "192.168.1.20:50051");
  EXPECT_FALSE(WriteInvitation(invitation).ok());
}

TEST(InvitationTest, ALongNameIsKept) {
  Invitation invitation = Sample();
  invitation.addresses = {std::string(127, 'a') + ":65535"};
  const absl::StatusOr<Invitation> read = ReadInvitation(Word(invitation));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, invitation);
}

TEST(JoinProofTest, IsGoodForOneSecretOneIndexAndOneMember) {
  const std::string secret(16, '\x22');
  const PublicKey index = KeyOf(1).public_key();
  const PublicKey member = KeyOf(2).public_key();
  const JoinProof join = JoinProofOf(secret, index, member);
  EXPECT_EQ(join.invitation_id, InvitationId(secret));
  EXPECT_EQ(join.proof.size(), kJoinProofBytes);
  EXPECT_TRUE(IsJoinProofOf(join, secret, index, member));
  EXPECT_FALSE(IsJoinProofOf(join, std::string(16, '\x23'), index, member));
  EXPECT_FALSE(IsJoinProofOf(join, secret, KeyOf(3).public_key(), member));
  EXPECT_FALSE(IsJoinProofOf(join, secret, index, KeyOf(3).public_key()));
  EXPECT_FALSE(IsJoinProofOf(join, secret, member, index));
  EXPECT_FALSE(IsJoinProofOf({join.invitation_id, ""}, secret, index, member));
  EXPECT_FALSE(IsJoinProofOf({"", join.proof}, secret, index, member));
}

TEST(JoinProofTest, AFingerprintBelongsToOneKey) {
  EXPECT_EQ(IndexFingerprint(KeyOf(1).public_key()).size(), kFingerprintBytes);
  EXPECT_NE(IndexFingerprint(KeyOf(1).public_key()), IndexFingerprint(KeyOf(2).public_key()));
}

}  // namespace
}  // namespace arkshare
