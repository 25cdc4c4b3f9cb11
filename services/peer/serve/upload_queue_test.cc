#include "services/peer/serve/upload_queue.h"

#include <absl/synchronization/blocking_counter.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/limits.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

constexpr uint64_t kLarge = 100 << 20;

bool Always() { return true; }

// A stream that waits for a slot, in a thread of its own.
class Waiter {
 public:
  Waiter(UploadQueue* queue, std::string flow)
      : flow_(std::move(flow)), thread_([this, queue] { Wait(queue); }) {}
  ~Waiter() {
    GiveUp();
    Leave();
    thread_.join();
  }

  // Waits until it was told this position.
  void AwaitPosition(int position) {
    MutexLock lock(&mutex_);
    while (!told_.contains(position)) changed_.Wait(&mutex_);
  }
  // Waits until it has a slot, or an error.
  absl::Status AwaitEnd() {
    MutexLock lock(&mutex_);
    while (!end_) changed_.Wait(&mutex_);
    return *end_;
  }
  bool ended() {
    MutexLock lock(&mutex_);
    return end_.has_value();
  }
  void GiveUp() {
    MutexLock lock(&mutex_);
    wants_it_ = false;
  }
  void Leave() {
    MutexLock lock(&mutex_);
    leave_ = true;
    changed_.NotifyAll();
  }

 private:
  void Wait(UploadQueue* queue) {
    absl::StatusOr<UploadQueue::Slot> slot =
        queue->WaitForSlot({flow_, ""}, kLarge, [this](const UploadQueue::Place& place) {
          MutexLock lock(&mutex_);
          EXPECT_GE(place.position, 0);
          told_.insert(place.position);
          changed_.NotifyAll();
          return wants_it_;
        });
    MutexLock lock(&mutex_);
    end_ = slot.status();
    changed_.NotifyAll();
    while (slot.ok() && !leave_) changed_.Wait(&mutex_);
  }

  const std::string flow_;
  Mutex mutex_;
  CondVar changed_;
  bool wants_it_ ABSL_GUARDED_BY(mutex_) = true;
  bool leave_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<int> told_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Returns when the waiter is in line, at this position.
std::unique_ptr<Waiter> Line(UploadQueue* queue, int position, std::string flow = "one") {
  auto waiter = std::make_unique<Waiter>(queue, std::move(flow));
  waiter->AwaitPosition(position);
  return waiter;
}

// Waits until each stream in line could use a slot: a receiver that is just being told its place
// could not, and others go past it. With a FakeClock it is then told nothing more until its
// position changes.
void AwaitReady(const UploadQueue& queue) {
  while (queue.ready() < queue.waiting()) std::this_thread::yield();
}

UploadQueue::Slot TakeFree(UploadQueue* queue, const std::string& flow = "one",
                           uint64_t bytes = kLarge) {
  return Must(queue->WaitForSlot({flow, ""}, bytes, [](const UploadQueue::Place& place) {
    ADD_FAILURE() << "a slot is free, but " << place.position << " are before";
    return true;
  }));
}

UploadQueue::Options Slots(int slots, uint64_t limit = 0) {
  return {.line = {.slots = slots},
          .bytes_per_second = limit,
          .first_message_limit = absl::InfiniteDuration(),
          .first_bytes_limit = absl::InfiniteDuration(),
          .chunk_limit = absl::InfiniteDuration()};
}

TEST(UploadQueue, AFreeSlotIsTakenAtOnce) {
  UploadQueue queue(Slots(2), Clock::Real());
  EXPECT_EQ(queue.slots(), 2);
  {
    const UploadQueue::Slot first = TakeFree(&queue);
    UploadQueue::Slot second = TakeFree(&queue);
    EXPECT_EQ(queue.running(), 2);
    const UploadQueue::Slot moved(std::move(second));
    EXPECT_EQ(queue.running(), 2);
  }
  EXPECT_EQ(queue.running(), 0);
  EXPECT_EQ(queue.waiting(), 0);
}

TEST(UploadQueue, FirstComeFirstServed) {
  FakeClock clock;
  UploadQueue queue(Slots(1), &clock);
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue));
  std::vector<std::unique_ptr<Waiter>> line;
  for (int i = 0; i < 5; ++i) line.push_back(Line(&queue, i));
  EXPECT_EQ(queue.waiting(), 5);
  AwaitReady(queue);
  slot.reset();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(line[i]->AwaitEnd().ok());
    for (int later = i + 1; later < 5; ++later) EXPECT_FALSE(line[later]->ended());
    // The queue moves up in order.
    EXPECT_EQ(queue.running(), 1);
    for (int later = i + 1; later < 5; ++later) line[later]->AwaitPosition(later - i - 1);
    AwaitReady(queue);
    line[i]->Leave();
  }
}

