#include "services/peer/session/session_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

constexpr absl::Time kNow = absl::UnixEpoch();

TEST(SessionStateTest, TellsSinceWhenItIsOnline) {
  SessionState state;
  state.Acknowledged(/*reached=*/true, kNow);
  state.Acknowledged(/*reached=*/true, kNow + absl::Seconds(1));
  EXPECT_EQ(state.Get().online_since, kNow);
  state.WentOffline();
  state.Acknowledged(/*reached=*/true, kNow + absl::Seconds(2));
  EXPECT_EQ(state.Get().online_since, kNow + absl::Seconds(2));
}

TEST(SessionStateTest, AFineSessionHasNoTrouble) {
  SessionState state;
  state.SetPeerId(4);
  EXPECT_EQ(state.Registered(5, "host:1", ""), 4U);
  state.SetNotes("", "");
  EXPECT_FALSE(state.Get().online);
  state.Acknowledged(/*reached=*/true, kNow);
  const SessionState::View view = state.Get();
  EXPECT_TRUE(view.online);
  EXPECT_EQ(view.peer_id, 5U);
  EXPECT_EQ(view.address, "host:1");
  EXPECT_EQ(view.trouble, "");
  EXPECT_TRUE(state.WentOffline());
  EXPECT_FALSE(state.WentOffline());
}

TEST(SessionStateTest, TheNotesOfASessionAreJoined) {
  SessionState state;
  state.Registered(1, "host:1", "unreached");
  state.SetNotes("second index", "");
  EXPECT_EQ(state.Get().trouble, "unreached; second index");
  state.SetNotes("", "left out");
  EXPECT_EQ(state.Get().trouble, "unreached; left out");
}

TEST(SessionStateTest, APeerThatIsHiddenReadsThatFirstUntilItIsReachedAgain) {
  SessionState state;
  state.Registered(1, "host:1", "");
  state.SetNotes("", "left out");
  state.Acknowledged(/*reached=*/false, kNow);
  EXPECT_THAT(state.Get().trouble, AllOf(HasSubstr("host:1"), EndsWith("; left out")));
  state.SetNotes("", "");
  EXPECT_THAT(state.Get().trouble, HasSubstr("host:1")) << "it is still hidden";
  state.Acknowledged(/*reached=*/true, kNow);
  EXPECT_EQ(state.Get().trouble, "");
  state.Acknowledged(/*reached=*/false, kNow);
  state.Registered(1, "host:2", "");
  state.SetNotes("", "");
  EXPECT_EQ(state.Get().trouble, "") << "the index has reached it";
}

TEST(SessionStateTest, AFailureIsTheTroubleUntilThereIsASessionAgain) {
  SessionState state;
  state.Registered(1, "host:1", "note");
  state.NotRegistered(absl::UnavailableError("no index"));
  EXPECT_EQ(state.Get().trouble, "no index");
  EXPECT_EQ(state.Get().address, "");
  state.SetTrouble("stream broken");
  EXPECT_EQ(state.Get().trouble, "stream broken");
  state.SetNotes("", "");
  EXPECT_EQ(state.Get().trouble, "note");
}

}  // namespace
}  // namespace arkshare
