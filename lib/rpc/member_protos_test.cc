#include "lib/rpc/member_protos.h"

#include <gtest/gtest.h>

#include "arkshare/v1/types.pb.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

class MemberProtosTest : public testing::Test {
 protected:
  MemberList With(const MemberList& list, MemberChanges changes) {
    return list.Next(changes, index_).value();
  }

  const PrivateKey index_ = PrivateKey::Generate();
  const Member ada_{PrivateKey::Generate().public_key(), MemberRole::kFull, "ada"};
  const Member bob_{PrivateKey::Generate().public_key(), MemberRole::kReader, ""};
  const MemberList first_ = With(MemberList(), {{ada_, bob_}, {}});
  const MemberList second_ = With(first_, {{}, {bob_.key}});
};

TEST_F(MemberProtosTest, AWholeListAndItsChangesLeadToTheSameList) {
  EXPECT_EQ(ApplyUpdate(MemberList(), WholeUpdate(second_), index_.public_key()).value(), second_);
  EXPECT_EQ(ApplyUpdate(first_, UpdateSince(first_, second_), index_.public_key()).value(),
            second_);
  EXPECT_EQ(UpdateSince(first_, second_).members_size(), 0);
}

TEST_F(MemberProtosTest, AnUpdateThatTheIndexDidNotSignIsRefused) {
  v1::MembersUpdate forged = WholeUpdate(second_);
  forged.mutable_members(0)->set_name("eve");
  const auto reason = [&](const MemberList& list, const v1::MembersUpdate& update) {
    return GetReason(ApplyUpdate(list, update, index_.public_key()).status());
  };
  EXPECT_EQ(reason(MemberList(), forged), Reason::kAnswerInvalid);
  EXPECT_EQ(reason(MemberList(), UpdateSince(first_, second_)), Reason::kAnswerInvalid)
      << "changes of a list that the receiver does not have";
  EXPECT_EQ(reason(second_, WholeUpdate(first_)), Reason::kAnswerInvalid) << "an older list";
  EXPECT_EQ(
      GetReason(ApplyUpdate(MemberList(), WholeUpdate(second_), PrivateKey::Generate().public_key())
                    .status()),
      Reason::kAnswerInvalid);
}

TEST_F(MemberProtosTest, BadFieldsAreNamed) {
  EXPECT_EQ(FromProto(ToProto(ada_)).value(), ada_);
  v1::Member proto = ToProto(ada_);
  proto.set_role(static_cast<v1::MemberRole>(4));
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  proto = ToProto(ada_);
  proto.set_name("a\nb");
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  proto = ToProto(ada_);
  proto.set_public_key("short");
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  v1::MembersUpdate update = WholeUpdate(second_);
  update.add_removed_public_keys("short");
  EXPECT_EQ(GetReason(ApplyUpdate(MemberList(), update, index_.public_key()).status()),
            Reason::kAnswerInvalid);
}

}  // namespace
}  // namespace arkshare
