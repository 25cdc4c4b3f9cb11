// Presence: peers and indexes that are killed, silenced, restarted, doubled, or never get to run.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Much less than the lease of a minute below, and than the peer's rescan: what happens within this
// time does not wait for either.
constexpr absl::Duration kSoon = absl::Seconds(25);
constexpr char kLongLease[] = "60s";

const std::string kBook = BookBytes(10'000, 1);

std::map<std::string, uint64_t> ListingNumbers(Cluster& cluster, const std::string& peer) {
  std::map<std::string, uint64_t> numbers;
  grpc::ClientContext context;
  v1::ListLibraryResponse response;
  EXPECT_TRUE(cluster.peer(peer)
                  .control_stub()
                  .ListLibrary(&context, v1::ListLibraryRequest(), &response)
                  .ok());
  for (const v1::LibraryEntry& entry : response.entries()) {
    numbers[entry.name()] = entry.listing().listing_number();
  }
  return numbers;
}

std::vector<v1::Peer> ListPeers(Cluster& cluster) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  v1::ListPeersResponse response;
  EXPECT_TRUE(cluster.index().stub().ListPeers(&context, v1::ListPeersRequest(), &response).ok());
  return {response.peers().begin(), response.peers().end()};
}

TEST(PresenceTest, AKilledPeerVanishesAtOnceAndComesBackWithAll) {
  Cluster cluster;
  WriteBook(cluster.Books("p"), "195", kBook);
  WriteBook(cluster.Books("p"), "sub/196", "another");
  ASSERT_TRUE(Ok(cluster.Start(kLongLease)));
  ASSERT_TRUE(Ok(cluster.StartPeer("p")));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"p"}));
  const std::map<std::string, uint64_t> numbers = ListingNumbers(cluster, "p");
  const uint32_t id = cluster.IdOf("p");
  cluster.peer("p").process().Kill();
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {}, kSoon));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf("another"), {}, kSoon));
  const std::vector<v1::Peer> peers = ListPeers(cluster);
  ASSERT_EQ(peers.size(), 1u) << "it has a lease to come back within";
  EXPECT_FALSE(peers[0].listed());

  ASSERT_TRUE(fs::exists(cluster.peer("p").control().substr(5))) << "a stale socket";
  ASSERT_TRUE(Ok(cluster.peer("p").Restart()));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"p"}, kSoon));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf("another"), {"p"}, kSoon));
  EXPECT_EQ(cluster.IdOf("p"), id);
  EXPECT_EQ(ListingNumbers(cluster, "p"), numbers) << "nothing was hashed or listed again";
}

TEST(PresenceTest, ASilentPeerIsHiddenAndComesBack) {
  Cluster cluster;
  WriteBook(cluster.Books("p"), "195", kBook);
  ASSERT_TRUE(Ok(cluster.Start("1s")));
  ASSERT_TRUE(Ok(cluster.StartPeer("p")));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"p"}));
  const uint32_t id = cluster.IdOf("p");
  ASSERT_TRUE(Ok(cluster.peer("p").process().Signal(SIGSTOP)));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {}));
  EXPECT_TRUE(EventuallyTrue([&] { return ListPeers(cluster).empty(); }));
  ASSERT_TRUE(Ok(cluster.peer("p").process().Signal(SIGCONT)));
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"p"}));
  EXPECT_EQ(cluster.IdOf("p"), id);
}

TEST(PresenceTest, AnIndexThatIsKilledIsWholeAgainOnItsOwn) {
  Cluster cluster;
  ASSERT_TRUE(Ok(cluster.Start(kLongLease)));
  std::map<std::string, uint32_t> ids;
  std::map<std::string, std::string> books;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    books[name] = absl::StrCat("the book of ", name);
    WriteBook(cluster.Books(name), "book", books[name]);
    ASSERT_TRUE(Ok(cluster.StartPeer(name)));
    ids[name] = cluster.IdOf(name);
  }
  for (int round = 0; round < 2; ++round) {
    // The second time it has no memory at all.
    if (round == 1) fs::remove(cluster.path() + "/index.state");
    ASSERT_TRUE(Ok(cluster.index().KillAndRestart()));
    for (const auto& [name, book] : books) {
      EXPECT_TRUE(cluster.WaitForHolders(ContentOf(book), {name}, kSoon)) << name;
      EXPECT_EQ(cluster.IdOf(name), ids[name]) << name;
    }
  }
  // It works as before.
  ASSERT_TRUE(Ok(cluster.Get("a", "book").status().ok() ? absl::InternalError("two books")
                                                        : absl::OkStatus()));
  v1::FetchRequest wish = Wish("book");
  wish.set_from_peer_id(ids["b"]);
  wish.set_save_as("book of b");
  EXPECT_TRUE(Ok(cluster.Get("a", wish)));
  EXPECT_TRUE(EndsWith(cluster, {{books["b"], {"a"}}, {books["c"], {"c"}}}));
}

