#include "clients/cli/slow_note.h"

#include <gtest/gtest.h>

#include <future>

namespace arkshare {
namespace {

TEST(SlowNoteTest, SpeaksOnceWhenItTakesLong) {
  int times = 0;
  std::promise<void> said;
  {
    const SlowNote note([&] { ++times == 1 ? said.set_value() : void(); }, absl::Milliseconds(1));
    said.get_future().wait();
  }
  EXPECT_EQ(times, 1);
}

TEST(SlowNoteTest, SaysNothingOfWhatEndsInTime) {
  int times = 0;
  {
    const SlowNote note([&] { ++times; }, absl::Hours(1));
  }
  { const SlowNote note(nullptr); }
  EXPECT_EQ(times, 0);
}

}  // namespace
}  // namespace arkshare
