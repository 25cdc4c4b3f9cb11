#include "lib/core/base32.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(Base32Test, WritesAndReadsTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "my"},
                                                         {"fo", "mzxq"},
                                                         {"foo", "mzxw6"},
                                                         {"foob", "mzxw6yq"},
                                                         {"fooba", "mzxw6ytb"},
                                                         {"foobar", "mzxw6ytboi"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase32(bytes), text);
    EXPECT_EQ(FromBase32(text), bytes);
  }
}

TEST(Base32Test, RefusesWhatItDoesNotWrite) {
  for (const char* const text : {"MY", "m1", "mz=q", "m", "mz", "mzx", "mzxw6ytbo"}) {
    EXPECT_EQ(FromBase32(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace arkshare
