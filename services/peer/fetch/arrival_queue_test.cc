#include "services/peer/fetch/arrival_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;

constexpr int kHolder = 7;

Arrival Of(std::string data, uint64_t offset = 0, int holder = kHolder) {
  return {.stream = 1, .holder = holder, .offset = offset, .data = std::move(data)};
}

void NeverWaits() { ADD_FAILURE() << "there is room"; }

void PushAtOnce(ArrivalQueue& queue, Arrival arrival) {
  ASSERT_TRUE(queue.Reserve(arrival.holder, arrival.data.size(), NeverWaits));
  queue.Push(std::move(arrival));
}

// A stream that has to wait for room, in a thread of its own.
class WaitingStream {
 public:
  WaitingStream(ArrivalQueue* queue, size_t bytes, int holder = kHolder)
      : thread_([this, queue, bytes, holder] {
          std::promise<void>* first = &waits_;
          reserved_.set_value(queue->Reserve(holder, bytes, [&first] {
            if (first != nullptr) std::exchange(first, nullptr)->set_value();
          }));
        }) {
    waits_.get_future().wait();
  }
  ~WaitingStream() { thread_.join(); }

  // The result of Reserve.
  bool Reserved() { return reserved_.get_future().get(); }

 private:
  std::promise<void> waits_;
  std::promise<bool> reserved_;
  std::thread thread_;
};

TEST(ArrivalQueueTest, ReturnsArrivalsInOrder) {
  ArrivalQueue queue(10);
  queue.Open();
  EXPECT_TRUE(queue.AwaitOpen());
  PushAtOnce(queue, Of("one", 0));
  PushAtOnce(queue, Of("two", 3));
  std::vector<std::string> taken;
  for (int i = 0; i < 2; ++i) {
    Arrival arrival = *queue.Pop();
    EXPECT_EQ(arrival.offset, 3U * static_cast<uint64_t>(i));
    EXPECT_EQ(arrival.holder, kHolder);
    taken.push_back(arrival.data);
    queue.Done(std::move(arrival));
  }
  EXPECT_THAT(taken, ElementsAre("one", "two"));
  EXPECT_EQ(queue.waiting_bytes(), 0U);
}

TEST(ArrivalQueueTest, AFullQueueMakesStreamsWaitUntilAnArrivalIsDone) {
  ArrivalQueue queue(10);
  queue.Open();
  PushAtOnce(queue, Of(std::string(9, 'a')));
  PushAtOnce(queue, Of(std::string(20, 'b')));  // exceeds the bound once
  WaitingStream stream(&queue, 5);
  Arrival first = *queue.Pop();
  Arrival second = *queue.Pop();
  EXPECT_EQ(queue.waiting_bytes(), 29U) << "what is being written counts";
  queue.Done(std::move(second));
  EXPECT_TRUE(stream.Reserved());
  EXPECT_EQ(queue.waiting_bytes(), 14U);
  queue.Done(std::move(first));
  queue.Release(5);
  EXPECT_EQ(queue.waiting_bytes(), 0U);
}

TEST(ArrivalQueueTest, ReleasedRoomIsFreeForAnotherStream) {
  ArrivalQueue queue(10);
  queue.Open();
  ASSERT_TRUE(queue.Reserve(kHolder, 10, NeverWaits));
  WaitingStream stream(&queue, 10);
  queue.Release(10);
  EXPECT_TRUE(stream.Reserved());
}

TEST(ArrivalQueueTest, BeforeItOpensItHoldsOneArrivalAndReturnsNone) {
  ArrivalQueue queue(10);
  PushAtOnce(queue, {.stream = 1, .place = QueuePlace{.position = 3}});  // has no data
  PushAtOnce(queue, Of("a"));
  WaitingStream stream(&queue, 1);
  std::future<std::optional<Arrival>> popped =
      std::async(std::launch::async, [&queue] { return queue.Pop(); });
  queue.Open();
  EXPECT_TRUE(stream.Reserved()) << "now there is room for 10";
  EXPECT_EQ(popped.get()->place->position, 3);
}

TEST(ArrivalQueueTest, ADroppedHolderIsRefusedAndItsArrivalsStay) {
  ArrivalQueue queue(1);
  queue.Open();
  PushAtOnce(queue, Of("a"));
  WaitingStream dropped(&queue, 1, kHolder);
  WaitingStream other(&queue, 1, kHolder + 1);
  queue.DropHolder(kHolder);
  EXPECT_FALSE(dropped.Reserved());
  Arrival arrival = *queue.Pop();
  EXPECT_EQ(arrival.data, "a");
  queue.Done(std::move(arrival));
  EXPECT_TRUE(other.Reserved());
  EXPECT_FALSE(queue.Reserve(kHolder, 1, NeverWaits));
}

TEST(ArrivalQueueTest, CloseEndsAllWaits) {
  ArrivalQueue queue(1);
  std::future<bool> opened = std::async(std::launch::async, [&queue] { return queue.AwaitOpen(); });
  PushAtOnce(queue, Of("a"));
  WaitingStream stream(&queue, 1);
  queue.Close();
  EXPECT_FALSE(opened.get());
  EXPECT_FALSE(stream.Reserved());
  queue.Open();
  EXPECT_FALSE(queue.Pop().has_value()) << "what is left is not taken";
}

TEST(ArrivalQueueTest, BuffersAreUsedAgain) {
  ArrivalQueue queue(1000);
  queue.Open();
  EXPECT_EQ(queue.SpareBuffer(), "");
  PushAtOnce(queue, Of(std::string(100, 'a')));
  queue.Done(*queue.Pop());
  EXPECT_EQ(queue.SpareBuffer().size(), 100U);
  EXPECT_EQ(queue.SpareBuffer(), "");
}

TEST(ArrivalQueueTest, ManyStreamsAndOneWriterLoseNothing) {
  constexpr int kStreams = 4;
  constexpr uint64_t kEach = 2000;
  ArrivalQueue queue(64);
  queue.Open();
  std::vector<std::thread> streams;
  for (int s = 1; s <= kStreams; ++s) {
    streams.emplace_back([&queue, s] {
      for (uint64_t i = 0; i < kEach; ++i) {
        if (!queue.Reserve(s, 8, [] {})) return;
        queue.Push(Of(std::string(8, 'x'), i, s));
      }
    });
  }
  std::vector<uint64_t> next(kStreams + 1);
  for (uint64_t i = 0; i < kStreams * kEach; ++i) {
    Arrival arrival = *queue.Pop();
    EXPECT_EQ(arrival.offset, next[static_cast<size_t>(arrival.holder)]++) << "out of order";
    EXPECT_LT(queue.waiting_bytes(), 64U + 8U);
    queue.Done(std::move(arrival));
  }
  for (std::thread& stream : streams) stream.join();
  EXPECT_EQ(queue.waiting_bytes(), 0U);
}

}  // namespace
}  // namespace arkshare
