#include "services/index/service/caller.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(CallerTest, ParsesThePeerStringsOfGrpc) {
  EXPECT_EQ(ParseCaller("ipv4:1.2.3.4:5").host, "1.2.3.4");
  EXPECT_FALSE(ParseCaller("ipv4:1.2.3.4:5").loopback);
  EXPECT_TRUE(ParseCaller("ipv4:127.0.0.1:5").loopback);
  EXPECT_EQ(ParseCaller("ipv6:%5B2001:db8::1%5D:5").host, "2001:db8::1");
  EXPECT_EQ(ParseCaller("ipv6:[::1]:5").host, "::1");
  EXPECT_TRUE(ParseCaller("ipv6:%5B::1%5D:5").loopback);
  EXPECT_EQ(ParseCaller("ipv6:%5B::ffff:10.0.0.7%5D:5").host, "10.0.0.7");
  EXPECT_TRUE(ParseCaller("ipv6:%5B::ffff:127.0.0.1%5D:5").loopback);
  EXPECT_TRUE(ParseCaller("unix:").loopback);
  EXPECT_EQ(ParseCaller("").host, "");
  EXPECT_EQ(ParseCaller("something else").host, "");
  EXPECT_FALSE(ParseCaller("").loopback);
}

constexpr char kAllowed[] = "allowed";

std::string Outcome(const Caller& caller, uint32_t port, const std::string& advertised) {
  const absl::StatusOr<PeerAddress> address = ChooseAddress(caller, port, advertised);
  return address.ok() ? kAllowed : std::string(ReasonName(GetReason(address.status())));
}

TEST(CallerTest, ThePeersAddressIsTheCallersUnlessItAdvertisesAnother) {
  const Caller far{"10.0.0.1", false};
  EXPECT_EQ(ChooseAddress(far, 80, "")->address, "10.0.0.1:80");
  EXPECT_EQ(ChooseAddress({"2001:db8::1", false}, 80, "")->address, "[2001:db8::1]:80");
  EXPECT_EQ(ChooseAddress(far, 80, "books.example:90")->address, "books.example:90");
  EXPECT_EQ(ChooseAddress(far, 80, "[::ffff:10.0.0.9]:90")->address, "10.0.0.9:90");
  const Caller near{"127.0.0.1", true};
  EXPECT_TRUE(ChooseAddress(near, 80, "")->loopback);
  EXPECT_TRUE(ChooseAddress(near, 80, "localhost:90")->loopback);
  EXPECT_FALSE(ChooseAddress(near, 80, "10.0.0.1:90")->loopback);
}

TEST(CallerTest, InvalidAndUnreachableAddressesAreRefused) {
  const Caller far{"10.0.0.1", false};
  const Caller near{"127.0.0.1", true};
  EXPECT_EQ(Outcome(far, 0, ""), "INVALID_FIELD");
  EXPECT_EQ(Outcome(far, 65'536, ""), "INVALID_FIELD");
  EXPECT_EQ(Outcome({}, 80, ""), "INVALID_FIELD");
  for (const char* junk : {"x", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
                           "::1:80", "a b:80", "dns:///a:80", "[10.0.0.1]:80"}) {
    EXPECT_EQ(Outcome(far, 80, junk), "INVALID_FIELD") << junk;
  }
  EXPECT_EQ(Outcome(far, 80, std::string(300, 'a') + ":80"), "INVALID_FIELD");
  for (const char* elsewhere : {"0.0.0.0:80", "[::]:80", "224.0.0.1:80", "255.255.255.255:80",
                                "169.254.1.1:80", "[fe80::1]:80", "[ff02::1]:80"}) {
    EXPECT_EQ(Outcome(far, 80, elsewhere), "ADDRESS_NOT_ALLOWED") << elsewhere;
    EXPECT_EQ(Outcome(near, 80, elsewhere), "ADDRESS_NOT_ALLOWED") << elsewhere;
  }
  for (const char* loopback :
       {"127.0.0.1:80", "127.1.2.3:80", "[::1]:80", "localhost:80", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_EQ(Outcome(far, 80, loopback), "ADDRESS_NOT_ALLOWED") << loopback;
    EXPECT_EQ(Outcome(near, 80, loopback), kAllowed) << loopback;
  }
}

}  // namespace
}  // namespace arkshare
