#include "lib/core/content_id.h"

#include <absl/hash/hash.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using namespace std::string_literals;

TEST(HexTest, RoundTrips) {
  const std::string bytes = "\x00\x01\x7f\x80\xff"s;
  EXPECT_EQ(ToHex(bytes), "00017f80ff");
  EXPECT_EQ(*FromHex("00017f80ff"), bytes);
  EXPECT_EQ(*FromHex("00017F80FF"), bytes);
  EXPECT_EQ(ToHex(""), "");
  EXPECT_EQ(*FromHex(""), "");
}

TEST(HexTest, RefusesWhatIsNotHex) {
  for (const char* text : {"0", "abc", "0g", "0x", " 00", "00 ", "-1", "\xff\xff"}) {
    EXPECT_EQ(FromHex(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(FromHex("00\0\0"s).ok());
}

TEST(DigestTest, HasExactly32Bytes) {
  std::string bytes(32, '\xab');
  bytes[31] = '\0';
  const absl::StatusOr<Sha256Digest> digest = DigestFromBytes(bytes);
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ(DigestBytes(*digest), bytes);
  EXPECT_EQ(ToHex(*digest), ToHex(bytes));
  for (size_t size : {0, 1, 31, 33, 64}) {
    EXPECT_EQ(DigestFromBytes(std::string(size, 'x')).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ContentIdTest, RootAndSizeCountTogether) {
  ContentId a;
  a.size = 1;
  ContentId b = a;
  EXPECT_EQ(a, b);
  EXPECT_EQ(absl::HashOf(a), absl::HashOf(b));
  b.size = 2;
  EXPECT_NE(a, b);
  EXPECT_NE(absl::HashOf(a), absl::HashOf(b));
  EXPECT_LT(a, b);
  a.root[0] = 1;
  EXPECT_GT(a, b) << "the root counts first";
}

}  // namespace
}  // namespace arkshare
