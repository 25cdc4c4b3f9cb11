// The index of a group is killed between what is durable and its answer.
#include <absl/status/status.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "tests/support/cluster.h"
#include "tests/support/group_index.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

constexpr ExitStatus kKilled = {0, SIGKILL};

class KillGroupTest : public testing::TestWithParam<const char*> {
 protected:
  void Start(const std::string& failpoint = "") {
    std::map<std::string, std::string> env;
    if (!failpoint.empty()) env["ARKSHARE_FAILPOINTS"] = failpoint + "=kill";
    ASSERT_TRUE(Ok(index_.Start(std::move(env))));
  }
  void AwaitDeath() {
    const absl::StatusOr<ExitStatus> exit = index_.process().WaitExit();
    ASSERT_TRUE(Ok(exit)) << "the failpoint was never reached";
    EXPECT_EQ(*exit, kKilled);
  }
  Reason WhyNotJoined(const PrivateKey& key, const std::string& word) {
    const absl::Status status = index_.Join(key, word).status();
    EXPECT_FALSE(status.ok());
    return GetReason(status);
  }

  TempDir dir_;
  GroupIndex index_{dir_.path()};
  const PrivateKey ada_ = PrivateKey::Generate();
  const PrivateKey bob_ = PrivateKey::Generate();
};

// Both points at which the use of an invitation is durable, and its Join is not answered.
TEST_P(KillGroupTest, OnlyTheKeyThatHasUsedTheInvitationCanRepeatItsJoin) {
  Start(GetParam());
  const absl::StatusOr<std::string> word = index_.Invite();
  ASSERT_TRUE(Ok(word));
  EXPECT_EQ(WhyNotJoined(ada_, *word), Reason::kIndexUnreachable);
  AwaitDeath();
  Start();
  EXPECT_EQ(WhyNotJoined(bob_, *word), Reason::kInvitationUsed);
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<v1::JoinResponse> joined = index_.Join(ada_, *word);
    ASSERT_TRUE(Ok(joined));
    EXPECT_EQ(joined->member().public_key(), ada_.public_key().bytes());
    EXPECT_EQ(joined->members().version(), 1u);
  }
  EXPECT_EQ(WhyNotJoined(bob_, *word), Reason::kInvitationUsed);
  EXPECT_TRUE(Ok(index_.ListMembers(ada_)));
}

INSTANTIATE_TEST_SUITE_P(Join, KillGroupTest,
                         testing::Values("index.invitation_used", "index.members_saved"),
                         [](const auto& info) {
                           return std::string(info.param).substr(std::string("index.").size());
                         });

TEST_F(KillGroupTest, ARemovalThatIsDurableHolds) {
  Start();
  const absl::StatusOr<std::string> word = index_.Invite();
  ASSERT_TRUE(Ok(word));
  ASSERT_TRUE(Ok(index_.Join(ada_, *word)));
  index_.process().Kill();
  Start("index.members_saved");
  const absl::StatusOr<Finished> removed =
      index_.Run({"members", "remove", ada_.public_key().hex()});
  ASSERT_TRUE(Ok(removed));
  EXPECT_EQ(removed->exit.code, 1) << "the command does not know that it has succeeded";
  AwaitDeath();
  Start();
  EXPECT_EQ(GetReason(index_.ListMembers(ada_).status()), Reason::kIndexUnreachable)
      << "its handshake is refused";
  EXPECT_EQ(WhyNotJoined(ada_, *word), Reason::kInvitationUsed);
}

}  // namespace
}  // namespace arkshare
