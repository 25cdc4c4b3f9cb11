#include "lib/core/member_list.h"

#include <absl/strings/str_replace.h>
#include <gtest/gtest.h>

#include <string>

namespace arkshare {
namespace {

PrivateKey KeyFrom(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

const PrivateKey& Index() {
  static const PrivateKey key = KeyFrom(1);
  return key;
}

Member MemberOf(char seed, MemberRole role, std::string name) {
  return {KeyFrom(seed).public_key(), role, std::move(name)};
}

const Member kAda = MemberOf(2, MemberRole::kFull, "ada");
const Member kBob = MemberOf(3, MemberRole::kReader, "bob the reader");
const Member kUnnamed = MemberOf(4, MemberRole::kWatcher, "");

MemberList ListOf(std::vector<Member> members) {
  absl::StatusOr<MemberList> list = MemberList().Next({std::move(members), {}}, Index());
  EXPECT_TRUE(list.ok()) << list.status();
  return list.value_or(MemberList());
}

absl::StatusOr<MemberList> ApplyTo(const MemberList& older, const MemberList& newer) {
  return older.Apply(newer.version(), false, newer.Since(older), newer.signature(),
                     Index().public_key());
}

TEST(MemberListTest, ASignedVersionProvesThatTheIndexHasSignedIt) {
  const SignedVersion signed_version = ListOf({kAda, kBob}).signed_version();
  EXPECT_TRUE(signed_version.IsSignedBy(Index().public_key()));
  EXPECT_FALSE(signed_version.IsSignedBy(kAda.key));
  SignedVersion larger = signed_version;
  ++larger.version;
  EXPECT_FALSE(larger.IsSignedBy(Index().public_key()));
  SignedVersion another = signed_version;
  another.digest = ListOf({kAda}).Digest();
  EXPECT_FALSE(another.IsSignedBy(Index().public_key()));
  EXPECT_FALSE(MemberList().signed_version().IsSignedBy(Index().public_key()));
}

TEST(MemberListTest, TheNextVersionIsLargerThanAnotherOnRequest) {
  const MemberList first = ListOf({kAda});
  EXPECT_EQ(first.Next({}, Index(), 7)->version(), 8u);
  EXPECT_EQ(first.Next({}, Index(), 0)->version(), 2u);
}

TEST(MemberListTest, ChangesLeadFromOneVersionToTheNext) {
  const MemberList first = ListOf({kAda, kBob});
  EXPECT_EQ(first.version(), 1u);
  EXPECT_EQ(first.Find(kUnnamed.key), nullptr);
  Member promoted = kBob;
  promoted.role = MemberRole::kFull;
  const absl::StatusOr<MemberList> second = first.Next({{promoted, kUnnamed}, {kAda.key}}, Index());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->version(), 2u);
  EXPECT_EQ(second->Find(kAda.key), nullptr);
  EXPECT_EQ(*second->Find(kBob.key), promoted);
  const MemberChanges changes = second->Since(first);
  EXPECT_EQ(changes.set.size(), 2u);
  EXPECT_EQ(changes.removed, std::vector<PublicKey>{kAda.key});
  const absl::StatusOr<MemberList> applied = ApplyTo(first, *second);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(*applied, *second);
}

TEST(MemberListTest, ACompleteListReplacesWhatWasThere) {
  const MemberList old = ListOf({kUnnamed});
  MemberList newer = *ListOf({kAda}).Next({{kBob}, {}}, Index());
  const absl::StatusOr<MemberList> applied =
      old.Apply(newer.version(), true, newer.Since({}), newer.signature(), Index().public_key());
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(*applied, newer);
}

TEST(MemberListTest, OnlyTheIndexCanChangeIt) {
  const MemberList first = ListOf({kAda});
  const MemberList next = *first.Next({{kBob}, {}}, Index());
  const auto apply = [&](uint64_t version, const MemberChanges& changes,
                         const std::string& signature, const PublicKey& key) {
    return first.Apply(version, false, changes, signature, key).status();
  };
  const MemberChanges changes = next.Since(first);
  const PublicKey index = Index().public_key();
  EXPECT_TRUE(apply(2, changes, next.signature(), index).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(apply(3, changes, next.signature(), index)));
  EXPECT_TRUE(absl::IsPermissionDenied(apply(2, {}, next.signature(), index)));
  EXPECT_TRUE(absl::IsPermissionDenied(apply(2, changes, first.signature(), index)));
  EXPECT_TRUE(absl::IsPermissionDenied(apply(2, changes, "", index)));
  EXPECT_TRUE(absl::IsPermissionDenied(apply(2, changes, next.signature(), kAda.key)));
  MemberChanges wider = changes;
  wider.set[0].role = MemberRole::kFull;
  EXPECT_TRUE(absl::IsPermissionDenied(apply(2, wider, next.signature(), index)));
}

TEST(MemberListTest, AnOlderVersionIsRefused) {
  const MemberList first = ListOf({kAda});
  const MemberList second = *first.Next({{}, {kAda.key}}, Index());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      second.Apply(first.version(), true, first.Since({}), first.signature(), Index().public_key())
          .status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ApplyTo(second, second).status()));
}

TEST(MemberListTest, NamesOfMembersCanBeShown) {
  for (const std::string& name :
       {std::string("ada"), std::string(), std::string("Zo\u00eb B."), std::string(64, 'a')}) {
    EXPECT_TRUE(CheckMemberName(name).ok()) << name;
  }
  for (const std::string& name :
       {std::string(65, 'a'), std::string("a\nb"), std::string("a\x1b[31m"), std::string("\xff"),
        std::string(" a"), std::string("a "), std::string("a\u202eb")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckMemberName(name))) << name;
    EXPECT_FALSE(MemberList().Next({{MemberOf(2, MemberRole::kFull, name)}, {}}, Index()).ok());
  }
}

TEST(MemberListTest, AnUnknownRoleIsRefused) {
  Member member = kAda;
  member.role = static_cast<MemberRole>(7);
  EXPECT_FALSE(MemberList().Next({{member}, {}}, Index()).ok());
  EXPECT_EQ(RoleFromName("boss"), std::nullopt);
  for (const MemberRole role : {MemberRole::kFull, MemberRole::kReader, MemberRole::kWatcher}) {
    EXPECT_EQ(RoleFromName(RoleName(role)), role);
  }
}

TEST(MemberListTest, TextIsReadBack) {
  for (const MemberList& list : {MemberList(), ListOf({}), ListOf({kAda, kBob, kUnnamed})}) {
    const absl::StatusOr<MemberList> read =
        MemberList::FromText(list.ToText(), Index().public_key());
    ASSERT_TRUE(read.ok()) << read.status() << list.ToText();
    EXPECT_EQ(*read, list);
  }
}

TEST(MemberListTest, DamagedTextIsRefused) {
  const std::string text = ListOf({kAda, kBob}).ToText();
  const PublicKey index = Index().public_key();
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(MemberList::FromText(text.substr(0, size), index).ok()) << size;
  }
  EXPECT_TRUE(absl::IsPermissionDenied(
      MemberList::FromText(absl::StrReplaceAll(text, {{"reader bob", "full bob"}}), index)
          .status()));
  EXPECT_FALSE(MemberList::FromText(text, kAda.key).ok()) << "the list of another index";
  const absl::Status bad =
      MemberList::FromText(absl::StrReplaceAll(text, {{" full ", " boss "}}), index).status();
  EXPECT_EQ(bad.message().substr(0, 6), "line 4") << bad;
}

}  // namespace
}  // namespace arkshare
