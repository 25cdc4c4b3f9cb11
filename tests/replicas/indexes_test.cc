// Two replicas of the index on three nodes of etcd, and peers, as people run them.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/rpc/status.h"
#include "tests/replicas/etcd_cluster.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/programs.h"
#include "tests/support/relay.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

// Moves the time of day of a program, as the file says that FAKETIME_TIMESTAMP_FILE names.
constexpr char kFakeTime[] = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

class IndexesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdCluster::Installed()) GTEST_SKIP() << "etcd is not installed";
    etcd_ = std::make_unique<EtcdCluster>();
    for (std::unique_ptr<IndexProcess>* index : {&a_, &b_}) {
      ASSERT_TRUE(Ok(StartIndex(*index, index == &a_ ? "a" : "b")));
    }
  }

  absl::Status StartIndex(std::unique_ptr<IndexProcess>& index, const std::string& name) {
    return StartIndex(index, name, etcd_->endpoints());
  }
  absl::Status StartIndex(std::unique_ptr<IndexProcess>& index, const std::string& name,
                          const std::vector<std::string>& etcd,
                          std::map<std::string, std::string> env = {}) {
    IndexOptions options;
    options.env = std::move(env);
    options.folder = Folder(name);
    options.lease = "10s";
    options.etcd = absl::StrJoin(etcd, ",");
    absl::StatusOr<std::unique_ptr<IndexProcess>> started = IndexProcess::Start(options);
    if (!started.ok()) return started.status();
    index = *std::move(started);
    return absl::OkStatus();
  }
  std::string Folder(const std::string& name) {
    const std::string folder = absl::StrCat(dir_.path(), "/", name);
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    return folder;
  }
  // A peer with one book of its own, whose first index is `first`.
  std::unique_ptr<PeerProcess> StartPeer(const std::string& name, const IndexProcess& first,
                                         const IndexProcess& second) {
    std::filesystem::create_directories(Folder(name) + "/books");
    WriteBook(Folder(name) + "/books", absl::StrCat("of ", name), absl::StrCat("book of ", name));
    PeerOptions options;
    options.folder = Folder(name);
    options.index = absl::StrCat(first.address(), ",", second.address());
    auto peer = PeerProcess::Start(options);
    EXPECT_TRUE(Ok(peer));
    EXPECT_TRUE(Ok((*peer)->WaitOnline()));
    return *std::move(peer);
  }

  // Registers a peer that cannot be reached.
  static absl::Status RegisterNewcomer(IndexProcess& index) {
    v1::RegisterRequest request;
    request.set_public_key(PrivateKey::Generate().public_key().bytes());
    request.set_port(1);
    request.set_policy(v1::SHARE_POLICY_MOVE);
    request.set_registration_id(std::string(16, 'r'));
    v1::RegisterResponse response;
    grpc::ClientContext context;
    return FromGrpcStatus(index.stub().Register(&context, request, &response), "the index",
                          Reason::kIndexUnreachable);
  }
  // Searches for a book that is at a peer; fails the test when the index does not answer.
  static v1::SearchResponse Search(IndexProcess& index, const std::string& book) {
    v1::SearchRequest request;
    request.set_name(book);
    v1::SearchResponse response;
    grpc::ClientContext context;
    const grpc::Status status = index.stub().Search(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // The numbers of the peers that the index names as holders of the book.
  static std::multiset<uint32_t> Holders(IndexProcess& index, const std::string& book,
                                         bool linearizable = true) {
    v1::SearchRequest request;
    request.set_name(book);
    request.set_linearizable(linearizable);
    v1::SearchResponse response;
    grpc::ClientContext context;
    std::multiset<uint32_t> holders;
    if (!index.stub().Search(&context, request, &response).ok()) return {0};
    for (const auto& result : response.results()) {
      for (const v1::Holder& holder : result.holders()) holders.insert(holder.peer_id());
    }
    return holders;
  }
  // Moves the other peer's book to this one, and waits for the end.
  static absl::StatusOr<v1::Transfer> Move(PeerProcess& to, const std::string& book) {
    v1::FetchRequest request;
    request.set_name(book);
    return PendingFetch(to, request).Await();
  }
  static uint32_t IdOf(PeerProcess& peer) { return peer.GetStatus()->peer_id(); }

  TempDir dir_;
  std::unique_ptr<EtcdCluster> etcd_;
  std::unique_ptr<IndexProcess> a_;
  std::unique_ptr<IndexProcess> b_;
};

TEST_F(IndexesTest, AKilledReplicaIsNotMissed) {
  const auto one = StartPeer("one", *a_, *b_);
  const auto two = StartPeer("two", *b_, *a_);
  const uint32_t first = IdOf(*one);
  const uint32_t second = IdOf(*two);
  EXPECT_NE(first, second);
  for (IndexProcess* index : {a_.get(), b_.get()}) {
    EXPECT_EQ(Holders(*index, "of one"), std::multiset<uint32_t>{first});
    EXPECT_EQ(Holders(*index, "of two"), std::multiset<uint32_t>{second});
  }
  ASSERT_TRUE(Ok(Move(*two, "of one")));
  for (IndexProcess* index : {a_.get(), b_.get()}) {
    EXPECT_TRUE(EventuallyTrue(
        [&] { return Holders(*index, "of one") == std::multiset<uint32_t>{second}; }));
  }

  a_->process().Kill();
  // No moment without the books: the peer of the killed index goes on at the other one.
  WriteBook(one->books(), "later", "written when its index was gone");
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_EQ(Holders(*b_, "of one"), std::multiset<uint32_t>{second});
    EXPECT_EQ(Holders(*b_, "of two"), std::multiset<uint32_t>{second});
    return Holders(*b_, "later") == std::multiset<uint32_t>{first};
  }));
  ASSERT_TRUE(Ok(Move(*one, "of two")));
  EXPECT_TRUE(
      EventuallyTrue([&] { return Holders(*b_, "of two") == std::multiset<uint32_t>{first}; }));
  EXPECT_EQ(IdOf(*one), first);

  // It comes back as it is now.
  ASSERT_TRUE(Ok(StartIndex(a_, "a")));
  for (const std::string book : {"of one", "of two", "later"}) {
    EXPECT_EQ(Holders(*a_, book), Holders(*b_, book)) << book;
  }
}

