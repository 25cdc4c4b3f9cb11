#include "services/peer/web/page_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PageSessionsTest : public testing::Test {
 protected:
  std::string SignIn(const std::string& browser = "Firefox") {
    const auto signed_in = sessions_.SignIn(sessions_.NewCode().text, browser);
    EXPECT_TRUE(signed_in.ok()) << signed_in.status();
    return signed_in.ok() ? signed_in->token : "";
  }
  absl::StatusOr<std::string> Find(const std::string& token) {
    const std::string header = "Bearer " + token;
    return sessions_.Find(&header);
  }
  std::string WhyNot(const std::string& token) {
    const absl::Status status = Find(token).status();
    EXPECT_EQ(GetReason(status), Reason::kSignInNeeded) << status;
    return GetErrorMetadata(status)["why"];
  }
  Reason CodeRefusal(const std::string& code) {
    return GetReason(sessions_.SignIn(code, "").status());
  }

  FakeClock clock_;
  std::vector<std::string> ended_;
  PageSessions sessions_{&clock_, [this](const std::string& id) { ended_.push_back(id); }};
};

TEST_F(PageSessionsTest, ACodeBecomesASession) {
  const PageSessions::Code code = sessions_.NewCode();
  EXPECT_EQ(code.text.size(), 22u);
  EXPECT_EQ(code.expiry, clock_.Now() + absl::Seconds(60));
  const auto signed_in = sessions_.SignIn(code.text, "Firefox \xff");
  ASSERT_TRUE(signed_in.ok()) << signed_in.status();
  EXPECT_EQ(signed_in->token.size(), 43u);
  EXPECT_EQ(Find(signed_in->token).value(), signed_in->session_id);
  EXPECT_TRUE(sessions_.IsLive(signed_in->session_id));
  const std::vector<PageSessions::Session> list = sessions_.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, signed_in->session_id);
  EXPECT_EQ(list[0].user_agent, "Firefox \\xff");
}

TEST_F(PageSessionsTest, ACodeEndsAfterAMinute) {
  const std::string code = sessions_.NewCode().text;
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(CodeRefusal(code), Reason::kPageCodeInvalid);
  const std::string other = sessions_.NewCode().text;
  clock_.Advance(absl::Seconds(59));
  EXPECT_TRUE(sessions_.SignIn(other, "").ok());
}

TEST_F(PageSessionsTest, ACodeThatIsUsedTwiceEndsItsSession) {
  const std::string code = sessions_.NewCode().text;
  const auto first = sessions_.SignIn(code, "");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(CodeRefusal(code), Reason::kPageCodeInvalid);
  EXPECT_EQ(WhyNot(first->token), "code_used_twice");
  EXPECT_THAT(ended_, ElementsAre(first->session_id));
  EXPECT_EQ(CodeRefusal(code), Reason::kPageCodeInvalid);
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(PageSessionsTest, OnlyTheNewestCodesAreGood) {
  std::vector<std::string> codes;
  for (int i = 0; i < 17; ++i) {
    codes.push_back(sessions_.NewCode().text);
    clock_.Advance(absl::Milliseconds(1));
  }
  EXPECT_EQ(CodeRefusal(codes.front()), Reason::kPageCodeInvalid);
  EXPECT_TRUE(sessions_.SignIn(codes.back(), "").ok());
}

TEST_F(PageSessionsTest, WithoutARightTokenThereIsNoSession) {
  const std::string token = SignIn();
  EXPECT_EQ(GetErrorMetadata(sessions_.Find(nullptr).status())["why"], "no_token");
  EXPECT_EQ(WhyNot(""), "unknown");
  EXPECT_EQ(WhyNot(token.substr(1)), "unknown");
  EXPECT_EQ(WhyNot(token + "x"), "unknown");
  const std::string basic = "Basic " + token;
  EXPECT_FALSE(sessions_.Find(&basic).ok());
  PageSessions restarted(&clock_, [](const std::string&) {});
  const std::string header = "Bearer " + token;
  EXPECT_FALSE(restarted.Find(&header).ok()) << "it dies with the process";
}

TEST_F(PageSessionsTest, SessionsEnd) {
  const std::string first = SignIn("first");
  clock_.Advance(absl::Seconds(1));
  const std::string second = SignIn("second");
  clock_.Advance(absl::Seconds(1));
  const std::string id = Find(first).value();
  EXPECT_EQ(sessions_.List()[0].user_agent, "first") << "it was used last";
  EXPECT_TRUE(sessions_.End(id));
  EXPECT_FALSE(sessions_.End(id));
  EXPECT_FALSE(sessions_.IsLive(id));
  EXPECT_EQ(WhyNot(first), "ended");
  EXPECT_TRUE(Find(second).ok()) << "the others go on";
  const std::string code = sessions_.NewCode().text;
  EXPECT_EQ(sessions_.EndAll(), 1u);
  EXPECT_EQ(WhyNot(second), "ended");
  EXPECT_EQ(CodeRefusal(code), Reason::kPageCodeInvalid);
  EXPECT_THAT(sessions_.List(), IsEmpty());
  EXPECT_EQ(ended_.size(), 2u);
}

TEST_F(PageSessionsTest, TheSessionThatWasUsedLongestAgoMakesRoom) {
  std::vector<std::string> tokens;
  for (int i = 0; i < 33; ++i) {
    clock_.Advance(absl::Seconds(1));
    if (i == 32) {
      EXPECT_TRUE(Find(tokens[0]).ok());
    }
    tokens.push_back(SignIn());
  }
  EXPECT_EQ(sessions_.List().size(), 32u);
  EXPECT_TRUE(Find(tokens[0]).ok());
  EXPECT_EQ(WhyNot(tokens[1]), "ended");
}

TEST_F(PageSessionsTest, WrongOnesHaveToWaitAndRightOnesDoNot) {
  const std::string token = SignIn();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(CodeRefusal("wrong"), Reason::kPageCodeInvalid);
    EXPECT_EQ(WhyNot("wrong"), "unknown");
    clock_.Advance(absl::Seconds(2));
  }
  const absl::Status refused = Find("wrong").status();
  EXPECT_EQ(GetReason(refused), Reason::kLimitExceeded);
  EXPECT_EQ(GetRetryAfter(refused), absl::Seconds(50));
  EXPECT_EQ(CodeRefusal("wrong"), Reason::kLimitExceeded);
  EXPECT_TRUE(Find(token).ok());
  EXPECT_TRUE(sessions_.SignIn(sessions_.NewCode().text, "").ok());
  clock_.Advance(absl::Seconds(50));
  EXPECT_EQ(WhyNot("wrong"), "unknown");
}

TEST_F(PageSessionsTest, SecretsDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(sessions_.NewCode().text).second);
    EXPECT_TRUE(seen.insert(SignIn()).second);
  }
}

}  // namespace
}  // namespace arkshare
