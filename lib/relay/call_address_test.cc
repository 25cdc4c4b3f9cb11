#include "lib/relay/call_address.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

TEST(CallAddressTest, HasTheScopeOfItsNetwork) {
  const std::vector<std::pair<std::string, AddressScope>> kRows = {
      {"127.0.0.1:7000", AddressScope::kThisMachine},
      {"127.200.3.4:7000", AddressScope::kThisMachine},
      {"[::1]:7000", AddressScope::kThisMachine},
      {"[::ffff:127.0.0.1]:7000", AddressScope::kThisMachine},
      {"10.0.0.1:7000", AddressScope::kPrivate},
      {"172.16.0.1:7000", AddressScope::kPrivate},
      {"172.31.255.255:7000", AddressScope::kPrivate},
      {"192.168.1.1:7000", AddressScope::kPrivate},
      {"[fd00::1]:7000", AddressScope::kPrivate},
      {"[::ffff:192.168.1.1]:7000", AddressScope::kPrivate},
      {"172.32.0.1:7000", AddressScope::kGlobal},
      {"45.45.45.1:7000", AddressScope::kGlobal},
      {"100.64.0.1:1024", AddressScope::kGlobal},
      {"[2001:db8::1]:65535", AddressScope::kGlobal},
  };
  for (const auto& [text, scope] : kRows) {
    const std::optional<SocketAddress> address = ParseCallAddress(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(ScopeOf(*address), scope) << text;
    EXPECT_EQ(ToHostPort(*address).port, ParseHostPort(text)->port);
  }
}

TEST(CallAddressTest, IsRefusedWhereNoPeerCanListen) {
  for (const char* text : {"",
                           "45.45.45.1",
                           "45.45.45.1:0",
                           "45.45.45.1:22",
                           "45.45.45.1:1023",
                           "0.0.0.0:7000",
                           "0.1.2.3:7000",
                           "[::]:7000",
                           "169.254.169.254:7000",
                           "[fe80::1]:7000",
                           "224.0.0.1:7000",
                           "[ff02::1]:7000",
                           "240.0.0.1:7000",
                           "255.255.255.255:7000",
                           "[::ffff:0.0.0.0]:7000",
                           "[::ffff:169.254.169.254]:7000",
                           "localhost:7000",
                           "books.example.org:7000",
                           "relay:45.45.45.1:7000",
                           "unix:7000",
                           "45.45.45.1:65536"}) {
    EXPECT_FALSE(ParseCallAddress(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace arkshare
