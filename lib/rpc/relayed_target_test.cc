#include "lib/rpc/relayed_target.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/rpc/answers.h"
#include "lib/rpc/channel.h"

namespace arkshare {
namespace {

TEST(RelayedTargetTest, IsTheHostOfTheIndexWithAnotherPort) {
  EXPECT_EQ(RelayedTarget("books.example.org:50051", 50052), "relay:books.example.org:50052");
  EXPECT_EQ(RelayedTarget("[2001:db8::1]:50051", 7), "relay:[2001:db8::1]:7");
  EXPECT_EQ(RelayOf("relay:books.example.org:50052"), "books.example.org:50052");
  EXPECT_EQ(RelayOf("relay:[2001:db8::1]:7"), "[2001:db8::1]:7");
  EXPECT_EQ(RelayedTarget("books.example.org:50051", 0), "");
  EXPECT_EQ(RelayedTarget("books.example.org:50051", 65'536), "");
  EXPECT_EQ(RelayedTarget("books.example.org", 1), "");
}

TEST(RelayedTargetTest, IsNoAddress) {
  // A host may have this name.
  EXPECT_EQ(RelayOf("relay:7070"), std::nullopt);
  EXPECT_EQ(RelayOf("192.0.2.1:7070"), std::nullopt);
  EXPECT_EQ(RelayOf(""), std::nullopt);
  for (const std::string target : {"relay:books.example.org:50052", "relay:[2001:db8::1]:7"}) {
    EXPECT_FALSE(CheckPeerAddress(target, "address").ok()) << target;
    EXPECT_EQ(TargetUri(target), "") << target;
  }
}

TEST(RelayedTargetTest, HasWordsForPeople) {
  EXPECT_EQ(PlaceInWords("relay:books.example.org:50052"), "the relay at books.example.org:50052");
  EXPECT_EQ(PlaceInWords("192.0.2.1:7070"), "192.0.2.1:7070");
}

TEST(RelayedTargetTest, NamesAreInHex) {
  const PublicKey key = PrivateKey::FromSeed(std::string(32, 1))->public_key();
  EXPECT_EQ(PeerAuthority(key), key.hex() + ".peer:1");
  EXPECT_EQ(CallAuthority(std::string("\x00\xff", 2)), "00ff.call:1");
}

}  // namespace
}  // namespace arkshare