size_t CountOf(absl::string_view what, absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, what);
  return parts.size() - 1;
}

TEST(PresenceTest, AnIndexThatIsKilledTakesItsSessionsBack) {
  Cluster cluster;
  ASSERT_TRUE(Ok(cluster.Start(kLongLease)));
  const std::vector<std::string> names = {"a", "b", "c"};
  for (const std::string& name : names) {
    WriteBook(cluster.Books(name), "book", name);
    ASSERT_TRUE(Ok(cluster.StartPeer(name)));
  }
  // It is written once a second.
  const std::string state = cluster.path() + "/index.state";
  ASSERT_TRUE(EventuallyTrue([&] {
    return fs::exists(state) && CountOf(" move seen ", ReadFile(state)) == names.size();
  })) << ReadFile(state);
  ASSERT_TRUE(Ok(cluster.index().KillAndRestart()));
  for (const std::string& name : names) {
    EXPECT_TRUE(cluster.WaitForHolders(ContentOf(name), {name}, kSoon));
    EXPECT_EQ(CountOf("registered id=", cluster.peer(name).process().Log()), 1u)
        << "no peer had to begin a new session";
  }
  // They are as good as before: they state changes, and can be told apart.
  WriteBook(cluster.Books("a"), "later", "a later one");
  EXPECT_TRUE(cluster.WaitForHolders(ContentOf("a later one"), {"a"}));
  v1::FetchRequest wish = Wish("book");
  wish.set_from_peer_id(cluster.IdOf("b"));
  wish.set_save_as("book of b");
  EXPECT_TRUE(Ok(cluster.Get("a", wish)));
  EXPECT_TRUE(EndsWith(cluster, {{"b", {"a"}}, {"c", {"c"}}}));
}

TEST(PresenceTest, NumbersAreKept) {
  Cluster cluster;
  ASSERT_TRUE(Ok(cluster.Start("1s")));
  ASSERT_TRUE(Ok(cluster.StartPeer("a")));
  ASSERT_TRUE(Ok(cluster.StartPeer("b")));
  ASSERT_EQ(cluster.IdOf("a"), 1u);
  ASSERT_EQ(cluster.IdOf("b"), 2u);
  ASSERT_TRUE(Ok(cluster.peer("a").process().Stop()));
  ASSERT_TRUE(Ok(cluster.StartPeer("c")));
  EXPECT_EQ(cluster.IdOf("c"), 3u) << "number 1 is remembered for the peer that had it";
  ASSERT_TRUE(Ok(cluster.peer("a").Restart()));
  ASSERT_TRUE(Ok(cluster.peer("a").WaitOnline()));
  EXPECT_EQ(cluster.IdOf("a"), 1u);
}

TEST(PresenceTest, SigtermUnregistersAndEnds) {
  Cluster cluster;
  WriteBook(cluster.Books("p"), "195", kBook);
  ASSERT_TRUE(Ok(cluster.Start(kLongLease)));
  ASSERT_TRUE(Ok(cluster.StartPeer("p")));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"p"}));
  EXPECT_EQ(*cluster.peer("p").process().Stop(), ExitStatus{});
  EXPECT_TRUE(ListPeers(cluster).empty()) << "not only hidden: gone";
  EXPECT_FALSE(fs::exists(cluster.peer("p").control().substr(5)));
  EXPECT_EQ(*cluster.index().process().Stop(), ExitStatus{});
}

TEST(PresenceTest, SigtermInTheMidstOfAnUpload) {
  Cluster cluster;
  const std::string large = BookBytes(8'000'000, 3);
  WriteBook(cluster.Books("s"), "196", large);
  ASSERT_TRUE(Ok(cluster.Start()));
  PeerOptions slow;
  slow.args = {"--upload-limit", "500k"};
  ASSERT_TRUE(Ok(cluster.StartPeer("s", slow)));
  ASSERT_TRUE(Ok(cluster.StartPeer("r")));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(large), {"s"}));
  PendingFetch fetch(cluster.peer("r"), Wish("196"));
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& t) { return t.bytes_done() > 0; }));
  EXPECT_EQ(*cluster.peer("s").process().Stop(), ExitStatus{}) << "an upload must not hold it up";
  EXPECT_FALSE(Ok(fetch.Await()));
  ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  EXPECT_TRUE(EndsWith(cluster, {{large, {"r"}}})) << "it goes on by itself";
}

TEST(PresenceTest, SigtermOfAReceiverInTheMidst) {
  Cluster cluster;
  const std::string large = BookBytes(8'000'000, 3);
  WriteBook(cluster.Books("s"), "196", large);
  ASSERT_TRUE(Ok(cluster.Start()));
  ASSERT_TRUE(Ok(cluster.StartPeer("s")));
  PeerOptions slow;
  slow.args = {"--download-limit", "500k"};
  ASSERT_TRUE(Ok(cluster.StartPeer("r", slow)));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(large), {"s"}));
  PendingFetch fetch(cluster.peer("r"), Wish("196"));
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& t) { return t.bytes_done() > 0; }));
  EXPECT_EQ(*cluster.peer("r").process().Stop(), ExitStatus{});
  EXPECT_FALSE(Ok(fetch.Await()));
  ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  EXPECT_TRUE(EndsWith(cluster, {{large, {"r"}}})) << "it goes on by itself";
}

