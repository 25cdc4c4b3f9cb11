#include "lib/core/key.h"

#include <absl/hash/hash.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032, section 7.1, tests 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(KeyTest, KnowsTheVectorsOfTheRfc) {
  for (const Vector& v : kVectors) {
    const absl::StatusOr<PrivateKey> key = PrivateKey::FromSeed(*FromHex(v.seed));
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(key->public_key().hex(), v.public_key);
    EXPECT_EQ(ToHex(key->seed()), v.seed);
    const std::string message = *FromHex(v.message);
    EXPECT_EQ(ToHex(key->Sign(message)), v.signature);
    const absl::StatusOr<PublicKey> public_key = PublicKey::FromBytes(*FromHex(v.public_key));
    ASSERT_TRUE(public_key.ok());
    EXPECT_TRUE(public_key->Verify(message, *FromHex(v.signature)));
  }
}

TEST(KeyTest, ForgedSignaturesFail) {
  const PrivateKey key = PrivateKey::Generate();
  const std::string signature = key.Sign("message");
  ASSERT_TRUE(key.public_key().Verify("message", signature));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string forged = signature;
    forged[i] = static_cast<char>(forged[i] ^ 1);
    EXPECT_FALSE(key.public_key().Verify("message", forged)) << "byte " << i;
  }
  EXPECT_FALSE(key.public_key().Verify("messagf", signature));
  EXPECT_FALSE(key.public_key().Verify("", signature));
  EXPECT_FALSE(PrivateKey::Generate().public_key().Verify("message", signature));
}

TEST(KeyTest, SignaturesOfAnotherLengthFail) {
  const PrivateKey key = PrivateKey::Generate();
  const std::string signature = key.Sign("");
  EXPECT_FALSE(key.public_key().Verify("", ""));
  EXPECT_FALSE(key.public_key().Verify("", signature.substr(0, 63)));
  EXPECT_FALSE(key.public_key().Verify("", signature + '\0'));
}

TEST(KeyTest, TheEmptyKeyVerifiesNothing) {
  // For the point of order 4 that 32 zero bytes encode, R = that point and S = 0 pass as a
  // signature over about every fourth message.
  const std::string made_up(64, '\0');
  for (int i = 0; i < 64; ++i) {
    EXPECT_FALSE(PublicKey().Verify(std::to_string(i), made_up));
  }
}

// All encodings of the eight points whose order divides 8: table 5 of "Taming the many EdDSAs"
// (Chalkias, Garillot, Nikolaenko, 2020). The first eight are canonical.
constexpr const char* kSmallOrderEncodings[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

TEST(KeyTest, PointsOfSmallOrderAreNoKeysInAnyEncoding) {
  for (const char* hex : kSmallOrderEncodings) {
    EXPECT_EQ(PublicKey::FromBytes(*FromHex(hex)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << hex;
  }
}

TEST(KeyTest, APointOfSmallOrderVerifiesNothing) {
  // With S = 0, a signature passes for each message whose hash is a multiple of the order: every
  // message, or every second, fourth or eighth one.
  for (const char* hex : kSmallOrderEncodings) {
    const absl::StatusOr<PublicKey> key = PublicKey::FromRecord(*FromHex(hex));
    ASSERT_TRUE(key.ok());
    for (const char* point : kSmallOrderEncodings) {
      const std::string trivial = *FromHex(point) + std::string(32, '\0');
      for (int i = 0; i < 16; ++i) EXPECT_FALSE(key->Verify(std::to_string(i), trivial)) << hex;
    }
  }
}

TEST(KeyTest, AKeyHasOneEncoding) {
  // y from p to 2^255 - 1, with both signs of x.
  for (int low = 0xed; low <= 0xff; ++low) {
    for (const char high : {'\x7f', '\xff'}) {
      const std::string bytes =
          static_cast<char>(low) + std::string(30, '\xff') + std::string(1, high);
      EXPECT_FALSE(PublicKey::FromBytes(bytes).ok()) << low;
    }
  }
  // p - 2 is a coordinate like others.
  EXPECT_TRUE(PublicKey::FromBytes("\xeb" + std::string(30, '\xff') + "\x7f").ok());
}

TEST(KeyTest, OtherLengthsAreRefused) {
  for (size_t size : {0, 31, 33, 64}) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(PublicKey::FromBytes(bytes).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(PrivateKey::FromSeed(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(KeyTest, ASeedIsTheWholeKey) {
  const PrivateKey key = PrivateKey::Generate();
  const absl::StatusOr<PrivateKey> again = PrivateKey::FromSeed(key.seed());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(again->Sign("x"), key.Sign("x"));
  EXPECT_EQ(absl::HashOf(again->public_key()), absl::HashOf(key.public_key()));
  EXPECT_NE(PrivateKey::Generate().public_key(), key.public_key());
}

TEST(KeyTest, ManyThreadsMayShareAKey) {
  const PrivateKey key = PrivateKey::Generate();
  const std::string expected = key.Sign("message");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&key, &expected] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(key.Sign("message"), expected);
        EXPECT_TRUE(key.public_key().Verify("message", expected));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RandomBytesTest, HaveTheRequestedLengthAndDiffer) {
  EXPECT_EQ(RandomBytes(0), "");
  EXPECT_EQ(RandomBytes(1000).size(), 1000u);
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.insert(RandomBytes(16)).second);
}

}  // namespace
}  // namespace arkshare
