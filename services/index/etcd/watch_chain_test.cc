#include "services/index/etcd/watch_chain.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using End = WatchChain::End;

constexpr char kChainPrefix[] = "/p/";

class WatchChainTest : public testing::Test {
 protected:
  WatchChainTest() { chain_.Begin(10, 4, "birth"); }

  void Put(const std::string& key, int64_t revision, const std::string& value = "v",
           int64_t version = 1) {
    mvccpb::Event* event = response_.add_events();
    event->mutable_kv()->set_key(absl::StrCat(kChainPrefix, key));
    event->mutable_kv()->set_value(value);
    event->mutable_kv()->set_mod_revision(revision);
    event->mutable_kv()->set_version(version);
  }
  void Head(int64_t revision, int64_t version) { Put("head", revision, "", version); }
  void Delete(const std::string& key, int64_t revision) {
    mvccpb::Event* event = response_.add_events();
    event->set_type(mvccpb::Event::DELETE);
    event->mutable_kv()->set_key(absl::StrCat(kChainPrefix, key));
    event->mutable_kv()->set_mod_revision(revision);
  }
  WatchChain::Told Tell(bool fragment = false) {
    response_.set_fragment(fragment);
    WatchChain::Told told = chain_.Add(response_);
    response_.Clear();
    return told;
  }

  WatchChain chain_{kChainPrefix};
  etcdserverpb::WatchResponse response_;
};

TEST_F(WatchChainTest, TheEventsOfARevisionAreOneStep) {
  Put("s/1", 10, "a");
  Delete("l/1", 10);
  Head(10, 5);
  Put("s/2", 12, "b");
  Head(12, 6);
  const WatchChain::Told told = Tell();
  EXPECT_EQ(told.end, End::kWhole);
  ASSERT_THAT(told.steps, SizeIs(2));
  EXPECT_EQ(told.steps[0].revision, 10);
  ASSERT_THAT(told.steps[0].events, SizeIs(2));
  EXPECT_EQ(told.steps[0].events[0].key, "s/1");
  EXPECT_EQ(told.steps[0].events[0].value, "a");
  EXPECT_EQ(told.steps[0].events[1].key, "l/1");
  EXPECT_EQ(told.steps[0].events[1].value, std::nullopt);
  EXPECT_EQ(told.steps[1].revision, 12);
  EXPECT_EQ(chain_.next(), 13);
  EXPECT_EQ(chain_.head_version(), 6);
}

TEST_F(WatchChainTest, AMissingTransactionIsAGap) {
  Put("s/1", 10);
  Head(10, 5);
  Put("s/2", 12);
  Head(12, 7);
  const WatchChain::Told told = Tell();
  EXPECT_EQ(told.end, End::kGap);
  ASSERT_THAT(told.steps, SizeIs(1));
  EXPECT_EQ(told.steps[0].revision, 10);
}

TEST_F(WatchChainTest, AHeadThatWentOrBeganAgainIsAGap) {
  Delete("head", 10);
  EXPECT_EQ(Tell().end, End::kGap);
  chain_.Begin(10, 4, "birth");
  Head(10, 1);
  EXPECT_EQ(Tell().end, End::kGap);
}

TEST_F(WatchChainTest, TheEndOfALeaseNeedsNoHead) {
  Delete("r/1", 10);
  Head(11, 5);
  const WatchChain::Told told = Tell();
  EXPECT_EQ(told.end, End::kWhole);
  ASSERT_THAT(told.steps, SizeIs(2));
  EXPECT_THAT(told.steps[0].events, SizeIs(1));
  EXPECT_THAT(told.steps[1].events, IsEmpty());
}

TEST_F(WatchChainTest, FragmentsAreOneResponse) {
  Put("c/1", 10);
  EXPECT_THAT(Tell(true).steps, IsEmpty());
  Put("c/2", 10);
  Head(10, 5);
  const WatchChain::Told told = Tell();
  ASSERT_THAT(told.steps, SizeIs(1));
  EXPECT_THAT(told.steps[0].events, SizeIs(2));
}

TEST_F(WatchChainTest, AfterAnotherWatchTheFragmentsComeAgain) {
  Put("c/1", 10);
  Tell(true);
  chain_.Reopened();
  EXPECT_EQ(chain_.next(), 10);
  Put("c/1", 10);
  Head(10, 5);
  EXPECT_THAT(Tell().steps[0].events, SizeIs(1));
}

TEST_F(WatchChainTest, WhatWasToldIsNotToldAgain) {
  Put("s/1", 9);
  Head(9, 4);
  Put("s/1", 10);
  Head(10, 5);
  const WatchChain::Told told = Tell();
  EXPECT_EQ(told.end, End::kWhole);
  ASSERT_THAT(told.steps, SizeIs(1));
  EXPECT_EQ(told.steps[0].revision, 10);
}

TEST_F(WatchChainTest, AnotherBirthIsNoticed) {
  Put("birth", 10, "birth");
  Head(10, 5);
  EXPECT_EQ(Tell().end, End::kWhole);
  Put("birth", 11, "other");
  Head(11, 6);
  EXPECT_EQ(Tell().end, End::kOtherBirth);
  Delete("birth", 12);
  EXPECT_EQ(Tell().end, End::kOtherBirth);
}

TEST_F(WatchChainTest, TheLogsOwnKeysAreNotTold) {
  Put("compact", 10, "7");
  Head(10, 5);
  const WatchChain::Told told = Tell();
  ASSERT_THAT(told.steps, SizeIs(1));
  EXPECT_THAT(told.steps[0].events, IsEmpty());
}

}  // namespace
}  // namespace arkshare
