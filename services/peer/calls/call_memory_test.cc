#include "services/peer/calls/call_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace arkshare {
namespace {

const absl::Time kCalled = absl::UnixEpoch();

PublicKey KeyOfPeer(int number) {
  std::string seed(32, '\0');
  seed[0] = static_cast<char>(number);
  seed[1] = static_cast<char>(number / 256);
  return PrivateKey::FromSeed(seed)->public_key();
}

TEST(CallMemoryTest, ASilentPeerIsNotCalledForTenMinutes) {
  CallMemory memory;
  const PublicKey key = KeyOfPeer(1);
  EXPECT_TRUE(memory.MayCall(key, kCalled));
  memory.NoteSilent(key, kCalled);
  EXPECT_FALSE(memory.MayCall(key, kCalled + absl::Minutes(10) - absl::Seconds(1)));
  EXPECT_TRUE(memory.MayCall(KeyOfPeer(2), kCalled));
  EXPECT_TRUE(memory.MayCall(key, kCalled + absl::Minutes(10)));
}

TEST(CallMemoryTest, APeerThatTheIndexDoesNotCallIsCalledAgainSoon) {
  CallMemory memory;
  const PublicKey key = KeyOfPeer(1);
  memory.NoteRefused(key, kCalled);
  EXPECT_FALSE(memory.MayCall(key, kCalled + absl::Seconds(9)));
  EXPECT_TRUE(memory.MayCall(key, kCalled + absl::Seconds(10)));
}

TEST(CallMemoryTest, APeerThatComesIsForgiven) {
  CallMemory memory;
  const PublicKey key = KeyOfPeer(1);
  memory.NoteSilent(key, kCalled);
  memory.NoteConnection(key, /*called_back=*/false);
  EXPECT_FALSE(memory.MayCall(key, kCalled));
  EXPECT_FALSE(memory.CalledBack(key));
  memory.NoteConnection(key, /*called_back=*/true);
  EXPECT_TRUE(memory.MayCall(key, kCalled));
  EXPECT_TRUE(memory.CalledBack(key));
  memory.NoteConnection(key, /*called_back=*/false);
  EXPECT_FALSE(memory.CalledBack(key)) << "the last connection counts";
}

TEST(CallMemoryTest, IsBounded) {
  CallMemory memory;
  for (int i = 0; i < 2'000; ++i) memory.NoteSilent(KeyOfPeer(i), kCalled);
  EXPECT_EQ(memory.size(), CallMemory::kMostPeers);
  EXPECT_FALSE(memory.MayCall(KeyOfPeer(1'999), kCalled));
}

}  // namespace
}  // namespace arkshare
