#include "services/index/service/call_queue.h"

#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

class CallQueueTest : public testing::Test {
 protected:
  // Holds the thread until Go, so that the order of what is added meanwhile is certain.
  void Hold() {
    absl::Notification held;
    ASSERT_TRUE(queue_
                    ->Add({"holder", "holder"}, 0,
                          [this, &held] {
                            held.Notify();
                            go_.WaitForNotification();
                            return false;
                          })
                    .ok());
    held.WaitForNotification();
  }
  // Adds work of `steps` steps that notes each.
  absl::Status Add(const std::string& address, const std::string& name, int steps,
                   size_t bytes = 1) {
    return queue_->Add({address, name}, bytes, [this, name, left = steps]() mutable {
      steps_.push_back(name);
      return --left > 0;
    });
  }
  void Finish() {
    go_.Notify();
    queue_ = nullptr;
  }

  absl::Notification go_;
  std::unique_ptr<CallQueue> queue_ = std::make_unique<CallQueue>();
  std::vector<std::string> steps_;  // on the queue's thread
};

TEST_F(CallQueueTest, ACallerWithMuchWorkWaitsForItself) {
  Hold();
  ASSERT_TRUE(Add("one", "a", 4).ok());
  ASSERT_TRUE(Add("one", "a", 1).ok());
  ASSERT_TRUE(Add("two", "b", 2).ok());
  Finish();
  EXPECT_THAT(steps_, ElementsAre("a", "b", "a", "b", "a", "a", "a"));
}

TEST_F(CallQueueTest, ACallerHasFewPiecesOfWork) {
  Hold();
  for (size_t i = 0; i < CallQueue::kMostOfCaller; ++i) ASSERT_TRUE(Add("one", "a", 1).ok());
  const absl::Status refused = Add("one", "a", 1);
  EXPECT_EQ(GetReason(refused), Reason::kQueueFull);
  EXPECT_TRUE(GetRetryAfter(refused).has_value());
  EXPECT_TRUE(Add("one", "b", 1).ok());
  Finish();
}

TEST_F(CallQueueTest, AnAddressLeavesRoomForOthers) {
  Hold();
  constexpr size_t kBytes = CallQueue::kMostBytes / 100;
  size_t taken = 0;
  while (taken < 100 && Add("one", std::to_string(taken), 1, kBytes).ok()) ++taken;
  EXPECT_EQ(taken, 50u);
  size_t others = 0;
  while (others < 100 && Add("two", std::to_string(others), 1, kBytes).ok()) ++others;
  EXPECT_GE(others, 25u);
  EXPECT_TRUE(Add("three", "c", 1, kBytes).ok());
  Finish();
}

TEST_F(CallQueueTest, WorkWithoutBytesIsCountedToo) {
  Hold();
  for (int i = 0; i < 20; ++i) Add("one", "a", 1, /*bytes=*/0).IgnoreError();
  Finish();
  EXPECT_EQ(steps_.size(), CallQueue::kMostOfCaller);
}

TEST_F(CallQueueTest, FinishedWorkMakesRoom) {
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(Add("one", "a", 1, CallQueue::kMostBytes / 4).ok()) << round;
    // Turns of one thread: when the second of these begins, the work before it has ended.
    for (int i = 0; i < 2; ++i) {
      absl::Notification begun;
      ASSERT_TRUE(queue_
                      ->Add({"two", "b"}, 0,
                            [&begun] {
                              begun.Notify();
                              return false;
                            })
                      .ok());
      begun.WaitForNotification();
    }
  }
  Finish();
}

}  // namespace
}  // namespace arkshare
