#include "lib/core/upload_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lib/core/byte_size.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Time kStart = absl::UnixEpoch();

// A receiver with endless streams: each wants its next chunk `away` after the last one was granted.
struct Receiver {
  std::string flow;
  int streams = 1;
  absl::Duration away = absl::ZeroDuration();
  bool uneven = false;  // every other time it is back at once
};

// A simulated upload of `time`, in steps of a tenth of a millisecond. The limits count from their
// times on.
class Simulation {
 public:
  Simulation(uint64_t limit, const std::vector<Receiver>& receivers) : turns_(limit, kStart) {
    for (const Receiver& receiver : receivers) {
      for (int i = 0; i < receiver.streams; ++i) {
        const UploadTurns::Stream stream = streams_.size() + 1;
        streams_[stream] = {receiver.flow, receiver.away, receiver.uneven, kStart};
        turns_.Join(stream, receiver.flow);
      }
    }
  }

  void SetLimit(uint64_t limit) { turns_.SetRate(limit, now_); }

  void Run(absl::Duration time) {
    const absl::Time end = now_ + time;
    for (; now_ < end; now_ += absl::Microseconds(100)) {
      for (auto& [number, stream] : streams_) {
        if (stream.wants || stream.back > now_) continue;
        turns_.Want(number, 64 * kMiB);
        stream.wants = true;
      }
      while (const auto turn = turns_.Next(now_)) {
        Stream& stream = streams_.at(turn->stream);
        stream.wants = false;
        stream.at_once = stream.uneven && !stream.at_once;
        stream.back = stream.at_once ? now_ : now_ + stream.away;
        grants_.push_back({now_, turn->bytes, stream.flow});
      }
    }
  }

  // The bytes granted to `flow` ("": to all) between two times from the start, both included.
  double Bytes(const std::string& flow, absl::Duration from, absl::Duration to) const {
    double bytes = 0;
    for (const Grant& grant : grants_) {
      const bool within = kStart + from <= grant.time && grant.time <= kStart + to;
      if (within && (flow.empty() || grant.flow == flow)) bytes += double(grant.bytes);
    }
    return bytes;
  }

 private:
  struct Stream {
    std::string flow;
    absl::Duration away;
    bool uneven = false;
    absl::Time back;
    bool wants = false;
    bool at_once = false;
  };
  struct Grant {
    absl::Time time;
    uint64_t bytes = 0;
    std::string flow;
  };

  UploadTurns turns_;
  absl::Time now_ = kStart;
  std::map<UploadTurns::Stream, Stream> streams_;
  std::vector<Grant> grants_;
};

// --- The limit ---

TEST(UploadTurnsTest, TheLimitHoldsInEveryTenSeconds) {
  const std::vector<std::vector<Receiver>> cases = {
      {{"a"}},
      {{"a", 1, absl::Milliseconds(2)}, {"b", 3, absl::Milliseconds(1)}},
      {{"a", 4}, {"b", 4}, {"c", 4, absl::Milliseconds(7)}}};
  for (const std::vector<Receiver>& receivers : cases) {
    for (const uint64_t limit : {64 * kMiB / 1024, 2 * kMiB, 200 * kMiB}) {
      Simulation simulation(limit, receivers);
      simulation.Run(absl::Seconds(20));
      for (int tenths = 0; tenths <= 100; ++tenths) {
        const absl::Duration from = absl::Milliseconds(100 * tenths);
        const double bytes = simulation.Bytes("", from, from + absl::Seconds(10));
        ASSERT_NEAR(bytes, 10.0 * double(limit), 0.3 * double(limit))
            << receivers.size() << " receivers, limit " << limit << ", from " << from;
      }
    }
  }
}

