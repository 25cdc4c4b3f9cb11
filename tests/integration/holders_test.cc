// One book from several peers: the share that each brings, and what happens when one fails.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "lib/core/byte_size.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/false_holder.h"
#include "tests/support/files.h"
#include "tests/support/relay.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;

// Bytes that a relay counts besides the book: frames, pings, a manifest.
constexpr uint64_t kOverhead = kMiB / 4;
// Bytes that may come twice: those that were on their way when a run was cut. A busy machine makes
// equal holders unequal for a moment, and their runs are cut more often; piece_plan_test has the
// exact figures.
constexpr uint64_t kTwice = 6 * kMiB;

// Peers that lend one book, each behind a relay that counts; "r" gets it.
class HoldersTest : public testing::Test {
 protected:
  // The false holders do not beat.
  void SetUp() override { ASSERT_TRUE(Ok(cluster_.Start(/*lease=*/"60s"))); }

  void Lend(const std::string& name, const std::string& limit) {
    WriteBook(cluster_.Books(name), "195", book_);
    PeerOptions options;
    options.policy = "copy";
    options.relay = &relays_[name];
    options.args = {"--upload-limit", limit};
    ASSERT_TRUE(Ok(cluster_.StartPeer(name, options)));
    lenders_.push_back(name);
  }
  void Begin(size_t holders) {
    ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
    ASSERT_TRUE(
        EventuallyTrue([&] { return cluster_.HoldersOf(ContentOf(book_)).size() == holders; }));
    fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("195"));
  }
  void ExpectReceived() {
    const absl::StatusOr<v1::Transfer> received = fetch_->Await();
    ASSERT_TRUE(Ok(received));
    uint64_t brought = 0;
    for (const v1::Contribution& one : received->contributions()) brought += one.bytes();
    EXPECT_EQ(brought, book_.size());
    contributions_ = received->contributions_size();
    EXPECT_TRUE(ReadFile(cluster_.Books("r") + "/195") == book_);
  }
  uint64_t SentBy(const std::string& name) { return relays_.at(name).bytes(); }
  uint64_t SentByLenders() {
    uint64_t sum = 0;
    for (const std::string& name : lenders_) sum += SentBy(name);
    return sum;
  }
  // How often the receiver's log says this of a peer.
  size_t Said(const std::string& event, uint32_t peer_id) {
    const std::string line = absl::StrCat(event, " peer=", peer_id, " ");
    const std::string log = cluster_.peer("r").process().Log();
    size_t times = 0;
    for (size_t at = 0; (at = log.find(line, at)) != std::string::npos; ++at) ++times;
    return times;
  }

  std::string book_ = BookBytes(16 * kMiB, 195);
  std::map<std::string, Relay> relays_;
  std::vector<std::string> lenders_;
  Cluster cluster_;
  std::unique_ptr<PendingFetch> fetch_;
  int contributions_ = 0;  // of how many holders
};

TEST_F(HoldersTest, AFastHolderTakesOverWhatASlowOneHasLeft) {
  ASSERT_NO_FATAL_FAILURE(Lend("slow", "1MiB/s"));
  ASSERT_NO_FATAL_FAILURE(Lend("fast", "16MiB/s"));
  ASSERT_NO_FATAL_FAILURE(Begin(2));
  ExpectReceived();
  // The slow one's first run is four pieces, which would take it four seconds.
  EXPECT_LE(SentBy("slow"), 3 * kMiB + kOverhead);
  EXPECT_GE(SentBy("slow"), kMiB / 4) << "it was not asked";
  EXPECT_GE(SentByLenders(), book_.size());
  EXPECT_LE(SentByLenders(), book_.size() + kTwice);
}

TEST_F(HoldersTest, EqualHoldersBringEqualParts) {
  for (const char* name : {"a", "b", "c"}) ASSERT_NO_FATAL_FAILURE(Lend(name, "6MiB/s"));
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  ExpectReceived();
  for (const char* name : {"a", "b", "c"}) EXPECT_GE(SentBy(name), book_.size() / 8) << name;
  EXPECT_EQ(contributions_, 3);
  EXPECT_LE(SentByLenders(), book_.size() + kTwice);
}

TEST_F(HoldersTest, OneThatSendsGarbageIsFoundAtItsFirstPiece) {
  ASSERT_NO_FATAL_FAILURE(Lend("a", "6MiB/s"));
  ASSERT_NO_FATAL_FAILURE(Lend("b", "6MiB/s"));
  FalseHolder liar(book_);
  liar.SendGarbage();
  ASSERT_TRUE(Ok(liar.Join(cluster_.index(), "195")));
  ASSERT_NO_FATAL_FAILURE(Begin(3));
  ExpectReceived();
  EXPECT_EQ(Said("bad_piece", liar.peer_id()), 1U);
  EXPECT_EQ(Said("holder_failed", liar.peer_id()), 1U) << "a liar is not asked again";
  // Each of its two streams may begin a second run before its first piece is judged.
  EXPECT_LE(liar.downloads(), 4);
  EXPECT_EQ(Said("bad_piece", cluster_.IdOf("a")) + Said("bad_piece", cluster_.IdOf("b")), 0U);
  EXPECT_GE(SentByLenders(), book_.size());
  EXPECT_LE(SentByLenders(), book_.size() + kTwice);
}

TEST_F(HoldersTest, OneThatStopsAnsweringCostsWhatItHasNotSent) {
  ASSERT_NO_FATAL_FAILURE(Lend("a", "6MiB/s"));
  FalseHolder silent(book_);
  silent.StopAfter(kMiB + kMiB / 2);
  ASSERT_TRUE(Ok(silent.Join(cluster_.index(), "195")));
  ASSERT_NO_FATAL_FAILURE(Begin(2));
  ExpectReceived();
  EXPECT_GE(silent.bytes_sent(), kMiB) << "it was not asked";
  EXPECT_LE(SentBy("a"), book_.size() + kOverhead) << "bytes were fetched that were here already";
}

TEST_F(HoldersTest, OneThatIsKilledCostsWhatWasOnItsWay) {
  // Slow to the end: of a fast one much is on its way when a run is cut.
  ASSERT_NO_FATAL_FAILURE(Lend("a", "4MiB/s"));
  ASSERT_NO_FATAL_FAILURE(Lend("b", "4MiB/s"));
  const uint32_t killed = cluster_.IdOf("a");
  ASSERT_NO_FATAL_FAILURE(Begin(2));
  ASSERT_TRUE(fetch_->WaitFor(
      [&](const v1::Transfer& transfer) { return transfer.bytes_done() >= 5 * kMiB; }));
  cluster_.peer("a").process().Kill();
  ExpectReceived();
  EXPECT_GE(Said("holder_failed", killed), 1U);
  EXPECT_GE(SentBy("a"), kMiB);
  EXPECT_LE(SentByLenders(), book_.size() + kTwice);
}

}  // namespace
}  // namespace arkshare
