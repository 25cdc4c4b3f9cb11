#include "services/peer/upload_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "services/peer/fakes_for_test.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

// Somebody who wants a slot, in a thread of its own.
class Waiter {
 public:
  explicit Waiter(UploadQueue* queue) : thread_([this, queue] { Wait(queue); }) {}
  ~Waiter() {
    GiveUp();
    Leave();
    thread_.join();
  }

  // Until it was told this position.
  void AwaitPosition(int position) {
    MutexLock lock(&mutex_);
    while (!told_.contains(position)) changed_.Wait(&mutex_);
  }
  // Until it has a slot, or an error.
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
    absl::StatusOr<UploadQueue::Slot> slot = queue->Enter([this](int position) {
      MutexLock lock(&mutex_);
      EXPECT_GE(position, 0);
      EXPECT_LE(position, last_) << "it moved back";
      last_ = position;
      told_.insert(position);
      changed_.NotifyAll();
      return wants_it_;
    });
    MutexLock lock(&mutex_);
    end_ = slot.status();
    changed_.NotifyAll();
    while (slot.ok() && !leave_) changed_.Wait(&mutex_);
  }

  Mutex mutex_;
  CondVar changed_;
  bool wants_it_ ABSL_GUARDED_BY(mutex_) = true;
  bool leave_ ABSL_GUARDED_BY(mutex_) = false;
  int last_ ABSL_GUARDED_BY(mutex_) = UploadQueue::kMaxWaiting;
  std::set<int> told_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Gets in line, and is there when this returns.
std::unique_ptr<Waiter> Line(UploadQueue* queue, int position) {
  auto waiter = std::make_unique<Waiter>(queue);
  waiter->AwaitPosition(position);
  return waiter;
}

UploadQueue::Slot TakeFree(UploadQueue* queue) {
  return Must(queue->Enter([](int position) {
    ADD_FAILURE() << "a slot is free, but " << position << " are before";
    return true;
  }));
}

TEST(UploadQueue, AFreeSlotIsTakenAtOnce) {
  UploadQueue queue(2);
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
  UploadQueue queue(1);
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue));
  std::vector<std::unique_ptr<Waiter>> line;
  for (int i = 0; i < 5; ++i) line.push_back(Line(&queue, i));
  EXPECT_EQ(queue.waiting(), 5);
  slot.reset();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(line[i]->AwaitEnd().ok());
    for (int later = i + 1; later < 5; ++later) EXPECT_FALSE(line[later]->ended());
    // Nobody jumps the queue while it moves up.
    EXPECT_EQ(queue.running(), 1);
    line[i]->Leave();
  }
}

TEST(UploadQueue, EverybodyMovesUpWhenOneGivesUp) {
  UploadQueue queue(1);
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

TEST(UploadQueue, WhoGivesUpWithASlotInReachLeavesItToTheNext) {
  UploadQueue queue(1);
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
  UploadQueue queue(1);
  const UploadQueue::Slot slot = TakeFree(&queue);
  std::vector<std::unique_ptr<Waiter>> line;
  for (int i = 0; i < UploadQueue::kMaxWaiting; ++i) line.push_back(Line(&queue, i));
  const auto never = [](int) {
    ADD_FAILURE() << "there is no place to wait";
    return true;
  };
  const absl::Status status = queue.Enter(never).status();
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_GT(GetRetryAfter(status).value_or(absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_EQ(queue.waiting(), 64);
  // One leaves, one may come.
  line[10]->GiveUp();
  EXPECT_TRUE(absl::IsCancelled(line[10]->AwaitEnd()));
  line.push_back(Line(&queue, 63));
  EXPECT_EQ(ReasonOf(queue.Enter(never).status()), "QUEUE_FULL");
  for (std::unique_ptr<Waiter>& waiter : line) waiter->GiveUp();
}

TEST(UploadQueue, CloseLetsNobodyIn) {
  UploadQueue queue(1);
  std::optional<UploadQueue::Slot> slot(TakeFree(&queue));
  std::unique_ptr<Waiter> first = Line(&queue, 0);
  std::unique_ptr<Waiter> second = Line(&queue, 1);
  queue.Close();
  EXPECT_EQ(ReasonOf(first->AwaitEnd()), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(second->AwaitEnd()), "SHUTTING_DOWN");
  EXPECT_EQ(queue.waiting(), 0);
  EXPECT_EQ(queue.running(), 1) << "who uploads may end";
  slot.reset();
  EXPECT_EQ(ReasonOf(queue.Enter([](int) { return true; }).status()), "SHUTTING_DOWN");
  EXPECT_EQ(queue.running(), 0);
}

}  // namespace
}  // namespace arkshare
