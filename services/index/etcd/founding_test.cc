#include "services/index/etcd/founding.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

constexpr char kBirth[] = "0123456789abcdef";

KnownLog Known() { return {kBirth, 20, 100, 7}; }
FoundLog Found() {
  FoundLog found;
  found.revision = 101;
  found.birth = kBirth;
  found.birth_revision = 2;
  found.head_version = 21;
  found.head_revision = 101;
  found.beat = 7;
  return found;
}

FoundLog Empty() {
  FoundLog found;
  found.revision = 1;
  return found;
}

TEST(FoundingTest, TheSameLogGoesOn) {
  EXPECT_EQ(JudgeFounding(Known(), Found()), Founding::kSame);
  FoundLog without_key = Found();
  without_key.beat = 0;  // the lease is over
  EXPECT_EQ(JudgeFounding(Known(), without_key), Founding::kSame);
  FoundLog later_beat = Found();
  later_beat.beat = 9;  // its outcome was not known
  EXPECT_EQ(JudgeFounding(Known(), later_beat), Founding::kSame);
}

TEST(FoundingTest, ANewReplicaTakesTheBirthThatIsThere) {
  EXPECT_EQ(JudgeFounding({}, Found()), Founding::kSame);
  EXPECT_EQ(JudgeFounding({}, Empty()), Founding::kUnborn);
}

TEST(FoundingTest, AnEmptyEtcdHasNoBirth) {
  EXPECT_EQ(JudgeFounding(Known(), Empty()), Founding::kUnborn);
}

TEST(FoundingTest, AnotherBirthIsAnotherLog) {
  FoundLog found = Found();
  found.birth = "another birth.....";
  EXPECT_EQ(JudgeFounding(Known(), found), Founding::kAnother);
}

TEST(FoundingTest, ABackupIsOlder) {
  FoundLog fewer = Found();
  fewer.head_version = 19;
  EXPECT_EQ(JudgeFounding(Known(), fewer), Founding::kOlder);
  FoundLog earlier = Found();
  earlier.revision = 99;
  EXPECT_EQ(JudgeFounding(Known(), earlier), Founding::kOlder);
  // Others have written so much since that only the own key shows it.
  FoundLog own = Found();
  own.revision = 5000;
  own.head_version = 4000;
  own.beat = 6;
  EXPECT_EQ(JudgeFounding(Known(), own), Founding::kOlder);
}

}  // namespace
}  // namespace arkshare
