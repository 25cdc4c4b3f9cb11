#include "services/peer/session/reachability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::HasSubstr;

v1::RegisterResponse Response(const std::string& address, bool reachable,
                              const std::string& message) {
  v1::RegisterResponse response;
  response.set_address(address);
  response.mutable_reachability()->set_reachable(reachable);
  response.mutable_reachability()->set_message(message);
  return response;
}

TEST(ReachabilityTest, ThePeerKnowsWhatTheIndexCannot) {
  const auto refused = Response("192.0.2.1:4000", false, "open this port in your firewall");
  EXPECT_THAT(ReachabilityInWords(refused, /*listens_on_loopback=*/true), HasSubstr("--listen"));
  EXPECT_EQ(ReachabilityInWords(refused, false), "open this port in your firewall");
  // The index is on the same machine, so this is not the reason.
  EXPECT_EQ(ReachabilityInWords(Response("127.0.0.1:4000", false, "closed"), true), "closed");
}

TEST(ReachabilityTest, AReachablePeerSaysWhatTheIndexSays) {
  EXPECT_EQ(ReachabilityInWords(Response("192.0.2.1:4000", true, ""), false), "");
  EXPECT_EQ(ReachabilityInWords(Response("127.0.0.1:4000", true, "only here"), true), "only here");
}

}  // namespace
}  // namespace arkshare
