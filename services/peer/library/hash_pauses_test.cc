#include "services/peer/library/hash_pauses.h"

#include <gtest/gtest.h>

#include <vector>

namespace arkshare {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(HashPausesTest, AFileThatChangesAllTheTimeWaitsLongerEachTime) {
  HashPauses pauses;
  absl::Time now = kStart;
  std::vector<int64_t> waits;
  for (int i = 0; i < 10; ++i) {
    const absl::Time allowed = pauses.Allowed("log", now);
    waits.push_back(absl::ToInt64Seconds(allowed - now));
    now = allowed + absl::Seconds(3);  // hashing takes this long
    pauses.Ended("log", now);
  }
  EXPECT_EQ(waits, (std::vector<int64_t>{0, 0, 1, 2, 4, 8, 16, 32, 60, 60}));
  EXPECT_EQ(pauses.Allowed("another", now), now);
}

TEST(HashPausesTest, AFileThatWasLeftAloneDoesNotWait) {
  HashPauses pauses;
  absl::Time now = kStart;
  for (int i = 0; i < 3; ++i) pauses.Ended("book", now);
  EXPECT_EQ(pauses.Allowed("book", now), now + absl::Seconds(2));
  now += absl::Seconds(11);
  EXPECT_EQ(pauses.Allowed("book", now), now);
  pauses.Ended("book", now);
  EXPECT_EQ(pauses.Allowed("book", now), now);
}

TEST(HashPausesTest, WhatWasHashedLongAgoIsForgotten) {
  HashPauses pauses;
  pauses.Ended("book", kStart);
  pauses.Ended("book", kStart + absl::Seconds(1));
  for (int minute = 1; minute <= 10; ++minute) {
    const absl::Time now = kStart + absl::Minutes(minute);
    pauses.Ended("another", now);
    EXPECT_LE(pauses.Allowed("book", now), now);
  }
}

TEST(HashPausesTest, AnEntryOutlivesTheForgettingOfOthers) {
  HashPauses pauses;
  absl::Time now = kStart;
  absl::Duration wait;
  for (int i = 0; i < 30; ++i) {
    wait = pauses.Allowed("log", now) - now;
    now += wait;
    pauses.Ended("log", now);
  }
  EXPECT_EQ(wait, HashPauses::kLongest);
}

}  // namespace
}  // namespace arkshare
