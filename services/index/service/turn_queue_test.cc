#include "services/index/service/turn_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;

TEST(TurnQueueTest, NetworksTakeTurnsWhateverEachHasWaiting) {
  std::vector<std::string> ran;
  {
    std::promise<void> begin;
    TurnQueue queue;
    queue.Add("first", [begun = begin.get_future().share()] { begun.wait(); });
    for (const char* work : {"a1", "a2", "a3"}) {
      queue.Add("a", [&, work] { ran.emplace_back(work); });
    }
    queue.Add("b", [&] { ran.emplace_back("b1"); });
    queue.Add("a", [&] { ran.emplace_back("a4"); });
    queue.Add("c", [&] { ran.emplace_back("c1"); });
    begin.set_value();
  }
  EXPECT_THAT(ran, ElementsAre("a1", "b1", "c1", "a2", "a3", "a4"));
}

TEST(TurnQueueTest, WorkThatAddsItselfAgainLetsOthersGoFirst) {
  std::vector<std::string> ran;
  {
    std::function<void()> again;
    std::promise<void> begin;
    std::promise<void> done;
    int left = 3;
    TurnQueue queue;
    again = [&] {
      ran.emplace_back("long");
      if (--left > 0) queue.Add("a", again);
    };
    queue.Add("first", [begun = begin.get_future().share()] { begun.wait(); });
    queue.Add("a", again);
    queue.Add("b", [&] { ran.emplace_back("b1"); });
    queue.Add("b", [&] { ran.emplace_back("b2"); });
    queue.Add("b", [&] { done.set_value(); });
    begin.set_value();
    done.get_future().wait();
  }
  EXPECT_THAT(ran, ElementsAre("long", "b1", "long", "b2", "long"));
}

}  // namespace
}  // namespace arkshare