TEST(UploadQueue, TheLineMovesUpWhenOneGivesUp) {
  UploadQueue queue(Slots(1), Clock::Real());
  const UploadQueue::Slot slot = TakeFree(&queue);
  std::unique_ptr<Waiter> first = Line(&queue, 0);
  std::unique_ptr<Waiter> second = Line(&queue, 1);
  std::unique_ptr<Waiter> third = Line(&queue, 2);
  second->GiveUp();
  EXPECT_TRUE(absl::IsCancelled(second->AwaitEnd()));
  third->AwaitPosition(1);
  first->GiveUp();
  EXPECT_TRUE(absl::IsCancelled(first->AwaitEnd()));
  third->AwaitPosition(0);
  EXPECT_EQ(queue.waiting(), 1);
  EXPECT_EQ(queue.running(), 1);
}

TEST(UploadQueue, AFirstInLineThatGivesUpLeavesTheSlotToTheNext) {
  UploadQueue queue(Slots(1), Clock::Real());
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue));
  std::unique_ptr<Waiter> first = Line(&queue, 0);
  std::unique_ptr<Waiter> second = Line(&queue, 1);
  first->GiveUp();
  slot.reset();
  const absl::Status status = first->AwaitEnd();  // either came first
  EXPECT_TRUE(status.ok() || absl::IsCancelled(status));
  first->Leave();
  EXPECT_TRUE(second->AwaitEnd().ok());
}

TEST(UploadQueue, SixtyFourMayWait) {
  UploadQueue queue(Slots(1), Clock::Real());
  const UploadQueue::Slot slot = TakeFree(&queue);
  std::vector<std::unique_ptr<Waiter>> line;
  for (int i = 0; i < 64; ++i) line.push_back(Line(&queue, i));
  const auto never = [](const UploadQueue::Place&) {
    ADD_FAILURE() << "there is no place to wait";
    return true;
  };
  const absl::Status status = queue.WaitForSlot({"one", ""}, kLarge, never).status();
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_GT(GetRetryAfter(status).value_or(absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_EQ(queue.waiting(), 64);
  // One leaves, so one may come.
  line[10]->GiveUp();
  EXPECT_TRUE(absl::IsCancelled(line[10]->AwaitEnd()));
  line.push_back(Line(&queue, 63));
  EXPECT_EQ(ReasonOf(queue.WaitForSlot({"one", ""}, kLarge, never).status()), "QUEUE_FULL");
  for (std::unique_ptr<Waiter>& waiter : line) waiter->GiveUp();
}

TEST(UploadQueue, GivesNoSlotAfterClose) {
  UploadQueue queue(Slots(1), Clock::Real());
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue));
  std::unique_ptr<Waiter> first = Line(&queue, 0);
  std::unique_ptr<Waiter> second = Line(&queue, 1);
  queue.Close();
  EXPECT_EQ(ReasonOf(first->AwaitEnd()), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(second->AwaitEnd()), "SHUTTING_DOWN");
  EXPECT_EQ(queue.waiting(), 0);
  EXPECT_EQ(queue.running(), 1) << "a stream that uploads goes on to its end";
  slot.reset();
  EXPECT_EQ(
      ReasonOf(
          queue.WaitForSlot({"one", ""}, kLarge, [](const UploadQueue::Place&) { return true; })
              .status()),
      "SHUTTING_DOWN");
  EXPECT_EQ(queue.running(), 0);
}

