// A source whose port no other program can dial, and a receiver that can be dialled: the source
// comes to the receiver, and the relay carries nothing.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/testing/silent_address.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/free_ports.h"
#include "tests/support/relay.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;

class CalledBackTest : public testing::Test {
 protected:
  void StartSource(const std::string& book, std::vector<std::string> more = {}) {
    WriteBook(cluster_.Books("s"), "195", book);
    PeerOptions hidden;
    hidden.listen = "0.0.0.0:0";
    hidden.args = {"--advertise", firewall_.address(), "--reach", "relay"};
    hidden.args.insert(hidden.args.end(), more.begin(), more.end());
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", hidden)));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book), {"s"}));
    ASSERT_EQ(StatusOf("s").way(), v1::WAY_RELAYED);
  }
  // Other programs reach it by `line_`.
  void StartReceiver() {
    PeerOptions reached;
    reached.relay = &line_;
    ASSERT_TRUE(Ok(cluster_.StartPeer("r", reached)));
    ASSERT_EQ(StatusOf("r").way(), v1::WAY_DIRECT);
  }
  void StartGroup() { ASSERT_TRUE(Ok(cluster_.StartGroup("2s", {}, {"--relay", relay_}))); }
  v1::GetStatusResponse StatusOf(const std::string& name) {
    const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer(name).GetStatus();
    EXPECT_TRUE(Ok(status));
    return status.value_or(v1::GetStatusResponse());
  }
  // Fetches the book of the source, and returns how it came.
  v1::Contribution Fetch() {
    const absl::StatusOr<v1::Transfer> got = cluster_.Get("r", "195");
    EXPECT_TRUE(Ok(got));
    if (!got.ok() || got->contributions_size() != 1) return {};
    return got->contributions(0);
  }

  const SilentAddress firewall_;
  const std::string relay_ = FreeAddress();
  Relay line_;
  Cluster cluster_;
};

TEST_F(CalledBackTest, TheRelayCarriesNothingOfTheBook) {
  const std::string book = RandomBytes(6'000'000);
  StartGroup();
  StartSource(book);
  StartReceiver();
  const uint64_t before = StatusOf("s").relayed_bytes();
  const v1::Contribution came = Fetch();
  EXPECT_TRUE(came.called_back());
  EXPECT_FALSE(came.relayed());
  EXPECT_EQ(came.bytes(), book.size());
  // Also Release and Confirm took that way.
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
  EXPECT_EQ(StatusOf("s").relayed_bytes(), before);
}

TEST_F(CalledBackTest, PeopleSeeIt) {
  StartGroup();
  StartSource(RandomBytes(3'000'000));
  StartReceiver();
  const absl::StatusOr<Finished> got =
      RunCli({"--peer", cluster_.peer("r").control(), "get", "195"});
  ASSERT_TRUE(Ok(got));
  EXPECT_THAT(got->output + got->log, HasSubstr("(called back)"));
}

TEST_F(CalledBackTest, WithoutEncryptionToo) {
  const std::string book = RandomBytes(3'000'000);
  ASSERT_TRUE(Ok(cluster_.Start("2s", {}, {"--relay", relay_})));
  StartSource(book, {"--insecure"});
  StartReceiver();
  EXPECT_TRUE(Fetch().called_back());
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
}

TEST_F(CalledBackTest, ASourceThatCannotComeIsReachedThroughTheRelay) {
  const std::string book = RandomBytes(3'000'000);
  StartGroup();
  StartSource(book);
  StartReceiver();
  // The index has reached the receiver. From now on, no program does.
  line_.Cut();
  const v1::Contribution came = Fetch();
  EXPECT_FALSE(came.called_back());
  EXPECT_TRUE(came.relayed());
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
  EXPECT_GE(StatusOf("s").relayed_bytes(), book.size());
}

TEST_F(CalledBackTest, ATransferGoesOnWhenTheConnectionBreaks) {
  const std::string book = RandomBytes(6'000'000);
  StartGroup();
  StartSource(book);
  StartReceiver();
  ASSERT_TRUE(Ok(SetUploadLimit(cluster_.peer("s"), 500'000)));
  PendingFetch fetch(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(fetch.WaitFor(
      [](const v1::Transfer& transfer) { return transfer.bytes_done() > 1'000'000; }));
  // The pieces so far did not pass through the relay; the rest do.
  const uint64_t before = StatusOf("s").relayed_bytes();
  line_.Cut();
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
  EXPECT_GT(StatusOf("s").relayed_bytes(), before);
  const absl::StatusOr<v1::Transfer> got = fetch.Await();
  EXPECT_TRUE(got.ok() || GetReason(got.status()) == Reason::kPeerUnreachable) << got.status();
}

}  // namespace
}  // namespace arkshare
