#include "services/peer/owner/history_token.h"

#include <gtest/gtest.h>

#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

TEST(HistoryTokenTest, ReadsWhatItWrites) {
  for (const int64_t milliseconds : {int64_t{0}, int64_t{1'700'000'000'123}}) {
    const HistoryPlace place{absl::FromUnixMillis(milliseconds), TransferId::Random()};
    EXPECT_EQ(Must(ParseHistoryToken(HistoryToken(place))), place);
  }
}

TEST(HistoryTokenTest, RefusesOtherTokens) {
  const std::string token = HistoryToken({absl::UnixEpoch(), TransferId::Random()});
  for (const std::string& wrong : {std::string("-"), token + "00", "x" + token, token + "-1",
                                   token.substr(0, token.size() - 1)}) {
    EXPECT_EQ(ReasonOf(ParseHistoryToken(wrong).status()), "PAGE_TOKEN_INVALID") << wrong;
  }
}

}  // namespace
}  // namespace arkshare
