#include "services/peer/serve/upload_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/core/limits.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr uint64_t kLargeUpload = 100 << 20;
constexpr uint64_t kSmall = kMaxSmallRangeBytes;

class UploadLineTest : public testing::Test {
 protected:
  // The flow is the letter in front.
  bool Arrive(const std::string& name, uint64_t bytes = kLargeUpload) {
    names_.push_back(name);
    const auto stream = static_cast<UploadLine::Stream>(names_.size());
    if (!line_.Arrive(stream, {name.substr(0, 1), ""}, bytes)) return false;
    here_.insert(stream);
    return true;
  }
  void Leave(const std::string& name) {
    line_.Leave(Number(name));
    here_.erase(Number(name));
  }
  UploadLine::Stream Number(const std::string& name) const {
    return static_cast<UploadLine::Stream>(std::find(names_.begin(), names_.end(), name) -
                                           names_.begin() + 1);
  }
  std::vector<std::string> Running() const {
    std::vector<std::string> running;
    for (const UploadLine::Stream stream : here_) {
      if (line_.IsRunning(stream)) running.push_back(names_[stream - 1]);
    }
    return running;
  }
  // The waiting streams by position; "-" where two have the same.
  std::vector<std::string> Waiting(bool small = false) const {
    std::vector<std::string> waiting;
    for (const UploadLine::Stream stream : here_) {
      const bool is_small = names_[stream - 1].back() == 's';
      if (line_.IsRunning(stream) || line_.IsParked(stream) || is_small != small) continue;
      const auto position = static_cast<size_t>(line_.Position(stream));
      if (waiting.size() <= position) waiting.resize(position + 1, "");
      waiting[position] = waiting[position].empty() ? names_[stream - 1] : "-";
    }
    return waiting;
  }

  UploadLine line_{{.slots = 3, .small_slots = 2, .max_waiting = 6}};
  std::vector<std::string> names_;
  std::set<UploadLine::Stream> here_;
};

TEST_F(UploadLineTest, OneFlowMayHaveAllSlotsWhileNoOtherWaits) {
  for (const char* name : {"a1", "a2", "a3", "a4"}) EXPECT_TRUE(Arrive(name));
  EXPECT_THAT(Running(), ElementsAre("a1", "a2", "a3"));
  EXPECT_THAT(Waiting(), ElementsAre("a4"));
  EXPECT_EQ(line_.running(), 3);
  EXPECT_EQ(line_.waiting(), 1);
}

TEST_F(UploadLineTest, TheFlowWithFewestStreamsComesFirst) {
  for (const char* name : {"a1", "a2", "b1", "a3", "a4", "b2", "c1", "c2"}) Arrive(name);
  EXPECT_THAT(Running(), ElementsAre("a1", "a2", "b1"));
  EXPECT_THAT(Waiting(), ElementsAre("c1", "b2", "c2", "a3", "a4"));
  Leave("a1");
  EXPECT_THAT(Running(), ElementsAre("a2", "b1", "c1"));
  EXPECT_THAT(Waiting(), ElementsAre("a3", "b2", "c2", "a4")) << "all have one: order of arrival";
  Leave("b1");
  EXPECT_THAT(Running(), UnorderedElementsAre("a2", "c1", "b2"));
  Leave("c2");
  EXPECT_THAT(Waiting(), ElementsAre("a3", "a4"));
}

TEST_F(UploadLineTest, InTheOrderOfArrivalAmongEquals) {
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) Arrive(name);
  EXPECT_THAT(Waiting(), ElementsAre("d", "e", "f"));
  for (const char* name : {"b", "a", "c"}) Leave(name);
  EXPECT_THAT(Running(), ElementsAre("d", "e", "f"));
}

TEST_F(UploadLineTest, TheLineIsBounded) {
  for (const char* name : {"a1", "b1", "c1", "a2", "a3", "a4", "a5", "a6", "a7"}) {
    EXPECT_TRUE(Arrive(name)) << name;
  }
  EXPECT_FALSE(Arrive("d1"));
  EXPECT_FALSE(Arrive("a8"));
  EXPECT_EQ(line_.waiting(), 6);
  EXPECT_TRUE(Arrive("d2s", kSmall)) << "it need not wait";
  Leave("a7");
  EXPECT_TRUE(Arrive("d3"));
  EXPECT_EQ(Waiting().front(), "d3");
}

