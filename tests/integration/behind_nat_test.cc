// Peers whose ports no other program can dial: the relay of the index carries their connections.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/rpc/testing/silent_address.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/free_ports.h"

namespace arkshare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBook[] = "the book";

class BehindNatTest : public testing::Test {
 protected:
  // A peer at whose address a firewall drops every packet.
  PeerOptions Hidden(const std::string& reach = "relay", std::vector<std::string> more = {}) const {
    PeerOptions options;
    options.listen = "0.0.0.0:0";
    options.args = {"--advertise", firewall_.address(), "--reach", reach};
    options.args.insert(options.args.end(), more.begin(), more.end());
    return options;
  }
  void StartGroup() { ASSERT_TRUE(Ok(cluster_.StartGroup("2s", {}, {"--relay", relay_}))); }
  // A group of "s", which has the book under the name "195", and "r", both behind the firewall.
  void StartTwo(const std::string& book) {
    StartGroup();
    WriteBook(cluster_.Books("s"), "195", book);
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", Hidden())));
    ASSERT_TRUE(Ok(cluster_.StartPeer("r", Hidden())));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book), {"s"}));
  }
  v1::GetStatusResponse StatusOf(const std::string& name) {
    const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer(name).GetStatus();
    EXPECT_TRUE(Ok(status));
    return status.value_or(v1::GetStatusResponse());
  }
  std::string Cli(const std::string& peer, std::vector<std::string> args) {
    args.insert(args.begin(), {"--peer", cluster_.peer(peer).control()});
    const absl::StatusOr<Finished> finished = RunCli(std::move(args));
    EXPECT_TRUE(Ok(finished));
    return finished.ok() ? finished->output + finished->log : "";
  }

  const SilentAddress firewall_;
  // The relay must have the same port after a restart.
  const std::string relay_ = FreeAddress();
  Cluster cluster_;
};

TEST_F(BehindNatTest, AMoveGoesThroughTheRelay) {
  StartTwo(kBook);
  EXPECT_EQ(StatusOf("s").way(), v1::WAY_RELAYED);
  EXPECT_EQ(StatusOf("s").address(), "");
  EXPECT_EQ(StatusOf("s").trouble(), "");
  EXPECT_EQ(StatusOf("s").relay_address(), relay_);
  const absl::StatusOr<v1::Transfer> got = cluster_.Get("r", "195");
  ASSERT_TRUE(Ok(got));
  EXPECT_TRUE(got->moving());
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
  EXPECT_GT(StatusOf("s").relayed_bytes(), 0u);
}

TEST_F(BehindNatTest, ABookOfManyPiecesSaysHowItCame) {
  const std::string book = RandomBytes(3'000'000);
  StartTwo(book);
  const absl::StatusOr<v1::Transfer> got = cluster_.Get("r", "195");
  ASSERT_TRUE(Ok(got));
  ASSERT_EQ(got->contributions_size(), 1);
  EXPECT_TRUE(got->contributions(0).relayed());
  EXPECT_EQ(got->contributions(0).bytes(), book.size());
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
}

TEST_F(BehindNatTest, ATransferSurvivesARestartOfTheIndex) {
  const std::string book = RandomBytes(6'000'000);
  StartTwo(book);
  ASSERT_TRUE(Ok(SetUploadLimit(cluster_.peer("s"), 500'000)));
  PendingFetch fetch(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(fetch.WaitFor(
      [](const v1::Transfer& transfer) { return transfer.bytes_done() > 1'000'000; }));
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  // The call may end, because the connection broke. The transfer goes on.
  const absl::StatusOr<v1::Transfer> got = fetch.Await();
  EXPECT_TRUE(got.ok() || GetReason(got.status()) == Reason::kPeerUnreachable) << got.status();
  EXPECT_TRUE(EndsWith(cluster_, {{book, {"r"}}}));
  // The session was taken back: the peer did not register again.
  EXPECT_EQ(StatusOf("s").way(), v1::WAY_RELAYED);
}

TEST_F(BehindNatTest, AfterARestartAPeerBeginsWithTheRelay) {
  StartTwo(kBook);
  cluster_.peer("s").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("s").WaitOnline()));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"s"}));
  EXPECT_EQ(StatusOf("s").way(), v1::WAY_RELAYED);
  // The first registration of the first run had to wait for the dial-back that failed.
  EXPECT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

TEST_F(BehindNatTest, PeopleSeeTheWay) {
  StartTwo(kBook);
  EXPECT_THAT(Cli("s", {"status"}), HasSubstr(absl::StrCat("reachable       through the relay of ",
                                                           relay_, " (opening port ")));
  const std::string id = absl::StrCat(cluster_.IdOf("s"));
  EXPECT_THAT(Cli("r", {"ping", id, "--count", "1"}),
              AllOf(HasSubstr("through the relay"), HasSubstr("signature verified")));
  EXPECT_THAT(Cli("r", {"peers"}), AllOf(HasSubstr("relay"), Not(HasSubstr("direct"))));
}

TEST_F(BehindNatTest, APeerThatDoesNotWantTheRelayIsNotListed) {
  StartGroup();
  WriteBook(cluster_.Books("s"), "195", kBook);
  ASSERT_TRUE(Ok(cluster_.StartPeer("s", Hidden("none"))));
  EXPECT_EQ(StatusOf("s").way(), v1::WAY_UNSPECIFIED);
  EXPECT_THAT(StatusOf("s").trouble(), HasSubstr("cannot reach you"));
  EXPECT_TRUE(cluster_.HoldersOf(ContentOf(kBook)).empty());
}

TEST_F(BehindNatTest, WithoutEncryptionTheRelayCarriesToo) {
  ASSERT_TRUE(Ok(cluster_.Start("2s", {}, {"--relay", relay_})));
  WriteBook(cluster_.Books("s"), "195", kBook);
  ASSERT_TRUE(Ok(cluster_.StartPeer("s", Hidden("relay", {"--insecure"}))));
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"s"}));
  EXPECT_EQ(StatusOf("s").way(), v1::WAY_RELAYED);
  EXPECT_EQ(StatusOf("r").way(), v1::WAY_DIRECT);
  EXPECT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

}  // namespace
}  // namespace arkshare
