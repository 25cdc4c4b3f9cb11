#include "services/peer/disk/folder_traits.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

class FolderTraitsTest : public testing::Test {
 protected:
  FolderTraits Measure() {
    const UniqueFd folder(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return MeasureFolder(folder.get());
  }
  TempFolder temp_;
};

TEST_F(FolderTraitsTest, MeasuresTheFolderAndLeavesNothingInIt) {
  const FolderTraits traits = Measure();
  EXPECT_GT(traits.grain, absl::ZeroDuration());
  EXPECT_LE(traits.grain, absl::Seconds(3));
  EXPECT_NE(traits.place, 0);
  EXPECT_TRUE(NamesIn(temp_.path()).empty());
  EXPECT_EQ(Measure().place, traits.place) << "the same folder is at the same place";
}

TEST_F(FolderTraitsTest, AnotherFolderIsAnotherPlace) {
  const int64_t place = Measure().place;
  const TempFolder other;
  const UniqueFd folder(::open(other.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_NE(MeasureFolder(folder.get()).place, place);
}

TEST(FolderTraitsTableTest, AFileIsSettledWhenItsTimesAreOlderThanTheGrain) {
  const FolderTraits traits = {.ctime_trusted = true, .grain = absl::Seconds(2)};
  const absl::Time now = absl::FromUnixSeconds(1000);
  const auto left = [&](int64_t mtime, int64_t ctime) {
    return traits.UntilSettled(
        {.mtime_ns = mtime * 1'000'000'000, .ctime_ns = ctime * 1'000'000'000}, now);
  };
  EXPECT_EQ(left(998, 998), absl::ZeroDuration());
  EXPECT_EQ(left(999, 500), absl::Seconds(1));
  EXPECT_EQ(left(500, 999), absl::Seconds(1)) << "an mtime that was put back hides nothing";
  EXPECT_EQ(left(1000, 999), absl::Seconds(2));
  EXPECT_EQ(left(999, 0), absl::Seconds(1)) << "without a trusted ctime";
  EXPECT_EQ(left(5000, 500), absl::ZeroDuration()) << "in the future";
}

}  // namespace
}  // namespace arkshare
