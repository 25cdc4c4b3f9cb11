#include "services/peer/library/path_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PathWatchTest, KeepsAPathOnceInOrder) {
  Bell bell;
  PathWatch watch(&bell);
  watch.EndSnapshot();
  for (const char* path : {"c", "a", "c", "b", "a"}) watch.Touch(path);
  EXPECT_THAT(watch.Take(2), ElementsAre("a", "b"));
  watch.Touch("a");
  EXPECT_THAT(watch.Take(9), ElementsAre("a", "c"));
  EXPECT_THAT(watch.Take(9), IsEmpty());
}

TEST(PathWatchTest, WhatTheSnapshotWillReadIsNotKept) {
  Bell bell;
  PathWatch watch(&bell);
  watch.Touch("b");
  EXPECT_TRUE(watch.empty()) << "nothing was read yet";
  watch.ReadTo("b");
  watch.Touch("b");
  watch.Touch("a");
  watch.Touch("c");
  EXPECT_THAT(watch.Take(9), ElementsAre("a", "b"));
  watch.EndSnapshot();
  watch.Touch("c");
  EXPECT_THAT(watch.Take(9), ElementsAre("c"));
}

TEST(PathWatchTest, RingsForTheFirstPathOnly) {
  Bell bell;
  PathWatch watch(&bell);
  watch.EndSnapshot();
  watch.Touch("a");
  watch.Touch("b");
  EXPECT_EQ(bell.rings().all, 1U);
  watch.Take(1);
  watch.Touch("c");
  EXPECT_EQ(bell.rings().all, 1U) << "there was still something to take";
  watch.Take(9);
  watch.Touch("d");
  EXPECT_EQ(bell.rings().all, 2U);
}

TEST(PathWatchesTest, TellsThoseThatAreThere) {
  Bell bell;
  PathWatch first(&bell), second(&bell);
  first.EndSnapshot();
  second.EndSnapshot();
  PathWatches watches;
  watches.Add(&first);
  watches.Add(&second);
  watches.Touch("a");
  watches.Remove(&first);
  watches.Touch("b");
  EXPECT_THAT(first.Take(9), ElementsAre("a"));
  EXPECT_THAT(second.Take(9), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace arkshare