TEST(UploadQueue, TheNextSlotIsForAReceiverWithoutOne) {
  FakeClock clock;
  UploadQueue queue(Slots(2), &clock);
  const UploadQueue::Slot kept = TakeFree(&queue, "greedy");
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue, "greedy"));
  std::unique_ptr<Waiter> more = Line(&queue, 0, "greedy");
  std::unique_ptr<Waiter> other = Line(&queue, 0, "modest");
  more->AwaitPosition(1);
  AwaitReady(queue);
  slot.reset();
  EXPECT_TRUE(other->AwaitEnd().ok());
  EXPECT_FALSE(more->ended());
  other->Leave();
  EXPECT_TRUE(more->AwaitEnd().ok());
}

TEST(UploadQueue, ASmallOneGoesPastTheLine) {
  UploadQueue queue(Slots(1), Clock::Real());
  const UploadQueue::Slot slot = TakeFree(&queue);
  std::unique_ptr<Waiter> waiting = Line(&queue, 0);
  const UploadQueue::Slot small = TakeFree(&queue, "two", kMaxSmallRangeBytes);
  EXPECT_EQ(queue.running(), 1);
  EXPECT_FALSE(waiting->ended());
  waiting->GiveUp();
}

TEST(UploadQueue, EstimatesTheWaitFromTheRateOfTheLastSeconds) {
  FakeClock clock;
  UploadQueue queue(Slots(1), &clock);
  UploadQueue::Slot slot = TakeFree(&queue, "one", 22 * kMiB);
  for (int chunks = 0; chunks <= 12; ++chunks) {  // 2 MiB/s
    EXPECT_EQ(slot.NextBytes(22 * kMiB - chunks * kMiB, Always), kMiB);
    if (chunks < 12) clock.Advance(absl::Milliseconds(500));
  }
  // 9 MiB are left.
  std::optional<absl::Duration> wait;
  EXPECT_TRUE(absl::IsCancelled(queue
                                    .WaitForSlot({"two", ""}, kLarge,
                                                 [&](const UploadQueue::Place& place) {
                                                   wait = place.estimated_wait;
                                                   return false;
                                                 })
                                    .status()));
  ASSERT_TRUE(wait.has_value());
  EXPECT_NEAR(absl::ToDoubleSeconds(*wait), 4.5, 0.4);
}

// --- Receivers that take nothing ---

bool Never() { return false; }

// A waiting stream is asked once a second whether it still wants to wait.
void EndWait(Waiter& waiter, FakeClock& clock) {
  waiter.GiveUp();
  while (!waiter.ended()) {
    clock.Advance(absl::Seconds(1));
    std::this_thread::yield();
  }
}

TEST(UploadQueue, AStreamWhoseReceiverTakesNothingGivesWay) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot deaf = TakeFree(&queue, "deaf");
  EXPECT_GT(deaf.NextBytes(kLarge, Always), 0U);
  clock.Advance(absl::Milliseconds(499));
  std::unique_ptr<Waiter> other = Line(&queue, 0, "other");
  clock.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(other->AwaitEnd().ok());
  EXPECT_EQ(queue.running(), 1);
  EXPECT_EQ(deaf.NextBytes(kLarge, Never), 0U) << "it waits for a slot";
  other->Leave();
  EXPECT_GT(deaf.NextBytes(kLarge, Always), 0U) << "it has one again";
}

TEST(UploadQueue, AReceiverThatDoesNotTakeItsFirstMessageGivesWay) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  const UploadQueue::Slot deaf = TakeFree(&queue, "deaf");
  clock.Advance(absl::Milliseconds(20));
  const UploadQueue::Slot other = TakeFree(&queue, "other");  // at once
}

