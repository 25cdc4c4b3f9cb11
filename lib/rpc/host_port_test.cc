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

TEST(HostPortTest, OnlyNumericHostsHaveASocketAddress) {
  EXPECT_EQ(ToSocketAddress({"127.0.0.1", 5})->storage.ss_family, AF_INET);
  EXPECT_EQ(ToSocketAddress({"::1", 5})->storage.ss_family, AF_INET6);
  EXPECT_FALSE(ToSocketAddress({"localhost", 5}).has_value());
  EXPECT_FALSE(ToSocketAddress({"books.example", 5}).has_value());
}

}  // namespace
}  // namespace arkshare
