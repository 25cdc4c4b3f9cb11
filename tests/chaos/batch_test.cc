// Many books on their way together, and SIGKILL of a program at every step: each book still has
// one holder.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

constexpr int kBooks = 50;

std::string NameOf(int i) { return absl::StrCat("b", 100 + i); }
// Some of several pieces among them, which do not come in one stream.
std::string BytesOf(int i) {
  return BookBytes(i % 17 == 16 ? 2'500'000 : 1000 + 777 * static_cast<uint64_t>(i),
                   static_cast<uint32_t>(i + 1));
}

absl::Status StartMany(Cluster& cluster, const std::string& source_failpoints,
                       const std::string& receiver_failpoints, const std::string& policy = "move") {
  for (int i = 0; i < kBooks; ++i) WriteBook(cluster.Books("s"), NameOf(i), BytesOf(i));
  if (absl::Status s = cluster.Start(); !s.ok()) return s;
  PeerOptions source;
  source.policy = policy;
  source.env = Cluster::Failpoints(source_failpoints);
  if (absl::Status s = cluster.StartPeer("s", source); !s.ok()) return s;
  PeerOptions receiver;
  receiver.env = Cluster::Failpoints(receiver_failpoints);
  if (absl::Status s = cluster.StartPeer("r", receiver); !s.ok()) return s;
  for (int i = 0; i < kBooks; ++i) {
    if (!cluster.WaitForHolders(ContentOf(BytesOf(i)), {"s"})) {
      return absl::DeadlineExceededError("a book is not announced");
    }
  }
  return absl::OkStatus();
}

v1::FetchManyRequest WishAll() {
  v1::FetchManyRequest request;
  for (int i = 0; i < kBooks; ++i) *request.add_wishes() = Wish(NameOf(i));
  return request;
}

// The last word of each; fewer when the receiver dies.
std::map<uint32_t, v1::Transfer> FetchMany(PeerProcess& peer, const v1::FetchManyRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  std::map<uint32_t, v1::Transfer> last;
  const auto reader = peer.control_stub().FetchMany(&context, request);
  v1::FetchManyResponse response;
  while (reader->Read(&response)) {
    for (const v1::FetchManyResponse::Update& update : response.updates()) {
      last[update.index()] = update.transfer();
    }
  }
  reader->Finish();
  return last;
}

std::vector<Ending> AllAt(const std::vector<std::string>& holders) {
  std::vector<Ending> endings;
  for (int i = 0; i < kBooks; ++i) endings.push_back({BytesOf(i), holders});
  return endings;
}

class BatchKillTest : public testing::TestWithParam<const char*> {};

TEST_P(BatchKillTest, EveryBookHasOneHolder) {
  const std::string failpoint = GetParam();
  const std::string victim = failpoint.starts_with("source.") ? "s" : "r";
  const std::string setting = absl::StrCat(failpoint, "=kill");
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMany(cluster, victim == "s" ? setting : "", victim == "r" ? setting : "")));
  std::thread fetch([&] { FetchMany(cluster.peer("r"), WishAll()); });
  absl::StatusOr<ExitStatus> exit = cluster.peer(victim).process().WaitExit();
  // The receiver may wait for the dead program; the thread ends when that is back.
  const absl::Status restarted =
      exit.ok() && victim == "s" ? cluster.peer(victim).Restart() : absl::OkStatus();
  fetch.join();
  ASSERT_TRUE(Ok(exit)) << "the failpoint was never reached";
  ASSERT_EQ(exit->signal, SIGKILL);
  ASSERT_TRUE(Ok(restarted));
  if (victim == "r") {
    EXPECT_TRUE(Undamaged({cluster.Books("r")}));
    ASSERT_TRUE(Ok(cluster.peer(victim).Restart()));
  }
  // A transfer that was begun ends by itself; one that was forgotten is asked for again.
  ASSERT_TRUE(EventuallyTrue([&] {
    FetchMany(cluster.peer("r"), WishAll());
    for (int i = 0; i < kBooks; ++i) {
      if (!cluster.Entry("r", NameOf(i))) return false;
    }
    return true;
  }));
  EXPECT_TRUE(EndsWith(cluster, AllAt({"r"})));
}

INSTANTIATE_TEST_SUITE_P(EveryStep, BatchKillTest,
                         testing::Values("receiver.intent", "receiver.fetched", "receiver.synced",
                                         "receiver.prepared", "source.release_asked",
                                         "source.hidden", "source.hidden_synced", "source.released",
                                         "receiver.released", "receiver.owned", "receiver.admitted",
                                         "receiver.index_told", "source.confirm_asked",
                                         "source.unlinked", "source.gone", "receiver.confirmed"),
                         [](const auto& info) {
                           return absl::StrReplaceAll(info.param, {{".", "_"}});
                         });

TEST(BatchTest, EachForItselfFailsOrIsMoved) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMany(cluster, "", "")));
  WriteBook(cluster.Books("r"), "here", "a book of its own");
  ASSERT_TRUE(cluster.WaitListed("r", "here", "a book of its own"));
  v1::FetchManyRequest request = WishAll();
  *request.add_wishes() = Wish("nowhere");
  *request.add_wishes() = Wish(NameOf(0));
  *request.add_wishes() = Wish("../x");
  *request.add_wishes() = Wish("here");
  const std::map<uint32_t, v1::Transfer> ended = FetchMany(cluster.peer("r"), request);
  ASSERT_EQ(ended.size(), static_cast<size_t>(request.wishes_size()));
  for (uint32_t i = 0; i < kBooks; ++i) {
    EXPECT_EQ(ended.at(i).state(), v1::TRANSFER_STATE_DONE) << ended.at(i).message();
    EXPECT_TRUE(ended.at(i).moving());
  }
  EXPECT_EQ(ended.at(kBooks).error().reason(), "BOOK_NOT_FOUND");
  EXPECT_EQ(ended.at(kBooks + 1).error().reason(), "NAME_TAKEN");
  EXPECT_EQ(ended.at(kBooks + 2).error().reason(), "INVALID_NAME");
  EXPECT_EQ(ended.at(kBooks + 3).error().reason(), "ALREADY_IN_LIBRARY");
  EXPECT_TRUE(EndsWith(cluster, AllAt({"r"})));
}

TEST(BatchTest, ALenderKeepsAll) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMany(cluster, "", "", "copy")));
  absl::StatusOr<Finished> got = RunCli({"--peer", cluster.peer("r").control(), "get", "--from",
                                         absl::StrCat(cluster.IdOf("s")), "--all"});
  ASSERT_TRUE(Ok(got));
  EXPECT_EQ(got->exit, ExitStatus{}) << got->log;
  EXPECT_TRUE(EndsWith(cluster, AllAt({"r", "s"})));
  got = RunCli({"--peer", cluster.peer("r").control(), "get", "--from",
                absl::StrCat(cluster.IdOf("s")), "--all"});
  ASSERT_TRUE(Ok(got));
  EXPECT_EQ(got->exit, ExitStatus{}) << got->log;
  EXPECT_EQ(got->output, absl::StrCat("received 0 books (0 B); ", kBooks, " were here already\n"));
}

}  // namespace
}  // namespace arkshare
