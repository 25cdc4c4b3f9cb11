#include "services/index/peer_ids.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "services/index/test_books.h"

namespace arkshare {
namespace {

TEST(PeerIdsTest, RemembersBothWays) {
  PeerIds ids;
  ids.Remember(TestKey(1), 5);
  ids.Remember(TestKey(2), 6);
  EXPECT_EQ(ids.IdOf(TestKey(1)), 5u);
  EXPECT_EQ(ids.KeyOf(6), TestKey(2));
  // A key with another number, and a number of another key.
  ids.Remember(TestKey(1), 6);
  EXPECT_EQ(ids.IdOf(TestKey(1)), 6u);
  EXPECT_EQ(ids.IdOf(TestKey(2)), std::nullopt);
  EXPECT_EQ(ids.KeyOf(5), std::nullopt);
}

TEST(PeerIdsTest, SurvivesTheWayThroughAFile) {
  std::string pattern = testing::TempDir() + "/peer_idsXXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  const std::string path = folder + "/state";
  EXPECT_EQ(PeerIds::Load(path)->Serialize(), "");
  ASSERT_TRUE(WriteFileAtomically(path, "").ok());
  EXPECT_EQ(PeerIds::Load(path)->Serialize(), "");
  PeerIds ids;
  for (uint8_t n = 1; n <= 20; ++n) ids.Remember(TestKey(n), n);
  ASSERT_TRUE(WriteFileAtomically(path, ids.Serialize()).ok());
  ids.Remember(TestKey(3), 33);
  ASSERT_TRUE(WriteFileAtomically(path, ids.Serialize()).ok());
  const absl::StatusOr<PeerIds> loaded = PeerIds::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->IdOf(TestKey(3)), 33u);
  EXPECT_EQ(loaded->Serialize(), ids.Serialize());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);

  EXPECT_FALSE(WriteFileAtomically(folder + "/no/such", "x").ok());
  EXPECT_FALSE(PeerIds::Load(folder).ok()) << "a folder is no state file";
  std::filesystem::remove_all(folder);
}

TEST(PeerIdsTest, DamagedFilesAreRefused) {
  const std::string key = TestKey(1).hex();
  EXPECT_TRUE(PeerIds::Parse(key + " 1\n").ok());
  for (const std::string& text : {std::string("junk\n"), key + "\n", key + " 0\n", key + " x\n",
                                  key.substr(2) + " 1\n", key + " 1 2\n", "zz" + key + " 1\n"}) {
    EXPECT_FALSE(PeerIds::Parse(text).ok()) << text;
  }
}

TEST(PeerIdsTest, ForgetsThoseSeenLongestAgo) {
  PeerIds ids;
  const auto key = [](uint32_t n) {
    std::string bytes(32, 'x');
    bytes[0] = static_cast<char>(n & 0xff);
    bytes[1] = static_cast<char>(n >> 8);
    return PublicKey::FromBytes(bytes).value();
  };
  for (uint32_t n = 1; n <= 10'000; ++n) ids.Remember(key(n), n);
  ids.Remember(key(1), 1);
  ids.Remember(key(10'001), 10'001);
  EXPECT_EQ(ids.IdOf(key(1)), 1u);
  EXPECT_EQ(ids.IdOf(key(2)), std::nullopt);
  EXPECT_EQ(ids.IdOf(key(3)), 3u);
}

}  // namespace
}  // namespace arkshare