TEST(UploadQueue, ReceiversThatDoNotTakeTheirPlaceHoldUpNoOther) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot busy = TakeFree(&queue, "busy");
  EXPECT_GT(busy.NextBytes(kLarge, Always), 0U);
  absl::Notification go;
  absl::BlockingCounter all_told(UploadLine::Options().max_waiting);
  std::vector<std::thread> deaf;
  for (int i = 0; i < UploadLine::Options().max_waiting; ++i) {
    deaf.emplace_back([&, name = std::to_string(i)] {
      const absl::Status status = queue
                                      .WaitForSlot({name, ""}, kLarge,
                                                   [&](const UploadQueue::Place&) {
                                                     all_told.DecrementCount();
                                                     go.WaitForNotification();
                                                     return false;
                                                   })
                                      .status();
      EXPECT_TRUE(absl::IsCancelled(status)) << status;
    });
  }
  all_told.Wait();
  clock.Advance(absl::Milliseconds(20));
  // The line was full of them, and they came before.
  const std::unique_ptr<Waiter> other = Line(&queue, 0, "other");
  { const UploadQueue::Slot ended = std::move(busy); }
  EXPECT_TRUE(other->AwaitEnd().ok());
  go.Notify();
  for (std::thread& thread : deaf) thread.join();
}

TEST(UploadQueue, BytesThatGrpcBuffersAreNotTakenYet) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot deaf = TakeFree(&queue, "deaf");
  EXPECT_EQ(deaf.NextBytes(64 * 1024, Always), 64U * 1024);
  EXPECT_GT(deaf.NextBytes(kLarge, Always), 0U);
  clock.Advance(absl::Milliseconds(500));
  const UploadQueue::Slot other = TakeFree(&queue, "other");  // at once
}

TEST(UploadQueue, OneThatHasTakenSomeHasMoreTime) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot slow = TakeFree(&queue, "slow");
  EXPECT_GT(slow.NextBytes(kLarge, Always), 0U);
  EXPECT_GT(slow.NextBytes(kLarge, Always), 0U);
  clock.Advance(absl::Seconds(9));
  std::unique_ptr<Waiter> other = Line(&queue, 0, "other");
  EXPECT_FALSE(other->ended());
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(other->AwaitEnd().ok());
}

TEST(UploadQueue, WithoutOthersAStreamKeepsItsSlot) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot deaf = TakeFree(&queue, "deaf");
  EXPECT_EQ(deaf.NextBytes(kLarge, Always), kMiB);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(deaf.NextBytes(kLarge, Always), kMiB);
  EXPECT_EQ(queue.running(), 1);
}

TEST(UploadQueue, FirstBytesAreFewWhileOthersWait) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}}, &clock);
  UploadQueue::Slot slot = TakeFree(&queue, "one");
  std::unique_ptr<Waiter> other = Line(&queue, 0, "other");
  EXPECT_EQ(slot.NextBytes(kLarge, Always), 64U * 1024) << "gRPC may have buffered all of them";
  EXPECT_EQ(slot.NextBytes(kLarge, Always), 64U * 1024);
  EXPECT_EQ(slot.NextBytes(kLarge, Always), kMiB);
  EndWait(*other, clock);
}

TEST(UploadQueue, AStreamWithALimitThatWaitsForItsTurnIsNotTheOneToBlame) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1}, .bytes_per_second = 1}, &clock);  // a byte a second
  UploadQueue::Slot patient = TakeFree(&queue, "patient");
  EXPECT_GT(patient.NextBytes(kLarge, Always), 0U);
  std::unique_ptr<Waiter> other = Line(&queue, 0, "other");
  int looks = 0;
  EXPECT_EQ(patient.NextBytes(kLarge,
                              [&] {
                                clock.Advance(absl::Seconds(11));
                                return ++looks < 3;
                              }),
            0U);
  EXPECT_EQ(queue.waiting(), 1) << "it still has its slot";
  EXPECT_FALSE(other->ended());
  EndWait(*other, clock);
}

