#include "services/index/service/page_token.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(PageTokenTest, PartsComeBack) {
  const std::vector<std::string> parts = {"", "a name", std::string("\0\xff", 2),
                                          std::string(1024, 'x')};
  EXPECT_EQ(*DecodePageToken("query", EncodePageToken("query", parts), parts.size()), parts);
}

TEST(PageTokenTest, EverythingElseIsInvalid) {
  const std::string token = EncodePageToken("query", {"one", "two"});
  EXPECT_TRUE(DecodePageToken("query", token, 2).ok());
  const auto invalid = [](const absl::StatusOr<std::vector<std::string>>& decoded) {
    return GetReason(decoded.status()) == Reason::kPageTokenInvalid;
  };
  EXPECT_TRUE(invalid(DecodePageToken("other query", token, 2)));
  EXPECT_TRUE(invalid(DecodePageToken("query", token, 3)));
  EXPECT_TRUE(invalid(DecodePageToken("query", "2" + token.substr(1), 2)));
  EXPECT_TRUE(invalid(DecodePageToken("query", "", 2)));
  EXPECT_TRUE(invalid(DecodePageToken("query", "1", 2)));
  EXPECT_TRUE(invalid(DecodePageToken("query", "1!!!!", 2)));
  EXPECT_TRUE(invalid(DecodePageToken("query", std::string(100'000, '1'), 2)));
  for (size_t length = 0; length < token.size(); ++length) {
    EXPECT_TRUE(invalid(DecodePageToken("query", token.substr(0, length), 2))) << length;
  }
}

}  // namespace
}  // namespace arkshare
