#include "clients/cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "clients/cli/render.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/byte_size.h"

namespace arkshare {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

v1::Transfer At(uint64_t done, v1::TransferState state = v1::TRANSFER_STATE_FETCHING) {
  v1::Transfer transfer;
  *transfer.mutable_content() = MakeContent(1, 100 * kMiB);
  transfer.set_bytes_done(done);
  transfer.set_bytes_per_second(10 * kMiB);
  transfer.set_state(state);
  return transfer;
}

TEST(ProgressInWordsTest, SaysShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressInWords(At(30 * kMiB)), "30%  30.0 MiB of 100.0 MiB  10.0 MiB/s  0:07 left");
  EXPECT_EQ(ProgressInWords(At(100 * kMiB, v1::TRANSFER_STATE_HANDING_OVER)),
            "100%  100.0 MiB of 100.0 MiB  being handed over");
  v1::Transfer queued = At(0, v1::TRANSFER_STATE_QUEUED);
  queued.set_queue_position(3);
  EXPECT_EQ(ProgressInWords(queued), "waiting: 3 before you");
  queued.mutable_estimated_wait()->set_seconds(118);
  EXPECT_EQ(ProgressInWords(queued), "waiting: 3 before you, about 2 min");
  queued.set_queue_position(0);
  queued.mutable_estimated_wait()->set_seconds(5);
  EXPECT_EQ(ProgressInWords(queued), "waiting: you are next, about 5 s");
  queued.clear_estimated_wait();
  EXPECT_EQ(ProgressInWords(queued), "waiting: you are next");
  v1::Transfer slow = At(1);
  slow.set_bytes_per_second(0);
  EXPECT_EQ(ProgressInWords(slow), "0%  1 B of 100.0 MiB");
  v1::Transfer empty;
  EXPECT_EQ(ProgressInWords(empty), "100%  0 B of 0 B");
}

TEST(ProgressLineTest, FitsTheTerminal) {
  EXPECT_EQ(ProgressLine(At(50 * kMiB), "195", 100),
            "195  [###############---------------]  50%  50.0 MiB of 100.0 MiB  10.0 MiB/s  0:05 "
            "left");
  for (const int columns : {120, 80, 60, 40, 20, 1}) {
    EXPECT_LE(DisplayWidth(ProgressLine(At(50 * kMiB), "日本語の本", columns)), columns - 1);
  }
}

class ProgressTest : public testing::Test {
 protected:
  FakeClock clock_;
  std::ostringstream out_;
};

TEST_F(ProgressTest, IsSilentForTheFirstSecond) {
  {
    Progress progress(out_, &clock_, {.bar = true, .columns = 80, .label = "195"});
    progress.Update(At(0));
    clock_.Advance(absl::Milliseconds(999));
    progress.Update(At(kMiB));
    progress.Update(At(100 * kMiB, v1::TRANSFER_STATE_DONE));
  }
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgressTest, DrawsAtMostTenTimesASecondAndGoesAway) {
  {
    Progress progress(out_, &clock_, {.bar = true, .columns = 80, .label = "195"});
    clock_.Advance(absl::Seconds(1));
    progress.Update(At(kMiB));
    EXPECT_THAT(out_.str(), StartsWith("\r195  ["));
    const std::string once = out_.str();
    clock_.Advance(absl::Milliseconds(99));
    progress.Update(At(2 * kMiB));
    EXPECT_EQ(out_.str(), once);
    clock_.Advance(absl::Milliseconds(1));
    progress.Update(At(2 * kMiB));
    EXPECT_GT(out_.str().size(), once.size());
    out_.str("");
  }
  EXPECT_EQ(out_.str(), "\r\033[K");
}

TEST_F(ProgressTest, ABarAfterALabelStays) {
  {
    Progress progress(
        out_, &clock_,
        {.bar = true, .columns = 100, .label = "receiving data...", .line_begun = true});
    clock_.Advance(absl::Seconds(2));
    progress.Update(At(50 * kMiB));
    out_.str("");
    progress.Update(At(100 * kMiB, v1::TRANSFER_STATE_DONE));
  }
  EXPECT_THAT(out_.str(), StartsWith("\rreceiving data...  [####"));
  EXPECT_THAT(out_.str(), HasSubstr("]  100%  "));
}

TEST_F(ProgressTest, WithoutATerminalPrintsALineEveryFiveSeconds) {
  {
    Progress progress(out_, &clock_, {.label = "195"});
    for (int tenths = 0; tenths < 120; ++tenths) {
      progress.Update(At(kMiB));
      clock_.Advance(absl::Milliseconds(100));
    }
    progress.Update(At(100 * kMiB, v1::TRANSFER_STATE_DONE));
  }
  const std::string line = "195: 1%  1.0 MiB of 100.0 MiB  10.0 MiB/s  0:10 left\n";
  EXPECT_EQ(out_.str(), line + line + line);
}

}  // namespace
}  // namespace arkshare