TEST(UploadTurnsTest, TheLimitHoldsRightAfterAChange) {
  for (const uint64_t before : {uint64_t{0}, kMiB, 50 * kMiB}) {
    for (const uint64_t after : {2 * kMiB, 20 * kMiB}) {
      // Without a limit a receiver is as fast as its own line.
      Simulation simulation(before,
                            {{"a", 1, absl::Milliseconds(10)}, {"b", 3, absl::Milliseconds(10)}});
      simulation.Run(absl::Seconds(3));
      simulation.SetLimit(after);
      simulation.Run(absl::Seconds(12));
      for (int tenths = 0; tenths <= 20; ++tenths) {
        const absl::Duration from = absl::Seconds(3) + absl::Milliseconds(100 * tenths);
        const double bytes = simulation.Bytes("", from, from + absl::Seconds(10));
        ASSERT_NEAR(bytes, 10.0 * double(after), 0.3 * double(after))
            << before << " to " << after << " from " << from;
      }
    }
  }
}

TEST(UploadTurnsTest, NoLimitIsNoWait) {
  UploadTurns turns(0, kStart);
  turns.Join(1, "a");
  for (int i = 0; i < 1000; ++i) {
    turns.Want(1, 64 * kMiB);
    const auto turn = turns.Next(kStart);
    ASSERT_TRUE(turn.has_value());
    EXPECT_EQ(turn->bytes, kMiB);
  }
  EXPECT_EQ(turns.Wait(kStart), absl::ZeroDuration());
}

TEST(UploadTurnsTest, ChunksAreSmallUnderASmallLimit) {
  const struct {
    uint64_t limit;
    size_t streams;
    uint64_t bytes;
  } cases[] = {{0, 1, kMiB},         {0, 100, kMiB},        {2000, 1, 1024},
               {20 * 2048, 1, 2048}, {20 * 2048, 10, 2048}, {40 * 2048, 20, 2048},
               {20 * kMiB, 1, kMiB}, {100 * kMiB, 1, kMiB}, {100 * kMiB, 1000, 100 * kMiB / 2000}};
  for (const auto& c : cases) {
    EXPECT_EQ(ChunkBytes(c.limit, c.streams), c.bytes) << c.limit << " " << c.streams;
  }
}

// --- The shares ---

TEST(UploadTurnsTest, SeveralStreamsGetNoMoreThanOne) {
  // Also when no stream is back in line yet when the next bytes are granted.
  for (const absl::Duration away : {absl::ZeroDuration(), absl::Milliseconds(3)}) {
    for (const uint64_t limit : {2 * kMiB, 500 * kMiB}) {
      const std::vector<Receiver> receivers = {
          {"many", 7, away}, {"one", 1, away}, {"two", 2, away}};
      Simulation simulation(limit, receivers);
      simulation.Run(absl::Seconds(10));
      // 3 ms between chunks of 1 MiB are too slow for a third of 500 MiB/s in one stream;
      // otherwise:
      if (limit == 2 * kMiB || away == absl::ZeroDuration()) {
        for (const char* flow : {"many", "one", "two"}) {
          EXPECT_NEAR(simulation.Bytes(flow, absl::ZeroDuration(), absl::Seconds(10)),
                      10.0 * double(limit) / 3, 0.3 * double(limit) / 3)
              << flow << " at " << limit << " away " << away;
        }
      }
    }
  }
}

TEST(UploadTurnsTest, AFlowThatIsAwayForAMomentGetsItsShareWhenItIsBack) {
  // A chunk takes 5 ms at this limit, a round 10: "one" misses a turn every other time, and has its
  // half all the same.
  Simulation simulation(200 * kMiB, {{"many", 6}, {"one", 1, absl::Milliseconds(15), true}});
  simulation.Run(absl::Seconds(10));
  const double one = simulation.Bytes("one", absl::ZeroDuration(), absl::Seconds(10));
  EXPECT_GT(one, 0.45 * 10 * 200 * kMiB);
  EXPECT_LT(one, 0.51 * 10 * 200 * kMiB);
}