// The way from one replica to all nodes is cut, not that of the other one.
TEST_F(IndexesTest, AReplicaThatIsCutOffFromEtcdReadsOnAndItsPeersGoToTheOther) {
  std::vector<std::unique_ptr<Relay>> ways;
  std::vector<std::string> addresses;
  for (const std::string& endpoint : etcd_->endpoints()) {
    ways.push_back(std::make_unique<Relay>());
    ways.back()->SetTarget(endpoint);
    addresses.push_back(ways.back()->address());
  }
  std::unique_ptr<IndexProcess> cut;
  ASSERT_TRUE(Ok(StartIndex(cut, "cut", addresses)));
  const auto one = StartPeer("one", *cut, *b_);
  const uint32_t number = IdOf(*one);
  EXPECT_FALSE(Search(*cut, "of one").has_behind());

  for (const auto& way : ways) way->Cut();
  WriteBook(one->books(), "later", "written while its index was cut off");
  // The other replica has the peer's book all the time, and its new one as soon as the peer is
  // there.
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_EQ(Holders(*b_, "of one"), std::multiset<uint32_t>{number});
    return Holders(*b_, "later") == std::multiset<uint32_t>{number};
  }));
  EXPECT_TRUE(EventuallyTrue([&] { return Search(*cut, "of one").has_behind(); }));
  EXPECT_EQ(Holders(*cut, "of one", /*linearizable=*/false), std::multiset<uint32_t>{number});
  EXPECT_EQ(Holders(*cut, "of one"), std::multiset<uint32_t>{0}) << "it cannot know";
  const absl::Status refused = RegisterNewcomer(*cut);
  EXPECT_EQ(GetReason(refused), Reason::kStoreUnreachable) << refused;

  for (const auto& way : ways) way->Mend();
  EXPECT_TRUE(
      EventuallyTrue([&] { return Holders(*cut, "later") == std::multiset<uint32_t>{number}; }));
  EXPECT_FALSE(Search(*cut, "of one").has_behind());
  EXPECT_EQ(IdOf(*one), number);
}

// The time of day means nothing to a replica: leases and pauses are of the clock that never jumps.
TEST_F(IndexesTest, TheClockOfAReplicaJumps) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer does not take the library that moves the clock";
#endif
  if (!std::filesystem::exists(kFakeTime)) GTEST_SKIP() << "libfaketime is not installed";
  const std::string clock = Folder("clock");
  WriteBook(clock, "offset", "+0");
  std::unique_ptr<IndexProcess> odd;
  ASSERT_TRUE(Ok(StartIndex(odd, "odd", etcd_->endpoints(),
                            {{"LD_PRELOAD", kFakeTime},
                             {"FAKETIME_TIMESTAMP_FILE", clock + "/offset"},
                             {"FAKETIME_NO_CACHE", "1"},
                             {"FAKETIME_DONT_FAKE_MONOTONIC", "1"}})));
  const auto one = StartPeer("one", *odd, *b_);
  const auto two = StartPeer("two", *b_, *odd);
  const uint32_t first = IdOf(*one);
  const uint32_t second = IdOf(*two);
  for (const int days : {3, -3}) {
    WriteBook(clock, "offset", absl::StrFormat("%+dd", days));
    const std::string book = absl::StrCat("at ", days);
    WriteBook(one->books(), book, absl::StrCat("written at ", days));
    EXPECT_TRUE(EventuallyTrue([&] {
      for (IndexProcess* index : {odd.get(), b_.get()}) {
        EXPECT_EQ(Holders(*index, "of one"), std::multiset<uint32_t>{first});
        EXPECT_EQ(Holders(*index, "of two"), std::multiset<uint32_t>{second});
      }
      return Holders(*b_, book) == std::multiset<uint32_t>{first} &&
             Holders(*odd, book) == std::multiset<uint32_t>{first};
    }));
    ASSERT_TRUE(Ok(Move(*two, book)));
    EXPECT_TRUE(
        EventuallyTrue([&] { return Holders(*odd, book) == std::multiset<uint32_t>{second}; }));
    // The clock has jumped: the index logs the other day.
    ASSERT_TRUE(Ok(RegisterNewcomer(*odd)));
    const std::string day =
        absl::FormatTime("%Y-%m-%dT", absl::Now() + absl::Hours(24) * days, absl::UTCTimeZone());
    EXPECT_THAT(odd->process().Log(), testing::HasSubstr(day));
  }
}

