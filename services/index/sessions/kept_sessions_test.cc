#include "services/index/sessions/kept_sessions.h"

#include <gtest/gtest.h>

#include <utility>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

constexpr absl::Duration kKeptLease = absl::Seconds(10);

KeptSession SessionOfToken(const std::string& token) {
  return {HashOfToken(token), v1::SHARE_POLICY_MOVE, "10.0.0.1:50051", false};
}

class TakeBackTest : public testing::Test {
 protected:
  // A process after one that had sessions of these keys, with the numbers 1, 2 …
  static KeptSessions After(std::vector<uint8_t> keys, absl::Time now) {
    PeerIds ids;
    for (size_t i = 0; i < keys.size(); ++i) {
      ids.Remember(TestKey(keys[i]), static_cast<uint32_t>(i + 1),
                   SessionOfToken(std::to_string(keys[i])));
    }
    return KeptSessions(std::move(ids), kKeptLease, now);
  }
  static bool IsHere(const PublicKey& key) { return key == TestKey(1); }

  const absl::Time start_ = absl::UnixEpoch();
};

TEST_F(TakeBackTest, SessionsAreTakenBackUntilNoneHasComeForALease) {
  KeptSessions kept = After({1, 2}, start_);
  EXPECT_EQ(kept.Find("1")->key, TestKey(1));
  EXPECT_FALSE(kept.Find("3").has_value());
  kept.TakenBack(start_ + kKeptLease / 2);
  kept.DropTooLate(start_ + kKeptLease, IsHere);
  EXPECT_TRUE(kept.Find("2").has_value());
  EXPECT_FALSE(kept.TakeChanged().has_value());
  kept.DropTooLate(start_ + kKeptLease * 3 / 2, IsHere);
  EXPECT_FALSE(kept.Find("1").has_value());
  EXPECT_TRUE(kept.IsReserved(1, TestKey(3))) << "that session is here";
  EXPECT_FALSE(kept.IsReserved(2, TestKey(3)));
  EXPECT_TRUE(kept.HasOwner(2)) << "the number stays";
  EXPECT_TRUE(kept.TakeChanged().has_value());
}

TEST_F(TakeBackTest, ANumberIsReservedForItsOwnKeyOnly) {
  KeptSessions kept = After({1}, start_);
  EXPECT_TRUE(kept.IsReserved(1, TestKey(2)));
  EXPECT_FALSE(kept.IsReserved(1, TestKey(1)));
  EXPECT_FALSE(kept.IsReserved(2, TestKey(2)));
  kept.Drop(TestKey(1));
  EXPECT_FALSE(kept.IsReserved(1, TestKey(2)));
  EXPECT_EQ(kept.IdOf(TestKey(1)), 1U);
}

TEST_F(TakeBackTest, OnlyAChangeIsWritten) {
  KeptSessions kept = After({1}, start_);
  kept.Remember(TestKey(1), 1, SessionOfToken("1"));
  EXPECT_FALSE(kept.TakeChanged().has_value()) << "as it was";
  kept.Remember(TestKey(1), 1, SessionOfToken("other"));
  const std::string text = kept.TakeChanged().value();
  EXPECT_FALSE(kept.TakeChanged().has_value());
  kept.NotSaved();
  EXPECT_EQ(kept.TakeChanged(), text);
}

TEST_F(TakeBackTest, WithoutAStateFileNothingIsKept) {
  KeptSessions kept(std::nullopt, kKeptLease, start_);
  kept.Remember(TestKey(1), 1, SessionOfToken("1"));
  EXPECT_FALSE(kept.Find("1").has_value());
  EXPECT_FALSE(kept.IdOf(TestKey(1)).has_value());
  EXPECT_FALSE(kept.HasOwner(1));
  EXPECT_FALSE(kept.IsReserved(1, TestKey(2)));
  kept.DropTooLate(start_ + kKeptLease, IsHere);
  EXPECT_FALSE(kept.TakeChanged().has_value());
}

}  // namespace
}  // namespace arkshare
