#include "services/peer/fetch/piece_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "lib/core/byte_size.h"

namespace arkshare {
namespace {

using Range = PiecePlan::Range;

constexpr PiecePlan::HolderId kA = 1, kB = 2, kC = 3;

PiecePlan Plan(uint64_t pieces) { return PiecePlan(pieces, kMiB, /*seed=*/1); }

// The stream brings `count` pieces of its run, all of them right.
void Bring(PiecePlan& plan, PiecePlan::StreamId stream, uint64_t first, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(plan.Wanted(stream, first + i)) << first + i;
    plan.Arrived(stream);
    plan.Verified(first + i);
  }
}

TEST(PiecePlanTest, OneHolderGetsEverythingAtOnce) {
  PiecePlan plan = Plan(1000);
  plan.AddHolder(kA, true);
  EXPECT_EQ(plan.Begin(1, kA), (Range{0, 1000}));
  EXPECT_EQ(plan.Begin(2, kA), std::nullopt) << "a second stream would only be in the way";
  Bring(plan, 1, 0, 1000);
  EXPECT_TRUE(plan.done());
}

TEST(PiecePlanTest, BeginsWhereItIsTold) {
  PiecePlan plan = Plan(10);
  plan.AddHolder(kA, true);
  plan.BeginAt(7);
  EXPECT_EQ(plan.Begin(1, kA), (Range{7, 10}));
  Bring(plan, 1, 7, 3);
  plan.End(1);
  EXPECT_EQ(plan.Begin(1, kA), (Range{0, 7}));
}

TEST(PiecePlanTest, TheNextRunBeginsBeforeTheFirstHasEnded) {
  PiecePlan plan = Plan(10);
  plan.AddHolder(kA, true);
  plan.BeginAt(5);
  EXPECT_EQ(plan.Begin(1, kA), (Range{5, 10}));
  EXPECT_FALSE(plan.EndsSoon(1));
  Bring(plan, 1, 5, 2);
  EXPECT_EQ(plan.Begin(2, kA), std::nullopt) << "three pieces are left";
  Bring(plan, 1, 7, 1);
  EXPECT_TRUE(plan.EndsSoon(1));
  EXPECT_EQ(plan.Begin(2, kA), (Range{0, 5}));
  Bring(plan, 2, 0, 1);
  Bring(plan, 1, 8, 2);
  plan.End(1);
  EXPECT_EQ(plan.Begin(1, kA), std::nullopt);
}

TEST(PiecePlanTest, WhatIsThereAlreadyIsNotAskedFor) {
  PiecePlan plan = Plan(6);
  for (uint64_t piece : {0, 1, 4}) plan.Verified(piece);
  plan.AddHolder(kA, true);
  EXPECT_EQ(plan.Begin(1, kA), (Range{2, 4}));
  Bring(plan, 1, 2, 2);
  plan.End(1);
  EXPECT_EQ(plan.Begin(1, kA), (Range{5, 6}));
  Bring(plan, 1, 5, 1);
  EXPECT_TRUE(plan.done());
}

TEST(PiecePlanTest, WhatAStreamDidNotBringIsGivenAgain) {
  PiecePlan plan = Plan(5);
  plan.AddHolder(kA, true);
  plan.Begin(1, kA);
  Bring(plan, 1, 0, 2);
  plan.End(1);
  plan.RemoveHolder(kA);
  plan.AddHolder(kB, true);
  EXPECT_EQ(plan.Begin(2, kB), (Range{2, 5}));
}

TEST(PiecePlanTest, ABadPieceIsGivenAgain) {
  PiecePlan plan = Plan(3);
  plan.AddHolder(kA, true);
  plan.Begin(1, kA);
  Bring(plan, 1, 0, 1);
  plan.Arrived(1);
  plan.Rejected(1);
  plan.End(1);
  plan.RemoveHolder(kA);
  plan.AddHolder(kB, true);
  EXPECT_EQ(plan.Begin(2, kB), (Range{1, 3}));
}

TEST(PiecePlanTest, UnknownHoldersGetLittleKnownOnesWhatTheyDeliverInAWhile) {
  PiecePlan plan = Plan(1000);
  plan.AddHolder(kA, true);
  plan.AddHolder(kB, true);
  EXPECT_EQ(plan.Begin(1, kA), (Range{0, 4}));
  EXPECT_EQ(plan.Begin(2, kB), (Range{4, 8}));
  Bring(plan, 1, 0, 4);
  plan.End(1);
  plan.SetRate(kA, 20.0 * kMiB);
  EXPECT_EQ(plan.Begin(1, kA), (Range{8, 88}));
  Bring(plan, 1, 8, 80);
  plan.End(1);
  plan.SetRate(kA, 2000.0 * kMiB);
  EXPECT_EQ(plan.Begin(1, kA), (Range{88, 544})) << "never more than its share of what is left";
}

TEST(PiecePlanTest, AFreeStreamTakesOverTheBackOfTheRunThatWouldEndLast) {
  PiecePlan plan = Plan(100);
  plan.AddHolder(kA, true);
  plan.Begin(1, kA);
  Bring(plan, 1, 0, 20);
  plan.SetRate(kA, 10.0 * kMiB);
  plan.AddHolder(kB, true);
  plan.SetRate(kB, 30.0 * kMiB);
  // 80 pieces are left: both end together when the fast one gets three of four.
  EXPECT_EQ(plan.Begin(2, kB), (Range{40, 100}));
  EXPECT_TRUE(plan.Wanted(1, 39));
  EXPECT_FALSE(plan.Wanted(1, 40));
  Bring(plan, 1, 20, 20);
  plan.End(1);
  Bring(plan, 2, 40, 60);
  EXPECT_TRUE(plan.done());
}

TEST(PiecePlanTest, WhatIsOnItsWayIsNotTakenOver) {
  PiecePlan plan = Plan(4);
  plan.AddHolder(kA, true);
  plan.Begin(1, kA);
  plan.SetRate(kA, 10.0 * kMiB);
  Bring(plan, 1, 0, 1);
  plan.AddHolder(kB, true);
  plan.SetRate(kB, 10.0 * kMiB);
  EXPECT_EQ(plan.Begin(2, kB), (Range{3, 4})) << "the next two will be here before it";
}

TEST(PiecePlanTest, APieceIsAskedForTwiceOnlyAtTheVeryEndAndFromSomebodyMuchFaster) {
  PiecePlan plan = Plan(1);
  plan.AddHolder(kA, true);
  plan.SetRate(kA, 1.0 * kMiB);
  plan.Begin(1, kA);
  plan.AddHolder(kB, true);
  plan.SetRate(kB, 1.5 * kMiB);
  EXPECT_EQ(plan.Begin(2, kB), std::nullopt);
  plan.SetRate(kB, 3.0 * kMiB);
  EXPECT_EQ(plan.Begin(2, kB), (Range{0, 1}));
  plan.AddHolder(kC, true);
  plan.SetRate(kC, 100.0 * kMiB);
  EXPECT_EQ(plan.Begin(3, kC), std::nullopt) << "twice, not thrice";
  plan.Arrived(2);
  plan.Verified(0);
  EXPECT_FALSE(plan.Wanted(1, 0));
  EXPECT_TRUE(plan.done());
}

TEST(PiecePlanTest, ABadCopyDoesNotEndTheOther) {
  PiecePlan plan = Plan(1);
  plan.AddHolder(kA, true);
  plan.SetRate(kA, 1.0 * kMiB);
  plan.Begin(1, kA);
  plan.AddHolder(kB, true);
  plan.SetRate(kB, 9.0 * kMiB);
  plan.Begin(2, kB);
  plan.Arrived(2);
  plan.Rejected(0);
  EXPECT_TRUE(plan.Wanted(1, 0));
  Bring(plan, 1, 0, 1);
  EXPECT_TRUE(plan.done());
}

// --- Holders of a part ---

TEST(PiecePlanTest, ARunIsCutWhenSomebodyHasAPart) {
  PiecePlan plan = Plan(100);
  plan.AddHolder(kA, true);
  plan.Begin(1, kA);
  Bring(plan, 1, 0, 10);
  plan.AddHolder(kB, false);
  EXPECT_TRUE(plan.Wanted(1, 11));
  EXPECT_FALSE(plan.Wanted(1, 12)) << "only what is on its way";
  EXPECT_EQ(plan.Begin(2, kB), std::nullopt) << "it has nothing yet";
  plan.HolderHas(kB, 50);
  EXPECT_EQ(plan.Begin(2, kB), (Range{50, 51}));
}

TEST(PiecePlanTest, TheRarestPieceComesFirst) {
  PiecePlan plan = Plan(5);
  plan.AddHolder(kA, true);
  plan.AddHolder(kB, false);
  plan.AddHolder(kC, false);
  for (uint64_t piece : {0, 1, 2, 4}) plan.HolderHas(kB, piece);
  for (uint64_t piece : {0, 1, 4}) plan.HolderHas(kC, piece);
  EXPECT_EQ(plan.Begin(1, kA), (Range{3, 4})) << "no other holder has it";
  EXPECT_EQ(plan.Begin(2, kA), (Range{2, 3})) << "a second stream hides the time between pieces";
  std::set<uint64_t> rest;
  for (PiecePlan::StreamId stream : {3, 4, 5}) rest.insert(plan.Begin(stream, kC)->first);
  EXPECT_THAT(rest, testing::ElementsAre(0, 1, 4));
}

TEST(PiecePlanTest, AFastHolderOfAPartGetsSomePiecesTogether) {
  PiecePlan plan = Plan(100);
  plan.AddHolder(kA, false);
  for (uint64_t piece = 10; piece < 20; ++piece) plan.HolderHas(kA, piece);
  plan.SetRate(kA, 40 * kMiB);  // two pieces in a moment
  uint64_t given = 0;
  int runs = 0;
  for (PiecePlan::StreamId stream = 1; const auto run = plan.Begin(stream, kA); ++stream, ++runs) {
    EXPECT_GE(run->first, 10U);
    EXPECT_LE(run->end, 20U);
    EXPECT_LE(run->end - run->first, 2U);
    given += run->end - run->first;
  }
  EXPECT_EQ(given, 10U);
  EXPECT_LT(runs, 10);
}

TEST(PiecePlanTest, ChanceDecidesAmongEquals) {
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    PiecePlan plan(1000, kMiB, seed);
    plan.AddHolder(kA, true);
    plan.AddHolder(kB, false);
    firsts.insert(plan.Begin(1, kA)->first);
  }
  EXPECT_GT(firsts.size(), 15U);
}