TEST(UploadTurnsTest, NoFlowWaitsForOneThatHasNothingToSend) {
  // "slow" takes 100 KiB/s or so by itself; the rest is the other's.
  Simulation simulation(10 * kMiB, {{"slow", 1, absl::Seconds(5)}, {"fast"}});
  simulation.Run(absl::Seconds(10));
  EXPECT_NEAR(simulation.Bytes("", absl::ZeroDuration(), absl::Seconds(10)), 100.0 * kMiB, kMiB);
  EXPECT_GT(simulation.Bytes("fast", absl::ZeroDuration(), absl::Seconds(10)), 98.0 * kMiB);
}

TEST(UploadTurnsTest, ASingleFlowGetsEverything) {
  Simulation simulation(10 * kMiB, {{"a", 3}});
  simulation.Run(absl::Seconds(10));
  EXPECT_NEAR(simulation.Bytes("a", absl::ZeroDuration(), absl::Seconds(10)), 100.0 * kMiB,
              1.5 * kMiB);
}

// Turn after turn, without a limit in the way.
class OrderTest : public testing::Test {
 protected:
  void Join(UploadTurns::Stream stream, const std::string& flow) { turns_.Join(stream, flow); }
  std::vector<UploadTurns::Stream> AllTurns() {
    std::vector<UploadTurns::Stream> order;
    while (const auto turn = turns_.Next(now_)) {
      order.push_back(turn->stream);
      now_ += absl::Seconds(10);  // whatever is owed
    }
    return order;
  }

  absl::Time now_ = kStart;
  UploadTurns turns_{20 * 1000 * 1000, kStart};  // chunks of 1,000,000
  static constexpr uint64_t kChunk = 1000 * 1000;
};

TEST_F(OrderTest, FlowsTakeTurns) {
  Join(1, "a");
  Join(2, "a");
  Join(3, "a");
  Join(4, "b");
  Join(5, "c");
  EXPECT_THAT(AllTurns(), IsEmpty());
  for (const UploadTurns::Stream stream : {1, 2, 3, 4, 5}) turns_.Want(stream, kChunk);
  EXPECT_THAT(AllTurns(), ElementsAre(1, 4, 5, 2, 3));
}

TEST_F(OrderTest, AShortChunkLeavesBytesForTheNext) {
  Join(1, "a");
  Join(2, "a");
  Join(3, "b");
  turns_.Want(1, 400 * 1000);
  turns_.Want(2, 600 * 1000);
  turns_.Want(3, kChunk);
  EXPECT_THAT(AllTurns(), ElementsAre(1, 2, 3)) << "both of a's are one quantum";
  turns_.Want(1, 400 * 1000);
  turns_.Want(2, 601 * 1000);
  turns_.Want(3, kChunk);
  EXPECT_THAT(AllTurns(), ElementsAre(1, 3, 2));
}

TEST_F(OrderTest, AFlowSavesUpAtMostTwoChunks) {
  Join(1, "idle");
  Join(2, "busy");
  for (int i = 0; i < 100; ++i) {
    turns_.Want(2, kChunk);
    EXPECT_THAT(AllTurns(), ElementsAre(2));
  }
  Join(3, "idle");
  Join(4, "idle");
  Join(5, "idle");
  for (const UploadTurns::Stream stream : {1, 3, 4, 5, 2}) turns_.Want(stream, kChunk);
  const std::vector<UploadTurns::Stream> order = AllTurns();
  const auto place = std::find(order.begin(), order.end(), 2U) - order.begin();
  EXPECT_LE(place, 2);
}

TEST_F(OrderTest, AStreamThatLeavesIsForgotten) {
  Join(1, "a");
  Join(2, "b");
  Join(3, "a");
  for (const UploadTurns::Stream stream : {1, 2, 3}) turns_.Want(stream, kChunk);
  turns_.Leave(1);
  turns_.Unwant(2);
  EXPECT_THAT(AllTurns(), ElementsAre(3));
  turns_.Leave(3);
  turns_.Leave(2);
  EXPECT_THAT(AllTurns(), IsEmpty());
  Join(4, "a");
  turns_.Want(4, 1);
  EXPECT_THAT(AllTurns(), ElementsAre(4));
}

}  // namespace
}  // namespace arkshare
