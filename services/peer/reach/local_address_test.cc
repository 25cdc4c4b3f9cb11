#include "services/peer/reach/local_address.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(LocalAddressTest, AnAddressThatIsNotPrivateIsNone) {
  // Towards this machine itself, it is loopback.
  EXPECT_EQ(LocalAddress("127.0.0.1:50051", "0.0.0.0:4000"), "");
  EXPECT_EQ(LocalAddress("localhost:50051", "[::]:4000"), "");
  EXPECT_EQ(LocalAddress("not an address", "0.0.0.0:4000"), "");
}

TEST(LocalAddressTest, AServerThatListensElsewhereHasNone) {
  EXPECT_EQ(LocalAddress("192.0.2.1:50051", "127.0.0.1:4000"), "");
}

}  // namespace
}  // namespace arkshare
