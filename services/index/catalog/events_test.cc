#include "services/index/catalog/events.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

CatalogEvent Listed(uint64_t number, const std::string& name) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kBookListed;
  event.revision = number;
  event.book = BookEvent{1, TestListing(number, name, number)};
  return event;
}

CatalogEvent PeerGone(uint32_t peer_id) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kPeerGone;
  event.peer_id = peer_id;
  return event;
}

TEST(EventsTest, EveryWatcherGetsEverythingInOrder) {
  Events events(Clock::Real());
  EXPECT_EQ(events.wanted(), 0u);
  const auto one = std::make_shared<EventQueue>(std::nullopt, nullptr);
  const auto two = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(one, 0);
  events.Publish(Listed(1, "a"));
  events.Add(two, 0);
  events.Publish(Listed(2, "b"));
  events.Remove(one.get());
  events.Publish(Listed(3, "c"));
  events.WakeReaders();
  EXPECT_EQ((*one->Pop())->revision, 1u);
  EXPECT_EQ((*one->Pop())->revision, 2u);
  EXPECT_EQ(*one->Pop(), nullptr);
  EXPECT_EQ((*two->Pop())->revision, 2u);
  EXPECT_EQ((*two->Pop())->revision, 3u);
}

std::vector<uint64_t> RevisionsOf(const std::optional<std::vector<EventPtr>>& events) {
  std::vector<uint64_t> revisions;
  if (!events.has_value()) return {0};
  for (const EventPtr& event : *events) revisions.push_back(event->revision);
  return revisions;
}

class ResumedEventsTest : public testing::Test {
 protected:
  // Returns the revisions that a watcher gets which has read everything up to one.
  std::vector<uint64_t> From(uint64_t revision) {
    const auto queue = std::make_shared<EventQueue>(std::nullopt, nullptr);
    const auto missed = events_.Resume(queue, revision);
    if (missed.has_value()) events_.Remove(queue.get());
    return RevisionsOf(missed);
  }
  void Publish(uint64_t revision) { events_.Publish(Listed(revision, "book")); }
  void Watch(uint64_t revision) {
    queue_ = std::make_shared<EventQueue>(std::nullopt, nullptr);
    events_.Add(queue_, revision);
  }

  using Revisions = std::vector<uint64_t>;
  const Revisions kNotHere = {0};
  FakeClock clock_;
  Events events_{&clock_};
  std::shared_ptr<EventQueue> queue_;
};

TEST_F(ResumedEventsTest, AWatcherThatComesBackGetsWhatItHasMissed) {
  Watch(3);
  Publish(4);
  Publish(5);
  EXPECT_EQ(From(2), kNotHere) << "before the first watcher";
  EXPECT_EQ(From(3), (Revisions{4, 5}));
  EXPECT_EQ(From(5), (Revisions{5}));
  EXPECT_EQ(From(6), (Revisions{}));
  // Also when it was the only one, for a while.
  events_.Remove(queue_.get());
  EXPECT_GT(events_.wanted(), 0u);
  Publish(6);
  EXPECT_EQ(From(4), (Revisions{4, 5, 6}));
  clock_.Advance(2 * kKeepEvents);
  EXPECT_EQ(events_.wanted(), 0u);
  Publish(7);
  EXPECT_EQ(From(4), kNotHere);
  Watch(7);
  Publish(8);
  EXPECT_EQ(From(6), kNotHere) << "7 is missing";
  EXPECT_EQ(From(7), (Revisions{8}));
}

TEST_F(ResumedEventsTest, LaterEventsComeAfterwards) {
  Watch(0);
  Publish(1);
  const auto queue = std::make_shared<EventQueue>(std::nullopt, nullptr);
  EXPECT_EQ(RevisionsOf(events_.Resume(queue, 1)), (Revisions{1}));
  Publish(2);
  events_.WakeReaders();
  EXPECT_EQ((*queue->Pop())->revision, 2u);
  EXPECT_EQ(*queue->Pop(), nullptr);
}

