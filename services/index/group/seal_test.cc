#include "services/index/group/seal.h"

#include <gtest/gtest.h>

#include <string>

namespace arkshare {
namespace {

PrivateKey SealKey(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

TEST(SealTest, OnlyTheSameKeyAndPlaceOpenIt) {
  for (const std::string text : {"", "a secret", "\0\1\2"}) {
    const std::string sealed = Seal(SealKey(1), "g/i/7", text);
    EXPECT_EQ(Unseal(SealKey(1), "g/i/7", sealed), text);
    EXPECT_EQ(Unseal(SealKey(2), "g/i/7", sealed), std::nullopt);
    EXPECT_EQ(Unseal(SealKey(1), "g/i/8", sealed), std::nullopt);
  }
}

TEST(SealTest, NothingShowsAndNothingIsRepeated) {
  const std::string sealed = Seal(SealKey(1), "place", "a secret");
  EXPECT_EQ(sealed.find("secret"), std::string::npos);
  EXPECT_NE(Seal(SealKey(1), "place", "a secret"), sealed);
}

TEST(SealTest, AChangedByteIsNoticed) {
  const std::string sealed = Seal(SealKey(1), "place", "a secret");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(Unseal(SealKey(1), "place", changed), std::nullopt) << i;
    EXPECT_EQ(Unseal(SealKey(1), "place", sealed.substr(0, i)), std::nullopt) << i;
  }
}

}  // namespace
}  // namespace arkshare