TEST_F(IndexesTest, EtcdsLeaderIsKilled) {
  const auto one = StartPeer("one", *a_, *b_);
  const uint32_t number = IdOf(*one);
  const size_t leader = etcd_->Leader();
  ASSERT_LT(leader, EtcdCluster::kNodes);
  etcd_->Kill(leader);
  WriteBook(one->books(), "later", "written without a leader");
  EXPECT_TRUE(EventuallyTrue([&] {
    // Nothing is hidden meanwhile.
    EXPECT_EQ(Holders(*a_, "of one", /*linearizable=*/false), std::multiset<uint32_t>{number});
    return Holders(*a_, "later") == std::multiset<uint32_t>{number} &&
           Holders(*b_, "later") == std::multiset<uint32_t>{number};
  }));
}

TEST_F(IndexesTest, EtcdIsWipedAndEverythingComesBack) {
  const auto one = StartPeer("one", *a_, *b_);
  const auto two = StartPeer("two", *b_, *a_);
  const uint32_t first = IdOf(*one);
  etcd_->Wipe();
  EXPECT_TRUE(EventuallyTrue([&] {
    return Holders(*a_, "of one") == std::multiset<uint32_t>{first} &&
           Holders(*b_, "of one") == std::multiset<uint32_t>{first} &&
           Holders(*b_, "of two").size() == 1 &&
           Holders(*b_, "of two") != std::multiset<uint32_t>{0};
  }));
  EXPECT_EQ(IdOf(*one), first);
}

TEST_F(IndexesTest, AStoppedReplicaCatchesUpWithACompactedLog) {
  const auto one = StartPeer("one", *a_, *b_);
  const uint32_t number = IdOf(*one);
  ASSERT_TRUE(a_->process().Signal(SIGSTOP).ok());
  WriteBook(one->books(), "later", "written while its index was stopped");
  EXPECT_TRUE(
      EventuallyTrue([&] { return Holders(*b_, "later") == std::multiset<uint32_t>{number}; }));
  etcd_->Compact(etcd_->Revision());
  ASSERT_TRUE(a_->process().Signal(SIGCONT).ok());
  EXPECT_TRUE(EventuallyTrue([&] {
    EXPECT_EQ(Holders(*b_, "of one"), std::multiset<uint32_t>{number});
    return Holders(*a_, "later") == std::multiset<uint32_t>{number} &&
           Holders(*a_, "of one") == std::multiset<uint32_t>{number};
  }));
  EXPECT_EQ(IdOf(*one), number);
}

TEST_F(IndexesTest, EtcdIsRestoredFromABackupAndEverythingComesBack) {
  const auto one = StartPeer("one", *a_, *b_);
  const uint32_t first = IdOf(*one);
  const std::string backup = etcd_->Save();
  // A book and a peer, with its number, come after the backup.
  WriteBook(one->books(), "later", "written after the backup");
  const auto two = StartPeer("two", *b_, *a_);
  const uint32_t second = IdOf(*two);
  EXPECT_TRUE(
      EventuallyTrue([&] { return Holders(*b_, "later") == std::multiset<uint32_t>{first}; }));
  etcd_->Restore(backup);
  EXPECT_TRUE(EventuallyTrue([&] {
    for (IndexProcess* index : {a_.get(), b_.get()}) {
      if (Holders(*index, "of one") != std::multiset<uint32_t>{first} ||
          Holders(*index, "later") != std::multiset<uint32_t>{first} ||
          Holders(*index, "of two") != std::multiset<uint32_t>{second}) {
        return false;
      }
    }
    return true;
  }));
  EXPECT_EQ(IdOf(*one), first);
  EXPECT_EQ(IdOf(*two), second);
}

}  // namespace
}  // namespace arkshare