TEST_F(UploadLineTest, SmallOnesDoNotWaitBehindLargeOnes) {
  for (const char* name : {"a1", "a2", "a3", "b1"}) Arrive(name);
  Arrive("b2s", kSmall);
  Arrive("c1s", 0);
  Arrive("c2s", kSmall);
  Arrive("d1", kSmall + 1);
  EXPECT_THAT(Running(), ElementsAre("a1", "a2", "a3", "b2s", "c1s"));
  EXPECT_THAT(Waiting(), ElementsAre("b1", "d1"));
  EXPECT_THAT(Waiting(/*small=*/true), ElementsAre("c2s"));
  EXPECT_EQ(line_.running(), 3) << "small ones do not count in the slots";
  Arrive("d2s", kSmall);
  EXPECT_THAT(Waiting(true), ElementsAre("d2s", "c2s")) << "fair between receivers, too";
  Leave("c1s");
  EXPECT_THAT(Waiting(true), ElementsAre("d2s"));
}

TEST_F(UploadLineTest, ManySmallOnesDoNotStarveLargeOnes) {
  for (const char* name : {"a1s", "a2s", "a3s", "b1s", "b2s"}) Arrive(name, kSmall);
  EXPECT_EQ(Running().size(), 5U) << "while no large one waits they take its slots, too";
  Arrive("a4s", kSmall);
  Arrive("b3s", kSmall);
  Arrive("c1");
  Arrive("c2");
  Leave("a1s");  // in a small slot: the first two got those
  EXPECT_THAT(Waiting(), ElementsAre("c1", "c2"));
  Leave("a3s");  // in another one
  EXPECT_THAT(Waiting(), ElementsAre("c2"));
  Leave("b2s");
  EXPECT_THAT(Waiting(), IsEmpty()) << "a free slot is a large one's";
}

TEST_F(UploadLineTest, WithoutSmallSlotsAllAreAlike) {
  UploadLine line({.slots = 1, .small_slots = 0, .max_waiting = 6});
  EXPECT_TRUE(line.Arrive(1, {"a", ""}, kLargeUpload));
  EXPECT_TRUE(line.Arrive(2, {"b", ""}, 1));
  EXPECT_TRUE(line.Arrive(3, {"c", ""}, kLargeUpload));
  EXPECT_EQ(line.Position(2), 0);
  EXPECT_EQ(line.Position(3), 1);
}

TEST_F(UploadLineTest, TheVersionGrowsWithEveryChangeInTheLine) {
  for (const char* name : {"a1", "a2", "a3"}) Arrive(name);
  Arrive("a4");
  uint64_t before = line_.version();
  Arrive("b1");  // goes before a4
  EXPECT_GT(line_.version(), before);
  before = line_.version();
  line_.Sent(Number("a1"), 5);
  Arrive("c1s", kSmall);
  Leave("c1s");
  before = line_.version();
  Leave("a1");
  EXPECT_GT(line_.version(), before);
}

// --- Networks ---

// The flow is the letter in front, the network the digit behind.
class NetworksTest : public UploadLineTest {
 protected:
  bool Arrive(const std::string& name, uint64_t bytes = kLargeUpload) {
    names_.push_back(name);
    const auto stream = static_cast<UploadLine::Stream>(names_.size());
    if (!line_.Arrive(stream, {name.substr(0, 1), name.substr(1, 1)}, bytes)) return false;
    here_.insert(stream);
    return true;
  }
};

TEST_F(NetworksTest, ANetworkWithManyConnectionsGetsNoMoreThanOneWithOne) {
  for (const char* name : {"a1", "b1", "c1", "d1", "e1"}) Arrive(name);
  Arrive("x2");  // in the slot for guests
  for (const char* name : {"x2+", "y2"}) Arrive(name);
  EXPECT_THAT(Running(), ElementsAre("a1", "b1", "c1", "x2"));
  EXPECT_THAT(Waiting(), ElementsAre("y2", "x2+", "d1", "e1")) << "one runs for 2, three for 1";
  Leave("a1");
  Leave("b1");
  EXPECT_THAT(Running(), ElementsAre("c1", "d1", "x2", "y2")) << "each has two";
}

