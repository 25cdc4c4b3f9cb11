// SIGKILL of a peer at every step of a wish. Afterwards the wish is there, and gets one book.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "lib/rpc/channel.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/own_stream.h"

namespace arkshare {
namespace {

const std::string kFirst = BookBytes(1'000, 1);
const std::string kSecond = BookBytes(1'000, 2);

grpc::Status AddWish(PeerProcess& peer) {
  v1::AddWishRequest request;
  request.set_keywords("wanted");
  request.set_action(v1::WISH_ACTION_ANY);
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::AddWishResponse response;
  return peer.control_stub().AddWish(&context, request, &response);
}

class KillWishTest : public testing::TestWithParam<const char*> {};

TEST_P(KillWishTest, TheWishGetsOneBook) {
  const std::string failpoint = GetParam();
  const bool while_adding = failpoint == "wish.recorded";
  Cluster cluster;
  ASSERT_TRUE(Ok(cluster.Start()));
  ASSERT_TRUE(Ok(cluster.StartPeer("s")));
  PeerOptions options;
  options.env = Cluster::Failpoints(absl::StrCat(failpoint, "=kill"));
  ASSERT_TRUE(Ok(cluster.StartPeer("r", options)));
  EXPECT_EQ(AddWish(cluster.peer("r")).ok(), !while_adding);
  if (!while_adding) WriteBook(cluster.Books("s"), "first wanted", kFirst);
  absl::StatusOr<ExitStatus> exit = cluster.peer("r").process().WaitExit();
  ASSERT_TRUE(Ok(exit)) << "the failpoint was never reached";
  ASSERT_EQ(exit->signal, SIGKILL);
  ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  if (while_adding) WriteBook(cluster.Books("s"), "first wanted", kFirst);

  OwnStream stream(cluster.peer("r"));
  ASSERT_TRUE(stream.Until([&] { return stream.wish().fetched_count() == 1; }));
  WriteBook(cluster.Books("s"), "second wanted", kSecond);
  ASSERT_TRUE(stream.Until([&] { return stream.wish().found_count() == 2; }));
  EXPECT_EQ(stream.wish().fetched_count(), 1U);
  EXPECT_TRUE(EndsWith(cluster, {{kFirst, {"r"}}, {kSecond, {"s"}}}));
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KillWishTest,
                         testing::Values("wish.recorded", "wish.found", "wish.fetched"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           return absl::StrReplaceAll(info.param, {{".", "_"}});
                         });

}  // namespace
}  // namespace arkshare
