#include "lib/rpc/refusal_log.h"

#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

const absl::Status kWhy = MakeError(Reason::kNotAMember, "not a member");

TEST(RefusalLogTest, EachKeyIsLoggedOnceAMinute) {
  FakeClock clock;
  RefusalLog log(&clock);
  const PublicKey ada = PrivateKey::Generate().public_key();
  const PublicKey bob = PrivateKey::Generate().public_key();
  EXPECT_TRUE(log.Note(ada, kWhy));
  EXPECT_FALSE(log.Note(ada, kWhy));
  EXPECT_TRUE(log.Note(bob, kWhy));
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(log.Note(ada, kWhy));
}

TEST(RefusalLogTest, ManyKeysDoNotFillTheLog) {
  FakeClock clock;
  RefusalLog log(&clock);
  const PrivateKey first = PrivateKey::Generate();
  EXPECT_TRUE(log.Note(first.public_key(), kWhy));
  int logged = 1;
  for (int i = 0; i < 1'100; ++i) {
    logged += log.Note(PrivateKey::Generate().public_key(), kWhy) ? 1 : 0;
  }
  EXPECT_EQ(logged, 1'000);
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(log.Note(PrivateKey::Generate().public_key(), kWhy));
}

}  // namespace
}  // namespace arkshare