TEST_F(NetworksTest, ANetworkThatHasNothingNeedNotWaitForAnother) {
  for (const char* name : {"a1", "b1", "c1", "d1"}) Arrive(name);
  for (const char* name : {"a1s", "b1s", "c1s"}) Arrive(name, kSmall);
  EXPECT_THAT(Running(), ElementsAre("a1", "b1", "c1", "a1s", "b1s"));
  Arrive("x2");
  Arrive("x2s", kSmall);
  EXPECT_THAT(Running(), ElementsAre("a1", "b1", "c1", "a1s", "b1s", "x2", "x2s"));
  Arrive("y2s", kSmall);
  Arrive("z3s", kSmall);
  EXPECT_THAT(Waiting(/*small=*/true), ElementsAre("z3s", "y2s", "c1s"));
  Leave("x2s");
  EXPECT_THAT(Waiting(/*small=*/true), ElementsAre("z3s", "c1s")) << "y came first";
  EXPECT_EQ(line_.running(), 3);
  EXPECT_EQ(line_.most_streams(), 3 + 2 + 2 + 6 + 64);
}

TEST_F(NetworksTest, OneNetworkCannotFillTheLine) {
  for (const char* name : {"a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1"}) {
    EXPECT_TRUE(Arrive(name));
  }
  EXPECT_FALSE(Arrive("j1"));
  EXPECT_TRUE(Arrive("x2")) << "a guest";
  EXPECT_TRUE(Arrive("y2"));
  EXPECT_THAT(line_.TakeDropped(), ElementsAre(Number("i1"))) << "the last one of those with most";
  EXPECT_TRUE(line_.IsDropped(Number("i1")));
  Leave("i1");
  EXPECT_EQ(line_.waiting(), 6);
  EXPECT_TRUE(Arrive("z2"));
  EXPECT_TRUE(Arrive("z2+"));
  EXPECT_THAT(line_.TakeDropped(), ElementsAre(Number("h1"), Number("g1")));
  EXPECT_FALSE(Arrive("z2++")) << "each has three";
  EXPECT_FALSE(Arrive("k1"));
  EXPECT_THAT(line_.TakeDropped(), IsEmpty());
}

// --- Receivers that take nothing ---

TEST_F(UploadLineTest, AParkedStreamGivesItsSlotToTheNext) {
  for (const char* name : {"a", "b", "c"}) Arrive(name);
  EXPECT_FALSE(line_.IsInTheWay(Number("a"))) << "no stream waits";
  for (const char* name : {"d", "e"}) Arrive(name);
  EXPECT_TRUE(line_.IsInTheWay(Number("a")));
  line_.Park(Number("a"));
  EXPECT_THAT(Running(), ElementsAre("b", "c", "d"));
  EXPECT_TRUE(line_.IsParked(Number("a")));
  EXPECT_EQ(line_.waiting(), 1);
  line_.Resume(Number("a"));
  EXPECT_THAT(Waiting(), ElementsAre("a", "e")) << "it came first";
  Leave("d");
  EXPECT_THAT(Running(), ElementsAre("a", "b", "c"));
}

TEST_F(UploadLineTest, OthersGoPastAStreamThatIsNotReady) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Arrive(name);
  line_.SetReady(Number("d"), false);
  Leave("a");
  EXPECT_THAT(Running(), ElementsAre("b", "c", "e"));
  EXPECT_FALSE(line_.IsInTheWay(Number("b"))) << "the only one that waits is not ready";
  Leave("b");
  EXPECT_THAT(Running(), ElementsAre("c", "e"));
  line_.SetReady(Number("d"), true);
  EXPECT_THAT(Running(), ElementsAre("c", "d", "e"));
}

TEST_F(UploadLineTest, AWaitingStreamCanBeParked) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Arrive(name);
  line_.Park(Number("d"));
  EXPECT_THAT(Waiting(), ElementsAre("e"));
  line_.Resume(Number("d"));
  EXPECT_THAT(Waiting(), ElementsAre("d", "e")) << "it came first";
}

TEST_F(UploadLineTest, AParkedStreamCountsForItsReceiver) {
  for (const char* name : {"a1", "b1", "c1", "a2", "d1"}) Arrive(name);
  line_.Park(Number("a1"));
  EXPECT_THAT(Running(), ElementsAre("b1", "c1", "d1"));
  Arrive("e1");
  EXPECT_THAT(Waiting(), ElementsAre("e1", "a2"));
  Leave("a1");
  EXPECT_THAT(Waiting(), ElementsAre("a2", "e1"));
}

