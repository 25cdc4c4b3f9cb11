#include "services/index/sessions/peer_ids.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "lib/files/atomic_file.h"
#include "services/index/testing/sample_books.h"

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

KeptSession TestSession(uint8_t seed) {
  KeptSession session;
  session.token_hash.fill(seed);
  session.policy = seed % 2 == 0 ? v1::SHARE_POLICY_MOVE : v1::SHARE_POLICY_COPY;
  session.address = seed % 3 == 0 ? "[2001:db8::1]:4000" : "10.0.0.1:4000";
  session.advertised = seed % 4 < 2;
  session.takes_calls = seed % 7 < 3;
  if (seed % 7 == 1) {
    session.address.clear();
    session.advertised = false;
  }
  return session;
}

TEST(PeerIdsTest, KeepsTheLastSessionOfAKey) {
  PeerIds ids;
  ids.Remember(TestKey(1), 5, TestSession(1));
  ids.Remember(TestKey(2), 6, TestSession(2));
  ids.Remember(TestKey(1), 5, TestSession(3));
  EXPECT_FALSE(ids.FindSession(TestSession(1).token_hash).has_value());
  const auto found = ids.FindSession(TestSession(3).token_hash);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->key, TestKey(1));
  EXPECT_EQ(found->id, 5u);
  EXPECT_EQ(found->session, TestSession(3));

  EXPECT_TRUE(ids.DropSession(TestKey(1)));
  EXPECT_FALSE(ids.DropSession(TestKey(1)));
  EXPECT_FALSE(ids.DropSession(TestKey(9)));
  EXPECT_FALSE(ids.FindSession(TestSession(3).token_hash).has_value());
  EXPECT_EQ(ids.IdOf(TestKey(1)), 5u);

  EXPECT_FALSE(ids.DropSessionsUnless([](const PublicKey&) { return true; }));
  EXPECT_TRUE(ids.DropSessionsUnless([](const PublicKey&) { return false; }));
  EXPECT_EQ(ids.SessionOf(TestKey(2)), std::nullopt);
  // A key that is remembered without a session has none.
  ids.Remember(TestKey(1), 5, TestSession(1));
  ids.Remember(TestKey(1), 5);
  EXPECT_FALSE(ids.FindSession(TestSession(1).token_hash).has_value());
}

TEST(PeerIdsTest, SessionsSurviveTheWayThroughText) {
  PeerIds ids;
  for (uint8_t n = 1; n <= 20; ++n) {
    ids.Remember(TestKey(n), n, n % 5 == 0 ? std::nullopt : std::optional(TestSession(n)));
  }
  const absl::StatusOr<PeerIds> parsed = PeerIds::Parse(ids.Serialize());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Serialize(), ids.Serialize());
  for (uint8_t n = 1; n <= 20; ++n)
    EXPECT_EQ(parsed->SessionOf(TestKey(n)), ids.SessionOf(TestKey(n)));
}

TEST(PeerIdsTest, FilesOfEarlierVersionsAreRead) {
  const absl::StatusOr<PeerIds> ids = PeerIds::Parse(TestKey(1).hex() + " 7\n");
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->IdOf(TestKey(1)), 7u);
  EXPECT_EQ(ids->SessionOf(TestKey(1)), std::nullopt);
}

TEST(PeerIdsTest, DamagedFilesAreRefused) {
  const std::string key = TestKey(1).hex();
  const std::string line = key + " 1 " + key;  // a hash is as long as a key
  EXPECT_TRUE(PeerIds::Parse(line + " move seen 10.0.0.1:4000\n").ok());
  EXPECT_TRUE(PeerIds::Parse(line + " move seen 10.0.0.1:4000 calls\n").ok());
  EXPECT_TRUE(PeerIds::Parse(line + " move relayed - calls\n").ok());
  for (const char* rest :
       {" move seen", " move seen 10.0.0.1:4000 x", " take seen 1.2.3.4:5", " move relayed -",
        " move relayed 1.2.3.4:5 calls", " move relayed - call", " move seen - calls", " move seen",
        " copy heard 1.2.3.4:5", " copy seen 1.2.3.4"}) {
    EXPECT_FALSE(PeerIds::Parse(line + rest).ok()) << rest;
  }
  EXPECT_FALSE(PeerIds::Parse(key + " 1 " + key.substr(2) + " move seen 1.2.3.4:5").ok());
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