TEST_F(ResumedEventsTest, AReplicaKeepsEventsWithoutAWatcher) {
  events_.BeginLoad(10);
  Publish(10);
  events_.KeepAlways();
  EXPECT_EQ(events_.wanted(), kMostEventsKept);
  Publish(11);
  Publish(11);
  Publish(12);
  EXPECT_EQ(From(10), kNotHere) << "the load does not tell the steps before it";
  EXPECT_EQ(From(11), (Revisions{11, 11, 12}));
  events_.BeginLoad(20);
  Publish(20);
  events_.KeepAlways();
  Publish(21);
  EXPECT_EQ(From(12), kNotHere);
  EXPECT_EQ(From(21), (Revisions{21}));
}

TEST_F(ResumedEventsTest, ARevisionThatIsNotWholeAnyMoreIsNotHere) {
  events_.KeepAlways();
  Publish(1);
  for (size_t i = 0; i < kMostEventsKept; ++i) Publish(2);
  EXPECT_EQ(From(1), kNotHere);
  EXPECT_EQ(From(2).size(), kMostEventsKept);
  Publish(3);
  EXPECT_EQ(From(2), kNotHere);
  EXPECT_EQ(From(3), (Revisions{3}));
}

TEST_F(ResumedEventsTest, WhatCutsAllWatchersOffIsMissedByThoseThatComeBack) {
  events_.KeepAlways();
  Publish(1);
  events_.CutOffAll();
  EXPECT_EQ(From(1), kNotHere);
  Publish(2);
  EXPECT_EQ(From(2), kNotHere) << "the rest of it may have been cut off";
  Publish(3);
  EXPECT_EQ(From(3), (Revisions{3}));
}

// The cost of Publish, under the catalog's lock, must not depend on watchers.
TEST(EventsTest, WatchersGetNothingBeforeTheLockIsGivenBack) {
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(queue, 0);
  events.Publish(Listed(1, "a"));
  EXPECT_EQ(*queue->Pop(), nullptr);
  events.WakeReaders();
  EXPECT_EQ((*queue->Pop())->revision, 1u);
}

TEST(EventsTest, MoreThanTheLineHoldsCutsAllWatchersOff) {
  Events events(Clock::Real());
  int wakes = 0;
  const auto one = std::make_shared<EventQueue>(BookQuery(Keywords{{"rare"}}), [&] { ++wakes; });
  const auto two = std::make_shared<EventQueue>(BookQuery(Keywords{{"rare"}}), nullptr);
  const auto late = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(one, 0);
  for (size_t i = 0; i < kMostEventsInLine; ++i) events.Publish(Listed(1, "common"));
  events.WakeReaders();
  EXPECT_TRUE(one->status().ok());
  for (size_t i = 0; i < kMostEventsInLine; ++i) events.Publish(Listed(1, "common"));
  events.Add(two, 0);
  events.Publish(Listed(1, "common"));
  events.Add(late, 0);
  events.Publish(Listed(2, "common"));
  events.WakeReaders();
  EXPECT_EQ(GetReason(one->status()), Reason::kWatchLagged);
  EXPECT_EQ(GetReason(two->status()), Reason::kWatchLagged);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ((*late->Pop())->revision, 2u) << "it has missed nothing";
}

TEST(EventsTest, AFilterKeepsMatchingBooksAndAllPeers) {
  EventQueue queue(BookQuery(Keywords{{"moby"}}), nullptr);
  EXPECT_TRUE(queue.Wants(Listed(1, "Moby Dick")));
  EXPECT_FALSE(queue.Wants(Listed(1, "Emma")));
  EXPECT_TRUE(queue.Wants(PeerGone(1)));
  CatalogEvent moved = Listed(1, "Emma");
  moved.kind = CatalogEvent::Kind::kBookMoved;
  moved.old_book = BookEvent{2, TestListing(9, "moby", 1)};
  EXPECT_TRUE(queue.Wants(moved));
}

