#include "lib/core/hmac.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

TEST(HmacTest, IsThatOfRfc4231) {
  // Test cases 1 and 2.
  EXPECT_EQ(ToHex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(HmacTest, SecretsOfAnotherLengthDiffer) {
  EXPECT_TRUE(EqualSecrets("abc", "abc"));
  EXPECT_FALSE(EqualSecrets("abc", "abd"));
  EXPECT_FALSE(EqualSecrets("abc", "ab"));
  EXPECT_FALSE(EqualSecrets("", "a"));
  EXPECT_TRUE(EqualSecrets("", ""));
}

}  // namespace
}  // namespace arkshare
