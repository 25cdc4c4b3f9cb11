#include "services/peer/group/membership.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/member_protos.h"
#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MembershipTest : public testing::Test {
 protected:
  std::unique_ptr<Membership> Open() {
    return std::make_unique<Membership>(&files_, group_, ada_.key);
  }
  MemberList After(const MemberList& list, MemberChanges changes) {
    return list.Next(changes, index_).value();
  }

  TempFolder temp_;
  const UniqueFd folder_{::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const StateFiles files_{folder_.get()};
  const PrivateKey index_ = PrivateKey::Generate();
  const Member ada_{PrivateKey::Generate().public_key(), MemberRole::kReader, "ada"};
  const Member bob_{PrivateKey::Generate().public_key(), MemberRole::kFull, "bob"};
  const GroupOfPeer group_{index_.public_key(), {"ark.example:50051", "[::1]:7"}};
  const MemberList first_ = After(MemberList(), {{ada_, bob_}, {}});
  const MemberList second_ = After(first_, {{}, {bob_.key}});
  const MemberList third_ = After(second_, {{{ada_.key, MemberRole::kWatcher, "ada"}}, {}});
};

TEST_F(MembershipTest, AGroupIsKeptOnTheDiskUntilItIsLeft) {
  EXPECT_EQ(LoadGroup(files_).value(), std::nullopt);
  ASSERT_TRUE(SaveGroup(files_, group_, first_).ok());
  EXPECT_EQ(LoadGroup(files_).value(), group_);
  EXPECT_EQ(Open()->self(), ada_);
  EXPECT_EQ(*Open()->list(), first_);
  ASSERT_TRUE(RemoveGroup(files_).ok());
  EXPECT_EQ(LoadGroup(files_).value(), std::nullopt);
  EXPECT_EQ(Open()->self(), std::nullopt);
}

TEST_F(MembershipTest, NewListsAreToldAndOutliveARestart) {
  ASSERT_TRUE(SaveGroup(files_, group_, first_).ok());
  const std::unique_ptr<Membership> membership = Open();
  std::vector<uint64_t> told;
  membership->SetListener([&](const MemberList& list) { told.push_back(list.version()); });
  EXPECT_EQ(membership->version_to_announce(), 1U);
  ASSERT_TRUE(membership->Apply(UpdateSince(first_, second_)).ok());
  EXPECT_EQ(*membership->list(), second_);
  EXPECT_EQ(*Open()->list(), second_);
  ASSERT_TRUE(membership->Apply(WholeUpdate(third_)).ok());
  EXPECT_THAT(told, ElementsAre(2U, 3U));
  EXPECT_EQ(Open()->version_to_announce(), 3U);
}

TEST_F(MembershipTest, AnUpdateThatDoesNotFitAsksForTheWholeList) {
  ASSERT_TRUE(SaveGroup(files_, group_, first_).ok());
  const std::unique_ptr<Membership> membership = Open();
  EXPECT_EQ(GetReason(membership->Apply(UpdateSince(second_, third_))), Reason::kAnswerInvalid)
      << "made for another list";
  EXPECT_EQ(membership->version_to_announce(), 0U);
  EXPECT_EQ(*membership->list(), first_) << "the last good list holds";
  v1::MembersUpdate forged = WholeUpdate(third_);
  forged.mutable_members(0)->set_role(v1::MEMBER_ROLE_FULL);
  EXPECT_EQ(GetReason(membership->Apply(forged)), Reason::kAnswerInvalid);
  ASSERT_TRUE(membership->Apply(WholeUpdate(third_)).ok());
  EXPECT_EQ(membership->version_to_announce(), 3U);
  EXPECT_EQ(GetReason(membership->Apply(WholeUpdate(second_))), Reason::kAnswerInvalid)
      << "no removed member comes back by an older list";
  EXPECT_EQ(*membership->list(), third_);
}

TEST_F(MembershipTest, ADamagedListIsAskedForAgain) {
  ASSERT_TRUE(SaveGroup(files_, group_, first_).ok());
  std::string text = first_.ToText();
  text.replace(text.find("bob"), 3, "eve");
  ASSERT_TRUE(files_.Write("members", text).ok());
  EXPECT_EQ(Open()->version_to_announce(), 0U);
  EXPECT_EQ(Open()->self(), std::nullopt);
}

TEST_F(MembershipTest, ADamagedMembershipIsAnErrorThatSaysWhatToDo) {
  for (const std::string& text :
       {std::string("x"), std::string("arkshare-membership 1\n"),
        "arkshare-membership 1\nindex " + group_.index.hex() + "\n",
        std::string("arkshare-membership 1\nindex 00\naddress a:1\n"),
        "arkshare-membership 1\nindex " + group_.index.hex() + "\naddress nowhere\n",
        "arkshare-membership 1\nindex " + group_.index.hex() + "\naddress a:1\nmore\n"}) {
    ASSERT_TRUE(files_.Write("membership", text).ok());
    const absl::Status status = LoadGroup(files_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--leave")) << text;
  }
}

TEST_F(MembershipTest, AListThatCannotBeWrittenStillHolds) {
  ASSERT_TRUE(SaveGroup(files_, group_, first_).ok());
  const std::unique_ptr<Membership> membership = Open();
  std::filesystem::create_directory(temp_ / "members.new");
  EXPECT_TRUE(membership->Apply(UpdateSince(first_, second_)).ok());
  EXPECT_EQ(membership->list()->Find(bob_.key), nullptr);
  EXPECT_EQ(*Open()->list(), first_) << "the index tells it again after a restart";
}

}  // namespace
}  // namespace arkshare