TEST(PiecePlanTest, AHolderThatHasGotEverythingIsLikeAnyOther) {
  PiecePlan plan = Plan(8);
  plan.AddHolder(kA, false);
  for (uint64_t piece = 0; piece < 8; ++piece) plan.HolderHas(kA, piece);
  EXPECT_EQ(plan.Begin(1, kA), (Range{0, 8}));
}

TEST(PiecePlanTest, AHolderOfAPartThatLeavesTakesItsNewsAlong) {
  PiecePlan plan = Plan(2);
  plan.AddHolder(kA, true);
  plan.AddHolder(kB, false);
  plan.AddHolder(kC, false);
  plan.HolderHas(kB, 0);
  plan.RemoveHolder(kB);
  plan.HolderHas(kC, 1);
  EXPECT_EQ(plan.Begin(1, kA), (Range{0, 1}));
}

// --- Whole downloads, in made-up time ---

struct MadeUpHolder {
  double rate;           // bytes a second
  bool complete = true;  // or it gets one more piece every `news` seconds, from the last one on
  double news = 0.01;
  double fails_at = 1e9;  // seconds
};

struct Outcome {
  double seconds = 0;
  uint64_t brought = 0;  // pieces, also those that came twice
};

// Every holder sends its pieces at its rate; each stream asks again as soon as its run has ended.
Outcome Simulate(uint64_t pieces, const std::vector<MadeUpHolder>& holders) {
  PiecePlan plan(pieces, kMiB, 7);
  struct Now {
    std::optional<Range> run;
    uint64_t next = 0;
    double progress = 0;
    double bytes = 0, busy = 0;
    uint64_t news = 0;
  };
  std::vector<Now> now(holders.size());
  for (size_t i = 0; i < holders.size(); ++i) {
    plan.AddHolder(static_cast<int>(i), holders[i].complete);
  }
  Outcome outcome;
  constexpr double kStep = 0.001;
  for (; !plan.done() && outcome.seconds < 1000; outcome.seconds += kStep) {
    for (size_t i = 0; i < holders.size(); ++i) {
      const int id = static_cast<int>(i);
      Now& state = now[i];
      if (outcome.seconds >= holders[i].fails_at) {
        if (state.run) plan.End(id);
        state.run.reset();
        plan.RemoveHolder(id);
        continue;
      }
      while (!holders[i].complete && state.news < pieces &&
             static_cast<double>(state.news) * holders[i].news <= outcome.seconds) {
        plan.HolderHas(id, pieces - ++state.news);
      }
      if (!state.run) {
        if (state.busy > 0) plan.SetRate(id, state.bytes / state.busy);
        state.run = plan.Begin(id, id);
        if (!state.run) continue;
        state.next = state.run->first;
        state.progress = 0;
      }
      state.busy += kStep;
      state.bytes += holders[i].rate * kStep;
      state.progress += holders[i].rate * kStep;
      plan.SetRate(id, state.bytes / state.busy);
      while (state.run && state.progress >= kMiB) {
        state.progress -= kMiB;
        if (plan.Wanted(id, state.next)) {
          plan.Arrived(id);
          plan.Verified(state.next);
          ++outcome.brought;
        }
        ++state.next;
        if (state.next == state.run->end || !plan.Wanted(id, state.next)) {
          plan.End(id);
          state.run.reset();
        }
      }
    }
  }
  EXPECT_TRUE(plan.done());
  EXPECT_EQ(plan.verified_count(), pieces);
  return outcome;
}