TEST_F(UploadLineTest, OnlyASlotThatAWaitingStreamCouldUseIsInTheWay) {
  for (const char* name : {"a", "b", "c"}) Arrive(name);
  for (const char* name : {"ds", "es"}) Arrive(name, kSmall);
  Arrive("f");
  EXPECT_FALSE(line_.IsInTheWay(Number("ds"))) << "a large one waits";
  EXPECT_TRUE(line_.IsInTheWay(Number("a")));
  Arrive("gs", kSmall);
  EXPECT_TRUE(line_.IsInTheWay(Number("ds")));
}

TEST_F(UploadLineTest, TheStreamThatIsParkedLongestIsDroppedFirst) {
  UploadLine line({.slots = 1, .small_slots = 0, .max_waiting = 6, .max_parked = 2});
  for (UploadLine::Stream stream = 1; stream <= 4; ++stream) {
    line.Arrive(stream, {std::string(1, static_cast<char>('a' + stream)), ""}, kLargeUpload);
  }
  for (UploadLine::Stream stream = 1; stream <= 3; ++stream) line.Park(stream);
  EXPECT_TRUE(line.IsRunning(4));
  EXPECT_EQ(line.parked(), 2);
  EXPECT_THAT(line.TakeDropped(), ElementsAre(1));
  EXPECT_THAT(line.TakeDropped(), IsEmpty());
  for (UploadLine::Stream stream = 1; stream <= 4; ++stream) line.Leave(stream);
  EXPECT_EQ(line.parked(), 0);
  EXPECT_EQ(line.running(), 0);
}

// --- How long ---

TEST(EstimateWaitTest, ATable) {
  using Bytes = std::vector<uint64_t>;
  const struct {
    Bytes running, earlier;
    double seconds;  // at 100 bytes a second
  } cases[] = {
      {{100}, {}, 1},
      {{0}, {}, 0},
      {{300, 100}, {}, 2},                // both get 50 a second
      {{100, 300}, {}, 2},                //
      {{100}, {400, 500}, 10},            // one slot: all of it
      {{100, 300}, {50}, 3},              // at 2 s one ends, at 3 s the 50 that took its place
      {{100, 300}, {500}, 6},             // ... or the 300
      {{100, 100, 100}, {}, 3},           //
      {{100, 100, 100}, {0}, 3},          //
      {{100, 100, 100}, {9, 9, 9}, 3.27}  // three begin at 3 s
  };
  for (const auto& c : cases) {
    EXPECT_NEAR(absl::ToDoubleSeconds(UploadLine::EstimateWait(c.running, c.earlier, 100)),
                c.seconds, 1e-6)
        << testing::PrintToString(c.running) << testing::PrintToString(c.earlier);
  }
}

TEST_F(UploadLineTest, EstimatesFromTheBytesThatAreLeft) {
  UploadLine line({.slots = 2, .small_slots = 1, .max_waiting = 6});
  line.Arrive(1, {"a", ""}, 1'000'000);
  line.Arrive(2, {"b", ""}, 3'000'000);
  line.Arrive(3, {"c", ""}, 1'000'000);
  line.Arrive(4, {"d", ""}, 1'000'000);
  EXPECT_EQ(line.EstimatedWait(3, 0), std::nullopt) << "nothing was measured yet";
  EXPECT_EQ(line.EstimatedWait(3, 1e6), absl::Seconds(2));
  EXPECT_EQ(line.EstimatedWait(4, 1e6), absl::Seconds(4));
  line.Sent(1, 500'000);
  EXPECT_EQ(line.EstimatedWait(3, 1e6), absl::Seconds(1));
  line.Sent(1, 2'000'000);  // more than it announced
  EXPECT_EQ(line.EstimatedWait(3, 1e6), absl::ZeroDuration());
}

TEST_F(UploadLineTest, SmallOnesWaitForSmallOnes) {
  UploadLine line({.slots = 1, .small_slots = 1, .max_waiting = 6});
  line.Arrive(1, {"a", ""}, kLargeUpload);
  line.Arrive(2, {"b", ""}, 100'000);
  line.Arrive(3, {"c", ""}, 100'000);
  EXPECT_EQ(line.EstimatedWait(3, 1e5), absl::Seconds(2)) << "half of the bytes are a's";
}

}  // namespace
}  // namespace arkshare
