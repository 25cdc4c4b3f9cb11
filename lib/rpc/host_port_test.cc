#include "lib/rpc/host_port.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(HostPortTest, SplitsAndJoins) {
  EXPECT_EQ(ParseHostPort("[::1]:5")->host, "::1");
  EXPECT_EQ(ParseHostPort("[::1]:5")->ToString(), "[::1]:5");
  EXPECT_EQ(ParseHostPort("books.example:65535")->ToString(), "books.example:65535");
  EXPECT_EQ(ParseHostPort("127.0.0.1:0")->port, 0);
}

TEST(HostPortTest, KnowsLoopback) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "host"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(HostPortTest, KnowsPrivateAddresses) {
  for (const char* address : {"10.0.0.1:1", "10.255.255.255:65535", "172.16.0.1:5",
                              "172.31.255.255:5", "192.168.0.1:5", "[fd12::1]:5", "[fc00::]:5"}) {
    EXPECT_TRUE(IsPrivateAddress(address)) << address;
  }
  for (const char* address :
       {"11.0.0.1:1", "9.255.255.255:5", "172.15.0.1:5", "172.32.0.1:5", "192.169.0.1:5",
        "127.0.0.1:5", "169.254.0.1:5", "100.64.0.1:5", "[fe80::1]:5", "[::1]:5", "[2001:db8::1]:5",
        "192.168.0.1:0", "192.168.0.1", "nas.home:5", "[::ffff:192.168.0.1]:5", ""}) {
    EXPECT_FALSE(IsPrivateAddress(address)) << address;
  }
}

TEST(HostPortTest, OnlyNumericHostsHaveASocketAddress) {
  EXPECT_EQ(ToSocketAddress({"127.0.0.1", 5})->storage.ss_family, AF_INET);
  EXPECT_EQ(ToSocketAddress({"::1", 5})->storage.ss_family, AF_INET6);
  EXPECT_FALSE(ToSocketAddress({"localhost", 5}).has_value());
  EXPECT_FALSE(ToSocketAddress({"books.example", 5}).has_value());
}

TEST(HostPortTest, ASocketAddressIsReadBack) {
  for (const char* address : {"127.0.0.1:5", "[2001:db8::1]:65535"}) {
    EXPECT_EQ(ToHostPort(*ToSocketAddress(*ParseHostPort(address))).ToString(), address);
  }
}

}  // namespace
}  // namespace arkshare
