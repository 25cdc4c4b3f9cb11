#include "services/index/sessions/session_rules.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

TEST(SessionRulesTest, WhichRegistrationTakesThePlaceOfAnOlderSession) {
  struct Case {
    const char* what;
    bool proven;
    bool owned;
    uint64_t order;
    uint64_t absent;
    std::optional<OlderSession> older;
    Reason refused;
  };
  const std::string here = TestPeer(1, 1).address;
  const std::vector<Case> cases = {
      {"first", false, false, 1, 0, std::nullopt, Reason::kUnspecified},
      {"proven", true, false, 2, 0, OlderSession{1, here, true}, Reason::kUnspecified},
      {"unproven", false, false, 2, 0, OlderSession{1, here, true}, Reason::kKeyInUse},
      {"unproven both", false, false, 2, 0, OlderSession{1, here, false}, Reason::kKeyInUse},
      {"begun earlier", true, false, 1, 0, OlderSession{2, here, true}, Reason::kSessionSuperseded},
      {"begun earlier, older unproven", true, false, 1, 0, OlderSession{2, here, false},
       Reason::kUnspecified},
      {"elsewhere", true, false, 2, 0, OlderSession{1, "10.0.0.9:1", true}, Reason::kKeyInUse},
      {"elsewhere, absent", true, false, 2, 1, OlderSession{1, "10.0.0.9:1", true},
       Reason::kUnspecified},
      {"elsewhere, another is absent", true, false, 3, 1, OlderSession{2, "10.0.0.9:1", true},
       Reason::kKeyInUse},
      {"owned", false, true, 2, 0, OlderSession{1, "10.0.0.9:1", true}, Reason::kUnspecified},
      {"owned, begun earlier", false, true, 1, 0, OlderSession{2, here, false},
       Reason::kSessionSuperseded},
  };
  for (const Case& c : cases) {
    Sessions::Registration registration;
    registration.order = c.order;
    registration.peer = TestPeer(1, 1);
    registration.proven = c.proven;
    registration.owned = c.owned;
    registration.absent = c.absent;
    EXPECT_EQ(GetReason(CheckRegistration(registration, c.older)), c.refused) << c.what;
  }
}

TEST(SessionRulesTest, WhichNumberAPeerGets) {
  const std::set<uint32_t> taken = {1, 2, 5};
  const std::set<uint32_t> remembered = {3};
  const auto is_free = [&](uint32_t number) { return !taken.contains(number); };
  const auto next_unused = [&](uint32_t number) {
    while (remembered.contains(number)) ++number;
    return number;
  };
  const auto choose = [&](uint32_t requested, std::optional<uint32_t> current,
                          std::optional<uint32_t> last) {
    return ChooseNumber(requested, {is_free, next_unused, current, last});
  };
  EXPECT_EQ(choose(0, std::nullopt, std::nullopt), 4u);
  EXPECT_EQ(choose(3, std::nullopt, std::nullopt), 3u) << "remembered, but free";
  EXPECT_EQ(choose(5, std::nullopt, std::nullopt), 4u) << "taken";
  EXPECT_EQ(choose(5, 9, 7), 9u);
  EXPECT_EQ(choose(0, std::nullopt, 7), 7u);
  EXPECT_EQ(choose(0, std::nullopt, 5), 4u) << "another peer has its last one now";
}

TEST(SessionRulesTest, WhereAPeerMayCallFrom) {
  EXPECT_TRUE(CheckHost("", "10.0.0.1").ok()) << "advertised";
  EXPECT_TRUE(CheckHost("10.0.0.1", "10.0.0.1").ok());
  EXPECT_EQ(GetReason(CheckHost("10.0.0.1", "10.0.0.2")), Reason::kSessionUnknown);
}

}  // namespace
}  // namespace arkshare