TEST(EventsTest, AWatcherTooFarBehindIsCutOff) {
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(queue, 0);
  for (size_t i = 0; i < kMostEventsBehind; ++i) events.Publish(PeerGone(1));
  events.WakeReaders();
  EXPECT_TRUE(queue->status().ok());
  events.Publish(PeerGone(1));
  events.WakeReaders();
  EXPECT_EQ(GetReason(queue->status()), Reason::kWatchLagged);
  EXPECT_EQ(GetReason(queue->Pop().status()), Reason::kWatchLagged);
  events.Publish(PeerGone(1));
  EXPECT_EQ(GetReason(queue->Pop().status()), Reason::kWatchLagged);
}

TEST(EventsTest, AReaderIsWokenOnceAndOnlyWhenItWaits) {
  int wakes = 0;
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, [&] { ++wakes; });
  events.Add(queue, 0);
  events.Publish(PeerGone(1));
  events.WakeReaders();
  EXPECT_EQ(wakes, 0) << "the reader has not read yet";
  EXPECT_NE(*queue->Pop(), nullptr);
  EXPECT_EQ(*queue->Pop(), nullptr);
  events.WakeReaders();
  EXPECT_EQ(wakes, 0) << "there is nothing to read";
  events.Publish(PeerGone(1));
  events.Publish(PeerGone(2));
  events.WakeReaders();
  events.WakeReaders();
  EXPECT_EQ(wakes, 1);
  EXPECT_NE(*queue->Pop(), nullptr);
  EXPECT_NE(*queue->Pop(), nullptr);
  EXPECT_EQ(*queue->Pop(), nullptr);
  events.CutOffAll();
  events.WakeReaders();
  EXPECT_EQ(wakes, 2) << "the reader learns that it was cut off";
}

TEST(EventsTest, AWatcherThatIsCutOffIsWokenEvenWhenItDoesNotWait) {
  int wakes = 0;
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, [&] { ++wakes; });
  events.Add(queue, 0);
  for (size_t i = 0; i <= kMostEventsBehind; ++i) events.Publish(PeerGone(1));
  events.WakeReaders();
  events.WakeReaders();
  EXPECT_EQ(wakes, 1) << "its last write may never end";
}

TEST(EventsTest, WithAPauseAThreadWakesReaders) {
  std::atomic<int> wakes = 0;
  std::atomic<int> seen = 0;
  Events events(Clock::Real(), absl::Milliseconds(1));
  std::shared_ptr<EventQueue> queue;
  const auto read_all = [&] {
    while (*queue->Pop() != nullptr) ++seen;
  };
  queue = std::make_shared<EventQueue>(std::nullopt, [&] {
    read_all();
    ++wakes;
    wakes.notify_all();
  });
  events.Add(queue, 0);
  read_all();
  for (int round = 1; round <= 5; ++round) {
    const int before = wakes;
    events.Publish(PeerGone(1));
    events.Publish(PeerGone(2));
    events.WakeReaders();
    wakes.wait(before);
    EXPECT_EQ(seen, 2 * round) << "both at once";
  }
  events.Publish(PeerGone(1));
  events.WakeReaders();
  queue->Close();
}

TEST(EventsTest, NoReaderIsWokenAfterClose) {
  auto woken = std::make_unique<int>(0);
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, [&] { ++*woken; });
  events.Add(queue, 0);
  std::thread publisher([&] {
    for (int i = 0; i < 1000; ++i) {
      queue->Pop().status().IgnoreError();
      events.Publish(PeerGone(1));
      events.WakeReaders();
    }
  });
  queue->Close();
  woken.reset();  // A late call would touch freed memory.
  publisher.join();
}

}  // namespace
}  // namespace arkshare
