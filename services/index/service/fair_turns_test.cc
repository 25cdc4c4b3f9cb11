#include "services/index/service/fair_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using Turns = FairTurns<std::string>;
using testing::ElementsAre;

// All work in the order of its turns.
std::vector<std::string> All(Turns& turns) {
  std::vector<std::string> all;
  while (auto next = turns.Next()) all.push_back(next->second);
  return all;
}

TEST(FairTurnsTest, AddressesTakeTurnsAndSoDoTheCallersOfAnAddress) {
  Turns turns;
  for (const char* work : {"a1", "a2", "a3"}) turns.Add({"one", "a"}, work);
  turns.Add({"one", "b"}, "b1");
  turns.Add({"two", "c"}, "c1");
  turns.Add({"two", "c"}, "c2");
  EXPECT_EQ(turns.size(), 6u);
  EXPECT_EQ(turns.SizeOf({"one", "a"}), 3u);
  EXPECT_THAT(All(turns), ElementsAre("a1", "c1", "b1", "c2", "a2", "a3"));
  EXPECT_TRUE(turns.empty());
  EXPECT_EQ(turns.SizeOf({"one", "a"}), 0u);
}

TEST(FairTurnsTest, ACallerThatComesLateIsNextAfterOneTurnOfEachOther) {
  Turns turns;
  for (int i = 0; i < 1'000; ++i) turns.Add({"busy", "a"}, "much");
  turns.Next();
  turns.Add({"late", "b"}, "little");
  std::vector<std::string> order;
  for (int i = 0; i < 3; ++i) order.push_back(turns.Next()->second);
  EXPECT_THAT(order, ElementsAre("much", "little", "much"));
}

TEST(FairTurnsTest, UnfinishedWorkIsTheNextOfItsCaller) {
  Turns turns;
  turns.Add({"one", "a"}, "first");
  turns.Add({"one", "a"}, "second");
  turns.Add({"two", "b"}, "other");
  const auto begun = turns.Next();
  turns.AddFirst(begun->first, begun->second);
  EXPECT_THAT(All(turns), ElementsAre("other", "first", "second"));
}

TEST(FairTurnsTest, PassesOverThoseThatMayNotGo) {
  Turns turns;
  turns.Add({"full", "a"}, "a1");
  turns.Add({"open", "b"}, "b1");
  turns.Add({"open", "c"}, "c1");
  const auto address_may_go = [](const std::string& address) { return address == "open"; };
  const auto caller_may_go = [](const Turns::Caller& caller) { return caller.name == "c"; };
  const auto next = turns.Next(address_may_go, caller_may_go);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->second, "c1");
  EXPECT_EQ(next->first.address, "open");
  EXPECT_EQ(next->first.name, "c");
  EXPECT_FALSE(turns.Next(address_may_go, caller_may_go).has_value());
  EXPECT_EQ(turns.size(), 2u);
  EXPECT_THAT(All(turns), testing::UnorderedElementsAre("a1", "b1"));
}

}  // namespace
}  // namespace arkshare
