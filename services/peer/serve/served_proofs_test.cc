#include "services/peer/serve/served_proofs.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

class ServedProofsTest : public testing::Test {
 protected:
  ServedProofsTest() { identity_.ctime_ns = absl::ToUnixNanos(clock_.Now() - absl::Hours(1)); }

  FakeClock clock_;
  FolderTraits traits_ = {.ctime_trusted = true, .grain = absl::Seconds(1)};
  FileIdentity identity_ = {.inode = 1, .size = 100};
};

TEST_F(ServedProofsTest, AFileIsProvenWhenAllOfItWasServed) {
  ServedProofs proofs(traits_, &clock_);
  proofs.Note(7, identity_, 50, 50);
  EXPECT_FALSE(proofs.IsWhole(7, identity_));
  proofs.Note(7, identity_, 0, 20);
  proofs.Note(7, identity_, 30, 10);
  EXPECT_FALSE(proofs.IsWhole(7, identity_));
  proofs.Note(7, identity_, 10, 40);
  EXPECT_TRUE(proofs.IsWhole(7, identity_));
  EXPECT_FALSE(proofs.IsWhole(8, identity_)) << "another listing";
  proofs.Note(7, identity_, 0, 1);
  EXPECT_TRUE(proofs.IsWhole(7, identity_));
  proofs.Forget(7);
  EXPECT_FALSE(proofs.IsWhole(7, identity_));
}

TEST_F(ServedProofsTest, RangesInAnyOrderMakeAWhole) {
  for (uint64_t step : {1, 3, 7, 33, 99}) {  // all are coprime to 100
    ServedProofs proofs(traits_, &clock_);
    for (uint64_t i = 0; i < 100; ++i) {
      EXPECT_FALSE(proofs.IsWhole(7, identity_));
      proofs.Note(7, identity_, i * step % 100, 1);
    }
    EXPECT_TRUE(proofs.IsWhole(7, identity_)) << step;
  }
}

TEST_F(ServedProofsTest, AFileThatWasTouchedIsAnotherFile) {
  ServedProofs proofs(traits_, &clock_);
  FileIdentity touched = identity_;
  ++touched.ctime_ns;
  proofs.Note(7, identity_, 0, 60);
  proofs.Note(7, touched, 60, 40);
  EXPECT_FALSE(proofs.IsWhole(7, identity_));
  EXPECT_FALSE(proofs.IsWhole(7, touched));
  proofs.Note(7, touched, 0, 60);
  EXPECT_TRUE(proofs.IsWhole(7, touched));
}

TEST_F(ServedProofsTest, AFileThatMayChangeUnseenProvesNothing) {
  ServedProofs proofs(traits_, &clock_);
  FileIdentity young = identity_;
  young.ctime_ns = absl::ToUnixNanos(clock_.Now() - absl::Milliseconds(999));
  proofs.Note(7, young, 0, 100);
  EXPECT_FALSE(proofs.IsWhole(7, young)) << "younger than the grain";
  young.ctime_ns = absl::ToUnixNanos(clock_.Now() + absl::Hours(1));
  proofs.Note(7, young, 0, 100);
  EXPECT_FALSE(proofs.IsWhole(7, young)) << "the clock went back";
  traits_.ctime_trusted = false;
  ServedProofs untrusting(traits_, &clock_);
  untrusting.Note(7, identity_, 0, 100);
  EXPECT_FALSE(untrusting.IsWhole(7, identity_));
}

TEST_F(ServedProofsTest, AnEmptyFileProvesItself) {
  identity_.size = 0;
  EXPECT_TRUE(ServedProofs(traits_, &clock_).IsWhole(7, identity_));
}

TEST_F(ServedProofsTest, ItsMemoryIsBounded) {
  ServedProofs proofs(traits_, &clock_, /*max_listings=*/2);
  for (uint64_t listing : {1, 2, 3}) proofs.Note(listing, identity_, 0, 100);
  EXPECT_FALSE(proofs.IsWhole(1, identity_));
  EXPECT_TRUE(proofs.IsWhole(2, identity_));
  EXPECT_TRUE(proofs.IsWhole(3, identity_));
  // A caller that asks for every second byte.
  identity_.size = 1 << 20;
  for (uint64_t i = 0; i < 20'000; i += 2) proofs.Note(4, identity_, i, 1);
  proofs.Note(4, identity_, 0, identity_.size);
  EXPECT_TRUE(proofs.IsWhole(4, identity_));
}

}  // namespace
}  // namespace arkshare