TEST(PiecePlanSimulation, HoldersOfAnySpeedEndTogether) {
  struct Case {
    std::vector<MadeUpHolder> holders;
    uint64_t pieces;
  };
  for (const Case& c :
       {Case{{{20.0 * kMiB}, {20.0 * kMiB}}, 200}, Case{{{20.0 * kMiB}, {20.0 * kMiB}}, 2000},
        Case{{{100.0 * kMiB}, {10.0 * kMiB}, {1.0 * kMiB}}, 1000},
        Case{{{50.0 * kMiB}, {0.1 * kMiB}}, 500},
        Case{{{5.0 * kMiB}, {6.0 * kMiB}, {7.0 * kMiB}, {8.0 * kMiB}}, 333}}) {
    double together = 0;
    for (const MadeUpHolder& holder : c.holders) together += holder.rate;
    const double bound = static_cast<double>(c.pieces * kMiB) / together;
    const Outcome outcome = Simulate(c.pieces, c.holders);
    EXPECT_LE(outcome.seconds, bound * 1.05 + 0.3) << c.holders.size() << " " << c.pieces;
    EXPECT_LE(outcome.brought, c.pieces + c.holders.size());
  }
}

TEST(PiecePlanSimulation, AHolderThatFailsCostsWhatItHadNotBrought) {
  const Outcome outcome = Simulate(400, {{20.0 * kMiB}, {20.0 * kMiB, true, 0, /*fails_at=*/5.0}});
  EXPECT_LE(outcome.seconds, 5 + (400 - 200) / 20.0 + 0.5);
  EXPECT_EQ(outcome.brought, 400U);
}

TEST(PiecePlanSimulation, HoldersOfAPartHelp) {
  const Outcome outcome =
      Simulate(400, {{20.0 * kMiB}, {20.0 * kMiB, false, 0.03}, {20.0 * kMiB, false, 0.03}});
  EXPECT_LE(outcome.seconds, 400 / 60.0 * 1.5);
  EXPECT_LE(outcome.brought, 403U);
}

}  // namespace
}  // namespace arkshare