TEST(UploadQueue, StreamsThatTakeNothingAreCancelledWhenTooManyAreParked) {
  FakeClock clock;
  UploadQueue queue({.line = {.slots = 1, .max_parked = 1}}, &clock);
  int cancelled_first = 0, cancelled_second = 0;
  const auto take = [&](const char* flow, int* cancelled) {
    return Must(queue.WaitForSlot(
        {flow, ""}, kLarge, [](const UploadQueue::Place&) { return true; },
        [cancelled] { ++*cancelled; }));
  };
  UploadQueue::Slot first = take("first", &cancelled_first);
  clock.Advance(absl::Seconds(1));
  UploadQueue::Slot second = take("second", &cancelled_second);
  EXPECT_EQ(cancelled_first, 0);
  clock.Advance(absl::Seconds(1));
  int cancelled_third = 0;
  UploadQueue::Slot third = take("third", &cancelled_third);
  EXPECT_EQ(cancelled_first, 1);
  EXPECT_EQ(cancelled_second, 0);
  EXPECT_EQ(first.NextBytes(kLarge, Always), 0U) << "it has no place any more";
  EXPECT_GT(third.NextBytes(kLarge, Always), 0U);
}

// --- Bytes ---

TEST(UploadQueue, WithoutALimitNoStreamWaits) {
  FakeClock clock;
  UploadQueue queue(Slots(2), &clock);
  UploadQueue::Slot one = TakeFree(&queue);
  UploadQueue::Slot two = TakeFree(&queue);
  const auto never = [] {
    ADD_FAILURE() << "it waits";
    return false;
  };
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(one.NextBytes(kLarge, never), kMiB);
    EXPECT_EQ(two.NextBytes(5, never), 5U);
  }
}