// --- Those that never get to run ---

// Starts a program that must refuse, and returns what it says.
std::string Refusal(std::vector<std::string> argv, int exit_code = 1) {
  ProcessOptions options;
  options.argv = std::move(argv);
  absl::StatusOr<Finished> finished = RunToEnd(std::move(options));
  EXPECT_TRUE(Ok(finished));
  if (!finished.ok()) return "";
  EXPECT_EQ(finished->exit, (ExitStatus{.code = exit_code, .signal = 0})) << finished->log;
  return finished->log;
}

class RefusalTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Ok(cluster_.Start()));
    ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
    cluster_.Books("q");
  }
  std::vector<std::string> Peer(std::map<std::string, std::string> options) {
    options.insert({{"--index", cluster_.index().address()},
                    {"--listen", "127.0.0.1:0"},
                    {"--share", cluster_.Books("q")},
                    {"--control", "unix:" + cluster_.Folder("q") + "/control.sock"}});
    std::vector<std::string> argv = {PeerBinary()};
    for (const auto& [name, value] : options) {
      argv.push_back(name);
      argv.push_back(value);
    }
    return argv;
  }

  Cluster cluster_;
};

TEST_F(RefusalTest, ASocketInUse) {
  const std::string control = cluster_.peer("p").control();
  EXPECT_THAT(Refusal(Peer({{"--control", control}})), HasSubstr(control.substr(5)));
  EXPECT_TRUE(Ok(cluster_.peer("p").GetStatus())) << "it still is the first one's";
}

TEST_F(RefusalTest, ASocketPathThatIsTooLong) {
  Refusal(Peer({{"--control", "unix:" + cluster_.path() + "/" + std::string(120, 'x')}}), 2);
}

TEST_F(RefusalTest, ASharedFolderThatCannotBeReadOrWritten) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read and write everything";
  fs::permissions(cluster_.Books("q"), fs::perms::none);
  EXPECT_THAT(Refusal(Peer({})), HasSubstr("cannot be read"));
  fs::permissions(cluster_.Books("q"), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(Refusal(Peer({})), HasSubstr("write"));
  fs::permissions(cluster_.Books("q"), fs::perms::owner_all);
}

TEST_F(RefusalTest, OptionsThatCannotBe) {
  Refusal(Peer({{"--policy", "steal"}}), 2);
  Refusal(Peer({{"--slots", "0"}}), 2);
  Refusal(Peer({{"--listen", "nowhere"}}), 2);
  Refusal(Peer({{"--listen", "127.0.0.1:70000"}}), 2);
  Refusal({IndexBinary(), "--lease", "0s"}, 2);
  Refusal({IndexBinary(), "--lease", "25h"}, 2);
  Refusal({IndexBinary(), "--lease", "soon"}, 2);
  Refusal({IndexBinary(), "--no-such-option"}, 2);
  Refusal({PeerBinary()}, 2);
}

TEST_F(RefusalTest, ADamagedKeyOrLedgerIsNotOverwritten) {
  WriteBook(cluster_.Books("q"), ".arkshare/key", "too short");
  EXPECT_THAT(Refusal(Peer({})), HasSubstr("key"));
  EXPECT_EQ(ReadFile(cluster_.Books("q") + "/.arkshare/key"), "too short");
  fs::remove(cluster_.Books("q") + "/.arkshare/key");
  WriteBook(cluster_.Books("q"), ".arkshare/ledger.db", std::string(5000, 'x'));
  const std::string log = [&] {
    ProcessOptions options;
    options.argv = Peer({});
    absl::StatusOr<Finished> finished = RunToEnd(std::move(options));
    EXPECT_TRUE(Ok(finished));
    EXPECT_NE(finished->exit, ExitStatus{});
    EXPECT_EQ(finished->exit.signal, 0) << "it must end by itself";
    return finished->log;
  }();
  EXPECT_THAT(log, HasSubstr("ledger"));
  EXPECT_EQ(ReadFile(cluster_.Books("q") + "/.arkshare/ledger.db"), std::string(5000, 'x'));
  // The cache may be thrown away.
  fs::remove(cluster_.Books("q") + "/.arkshare/ledger.db");
  WriteBook(cluster_.Books("q"), ".arkshare/cache.db", std::string(5000, 'x'));
  WriteBook(cluster_.Books("q"), "195", kBook);
  ASSERT_TRUE(Ok(cluster_.StartPeer("q")));
  EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"q"}));
}

}  // namespace
}  // namespace arkshare
