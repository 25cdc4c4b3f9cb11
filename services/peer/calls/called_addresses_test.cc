#include "services/peer/calls/called_addresses.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

const absl::Time kStart = absl::UnixEpoch();

std::vector<SocketAddress> Relays(const std::vector<std::string>& hosts) {
  std::vector<SocketAddress> relays;
  for (const std::string& host : hosts) relays.push_back(*ToSocketAddress(HostPort{host, 50'052}));
  return relays;
}

bool Takes(const std::string& address, const std::vector<std::string>& relays) {
  return CalledAddresses().Take(address, Relays(relays), kStart).has_value();
}

TEST(CalledAddressesTest, AreNoNearerThanTheRelay) {
  for (const char* relay : {"45.45.45.1", "2001:db8::1", "192.168.1.1", "127.0.0.1", "::1"}) {
    EXPECT_TRUE(Takes("45.45.45.2:7000", {relay})) << relay;
    EXPECT_TRUE(Takes("[2001:db8::2]:7000", {relay})) << relay;
  }
  for (const char* relay : {"45.45.45.1", "2001:db8::1"}) {
    EXPECT_FALSE(Takes("192.168.1.2:7000", {relay})) << relay;
    EXPECT_FALSE(Takes("[fd00::2]:7000", {relay})) << relay;
    EXPECT_FALSE(Takes("127.0.0.1:7000", {relay})) << relay;
  }
  EXPECT_TRUE(Takes("192.168.1.2:7000", {"10.0.0.1"}));
  EXPECT_FALSE(Takes("127.0.0.1:7000", {"10.0.0.1"}));
  EXPECT_FALSE(Takes("[::1]:7000", {"10.0.0.1"}));
  EXPECT_TRUE(Takes("127.0.0.1:7000", {"127.0.0.1"}));
  EXPECT_TRUE(Takes("127.0.0.1:7000", {"2001:db8::1", "::1"})) << "one name, two addresses";
}

TEST(CalledAddressesTest, NeedARelayOfTheIndex) { EXPECT_FALSE(Takes("45.45.45.2:7000", {})); }

TEST(CalledAddressesTest, AreOfPeers) {
  for (const char* address : {"", "45.45.45.2:22", "169.254.169.254:8000", "224.0.0.1:7000",
                              "0.0.0.0:7000", "localhost:7000", "example.org:7000"}) {
    EXPECT_FALSE(Takes(address, {"127.0.0.1"})) << address;
  }
}

TEST(CalledAddressesTest, EachIsDialledSeldom) {
  CalledAddresses called;
  const std::vector<SocketAddress> relays = Relays({"45.45.45.1"});
  int taken = 0;
  for (int port = 2'000; port < 2'100; ++port) {
    taken += called.Take("45.45.45.2:" + std::to_string(port), relays, kStart).has_value();
  }
  EXPECT_EQ(taken, CalledAddresses::kMostAtOnce);
  EXPECT_TRUE(called.Take("45.45.45.3:7000", relays, kStart).has_value());
  const absl::Time later = kStart + CalledAddresses::kPause;
  EXPECT_TRUE(called.Take("45.45.45.2:7000", relays, later).has_value());
  EXPECT_FALSE(called.Take("45.45.45.2:7000", relays, later).has_value());
}

}  // namespace
}  // namespace arkshare
