#include "lib/rpc/caller_shares.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(NetworkOfCallerTest, IsAnAddressOrTheFirstHalfOfOne) {
  struct Case {
    const char* peer;
    const char* network;
  };
  const Case cases[] = {
      {"ipv4:192.0.2.7:1234", "192.0.2.7"},
      {"ipv4:192.0.2.8:1234", "192.0.2.8"},
      {"ipv6:%5B::ffff:192.0.2.7%5D:9", "192.0.2.7"},
      {"ipv6:[2001:db8:0:1:2:3:4:5]:9", "2001:db8:0:1::/64"},
      {"ipv6:%5B2001:db8:0:1:ffff::1%5D:80", "2001:db8:0:1::/64"},
      {"ipv6:%5B2001:db8:0:2::1%5D:80", "2001:db8:0:2::/64"},
      {"ipv6:%5Bfe80::1%25eth0%5D:80", "fe80::/64"},
      {"ipv4:127.0.0.1:5", "loopback"},
      {"ipv4:127.9.9.9:5", "loopback"},
      {"ipv6:%5B::1%5D:5", "loopback"},
      {"ipv6:%5B::ffff:127.0.0.1%5D:5", "loopback"},
      {"ipv4:127.128.0.1:5", "relayed 127.128.0.1"},
      {"ipv6:%5B::ffff:127.191.0.1%5D:5", "relayed 127.191.0.1"},
      {"ipv4:127.192.0.1:5", "loopback"},
      {"unix:/run/socket", "loopback"},
      {"unix-abstract:name", "loopback"},
      {"", "unknown"},
      {"what", "unknown"},
      {"ipv4:name.example:5", "unknown"},
      {"ipv6:%5B::1", "unknown"},
  };
  for (const auto& [peer, network] : cases) EXPECT_EQ(NetworkOfCaller(peer), network) << peer;
}

TEST(AddressOfCallerTest, SaysWhenTheRelayIsInBetween) {
  EXPECT_EQ(AddressOfCaller("ipv4:192.0.2.7:1234"), "192.0.2.7:1234");
  EXPECT_EQ(AddressOfCaller("ipv4:127.0.0.1:1234"), "127.0.0.1:1234");
  EXPECT_EQ(AddressOfCaller("ipv4:" + RelayedCallerHost(5) + ":1234"), "the relay");
}

TEST(NetworkOfCallerTest, RelayedCallersAreNetworksOfTheirOwn) {
  const auto network = [](uint32_t caller) {
    return NetworkOfCaller("ipv4:" + RelayedCallerHost(caller) + ":5");
  };
  EXPECT_EQ(network(0), "relayed 127.128.0.0");
  EXPECT_EQ(network(~uint32_t{0}), "relayed 127.191.255.255");
  EXPECT_EQ(network(0x01020304), network(0xff020304)) << "these bits are not used";
  EXPECT_NE(network(0x01020304), network(0x01020305));
}

TEST(CallerSharesTest, EachNetworkHasItsShareAndAllTogetherTheirs) {
  CallerShares shares({"watches", /*most_of_network=*/2, /*most_in_all=*/3, absl::Seconds(5)});
  auto first = shares.Take("a");
  const auto second = shares.Take("a");
  ASSERT_TRUE(first.ok() && second.ok());
  const absl::Status third = shares.Take("a").status();
  EXPECT_EQ(GetReason(third), Reason::kLimitExceeded);
  EXPECT_EQ(GetRetryAfter(third), absl::Seconds(5));
  EXPECT_EQ(third.message(),
            "your address has 2 watches here now, and may have 2: wait until some have ended, or "
            "end some");
  const auto other = shares.Take("b");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(shares.taken(), 3u);
  const absl::Status full = shares.Take("c").status();
  EXPECT_EQ(GetReason(full), Reason::kLimitExceeded);
  EXPECT_EQ(full.message(),
            "all callers have 3 watches here now, and this server allows 3: try again later");
  first->GiveBack();
  first->GiveBack();
  EXPECT_EQ(shares.taken(), 2u) << "given back once";
  EXPECT_TRUE(shares.Take("c").ok());
  EXPECT_TRUE(shares.Take("a").ok());
}

TEST(CallerSharesTest, AmountsAreTakenWholeOrNotAtAll) {
  CallerShares shares({"bytes", 10, 15, std::nullopt});
  EXPECT_FALSE(shares.Take("a", 11).ok());
  EXPECT_FALSE(shares.Take("a", SIZE_MAX).ok());
  EXPECT_TRUE(shares.Take("a", 0).ok());
  EXPECT_EQ(shares.network_count(), 0u);
  const auto ten = shares.Take("a", 10);
  ASSERT_TRUE(ten.ok());
  EXPECT_FALSE(shares.Take("a", SIZE_MAX).ok());
  EXPECT_FALSE(shares.Take("b", 6).ok());
  EXPECT_TRUE(shares.Take("b", 5).ok());
}

TEST(CallerSharesTest, RemembersNoNetworkThatHasNothing) {
  CallerShares shares({"watches", 2, 4, std::nullopt});
  for (int i = 0; i < 1000; ++i) {
    const auto share = shares.Take(std::to_string(i));
    ASSERT_TRUE(share.ok());
    EXPECT_EQ(shares.network_count(), 1u);
  }
  EXPECT_EQ(shares.network_count(), 0u);
}

TEST(CallerSharesTest, AMovedShareIsGivenBackOnce) {
  CallerShares shares({"watches", 2, 4, std::nullopt});
  CallerShares::Share kept;
  {
    auto taken = shares.Take("a");
    kept = *std::move(taken);
  }
  EXPECT_EQ(shares.taken(), 1u);
  kept = *shares.Take("b");
  EXPECT_EQ(shares.taken(), 1u) << "the share of `a` was given back";
  kept = CallerShares::Share();
  EXPECT_EQ(shares.taken(), 0u);
}

TEST(CallerSharesTest, ThreadsNeverHaveMoreThanTheShare) {
  CallerShares shares({"watches", 3, 100, std::nullopt});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        const auto share = shares.Take("a");
        EXPECT_LE(shares.taken(), 3u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shares.taken(), 0u);
}

}  // namespace
}  // namespace arkshare
