#include "services/index/catalog/events.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

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
  EXPECT_TRUE(events.empty());
  const auto one = std::make_shared<EventQueue>(std::nullopt, nullptr);
  const auto two = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(one);
  events.Publish(Listed(1, "a"));
  events.Add(two);
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

// The cost of Publish, under the catalog's lock, must not depend on watchers.
TEST(EventsTest, WatchersGetNothingBeforeTheLockIsGivenBack) {
  Events events(Clock::Real());
  const auto queue = std::make_shared<EventQueue>(std::nullopt, nullptr);
  events.Add(queue);
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
  events.Add(one);
  for (size_t i = 0; i < kMostEventsInLine; ++i) events.Publish(Listed(1, "common"));
  events.WakeReaders();
  EXPECT_TRUE(one->status().ok());
  for (size_t i = 0; i < kMostEventsInLine; ++i) events.Publish(Listed(1, "common"));
  events.Add(two);
  events.Publish(Listed(1, "common"));
  events.Add(late);
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
  events.Add(queue);
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
  events.Add(queue);
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
  events.Add(queue);
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
  events.Add(queue);
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
  events.Add(queue);
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