// A stream that sends as fast as it may, in a thread of its own.
class Stream {
 public:
  Stream(UploadQueue* queue, const std::string& flow)
      : slot_(TakeFree(queue, flow)), thread_([this] {
          while (!stop_) sent_ += slot_.NextBytes(kLarge, [this] { return !stop_; });
        }) {}
  ~Stream() {
    stop_ = true;
    thread_.join();
  }
  uint64_t sent() const { return sent_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> sent_{0};
  UploadQueue::Slot slot_;
  std::thread thread_;
};

TEST(UploadQueue, TheLimitIsKeptByTheClock) {
  FakeClock clock;
  UploadQueue queue(Slots(4, 2 * kMiB), &clock);
  std::vector<std::unique_ptr<Stream>> streams;
  for (const char* flow : {"one", "one", "two", "three"}) {
    streams.push_back(std::make_unique<Stream>(&queue, flow));
  }
  const auto sent = [&] {
    uint64_t bytes = 0;
    for (const auto& stream : streams) bytes += stream->sent();
    return bytes;
  };
  const uint64_t chunk = ChunkBytes(2 * kMiB, streams.size());
  for (int tenths = 1; tenths <= 20; ++tenths) {
    clock.Advance(absl::Milliseconds(100));
    const uint64_t allowed = tenths * 2 * kMiB / 10;
    // The clock goes on when the threads have sent all that they may send by now.
    while (sent() + chunk < allowed) std::this_thread::yield();
    ASSERT_LE(sent(), allowed + chunk) << tenths;
  }
  queue.SetLimit(0);  // ends the last wait
}

TEST(UploadQueue, AWaitingStreamFollowsANewLimit) {
  FakeClock clock;  // does not advance: only a new limit can help
  UploadQueue queue(Slots(2, 1), &clock);
  Stream one(&queue, "one");
  Stream two(&queue, "two");
  while (one.sent() + two.sent() == 0) std::this_thread::yield();
  const uint64_t before = one.sent() + two.sent();
  EXPECT_EQ(before, 1024U);
  EXPECT_EQ(queue.limit(), 1U);
  queue.SetLimit(0);
  while (one.sent() < 10 * kMiB || two.sent() < 10 * kMiB) std::this_thread::yield();
}

TEST(UploadQueue, ChunksOnTheirWayCountUnderANewLimit) {
  FakeClock clock;
  const auto never = [] { return false; };
  // Returns how long no bytes go after the change to `limit`.
  const auto silence = [&](uint64_t limit) {
    UploadQueue queue(Slots(2), &clock);
    UploadQueue::Slot one = TakeFree(&queue, "one");
    UploadQueue::Slot two = TakeFree(&queue, "two");
    EXPECT_EQ(one.NextBytes(kLarge, never), kMiB);
    EXPECT_EQ(two.NextBytes(kLarge, never), kMiB);
    queue.SetLimit(limit);
    absl::Duration silent;
    for (; one.NextBytes(kLarge, never) == 0; silent += absl::Milliseconds(100)) {
      clock.Advance(absl::Milliseconds(100));
    }
    return silent;
  };
  EXPECT_LE(absl::AbsDuration(silence(2 * kMiB) - absl::Milliseconds(500)),
            absl::Milliseconds(100));
  EXPECT_LE(absl::AbsDuration(silence(kMiB / 8) - absl::Seconds(2)), absl::Milliseconds(100))
      << "even then no stream waits for long";
}

TEST(UploadQueue, AStreamThatDoesNotWantToWaitNeedNot) {
  FakeClock clock;
  UploadQueue queue(Slots(2, 1), &clock);
  UploadQueue::Slot one = TakeFree(&queue);
  UploadQueue::Slot two = TakeFree(&queue);
  EXPECT_GT(one.NextBytes(kLarge, Always), 0U);
  EXPECT_EQ(one.NextBytes(kLarge, [] { return false; }), 0U);
  EXPECT_EQ(two.NextBytes(kLarge, [] { return false; }), 0U);
  queue.SetLimit(0);
  EXPECT_EQ(two.NextBytes(kLarge, Always), kMiB);
}

TEST(UploadQueueTest, ListsTheStreamsThatRunAndWait) {
  FakeClock clock;
  Bell bell;
  UploadQueue queue(Slots(1), &clock, &bell);
  EXPECT_TRUE(queue.List().empty());
  const FakeBook book = FakeBook::OfSize(100);
  std::unique_ptr<Waiter> waiter;
  {
    UploadQueue::Slot slot = Must(queue.WaitForSlot(
        {"ipv4:1.2.3.4:5", ""}, kLarge, [](const UploadQueue::Place&) { return true; }, [] {},
        {.name = "a book", .content = book.id, .offset = 7}));
    waiter = Line(&queue, 0, "two");
    const std::vector<UploadQueue::View> views = queue.List();
    ASSERT_EQ(views.size(), 2U);
    EXPECT_EQ(views[0].stream, 1U);
    EXPECT_EQ(views[0].state, UploadQueue::View::State::kRunning);
    EXPECT_EQ(views[0].subject.name, "a book");
    EXPECT_EQ(views[0].subject.content, book.id);
    EXPECT_EQ(views[0].subject.offset, 7U);
    EXPECT_EQ(views[0].flow, "ipv4:1.2.3.4:5");
    EXPECT_EQ(views[0].bytes, kLarge);
    EXPECT_EQ(views[0].bytes_sent, 0U);
    EXPECT_EQ(views[0].start, clock.Now());
    EXPECT_EQ(views[1].state, UploadQueue::View::State::kWaiting);
    EXPECT_EQ(views[1].position, 0);
  }
  EXPECT_TRUE(waiter->AwaitEnd().ok());
  EXPECT_EQ(queue.List().front().state, UploadQueue::View::State::kRunning);
  waiter->Leave();
  waiter.reset();
  EXPECT_TRUE(queue.List().empty());
  EXPECT_GE(bell.rings().all, 4U) << "each comes and goes";
}

TEST(UploadQueueTest, CountsTheBytesOfEachStreamAndOfAll) {
  FakeClock clock;
  UploadQueue queue(Slots(2), &clock);
  uint64_t first_bytes = 0;
  {
    UploadQueue::Slot slot = TakeFree(&queue);
    for (int i = 0; i < 40; ++i) {
      clock.Advance(absl::Milliseconds(100));
      first_bytes = slot.NextBytes(1000, [] { return true; });
    }
    const UploadQueue::View view = queue.List().front();
    EXPECT_EQ(view.bytes_sent, 39 * first_bytes) << "the last ones are still on the way";
    EXPECT_NEAR(view.bytes_per_second, 10'000, 500);
    EXPECT_NEAR(queue.BytesPerSecond(), 10'000, 500);
    EXPECT_EQ(queue.bytes_sent(), view.bytes_sent);
  }
  EXPECT_EQ(queue.bytes_sent(), 40 * first_bytes);
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(queue.BytesPerSecond(), 0);
}

}  // namespace
}  // namespace arkshare
