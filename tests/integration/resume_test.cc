// A download that is interrupted goes on where the verified pieces end. The source's relay counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/relay.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

// Bytes that may come twice: a piece that was not whole, bytes on their way, and frames. Much less
// than the six pieces that are verified when the download is interrupted.
constexpr uint64_t kLost = 4 * kMiB;

// "s" has the book and sends it slowly, through a relay; "r" gets it.
class ResumeTest : public testing::Test {
 protected:
  void Start(uint64_t size, const std::string& limit, const std::string& policy) {
    book_ = BookBytes(size, 195);
    WriteBook(cluster_.Books("s"), "195", book_);
    ASSERT_TRUE(Ok(cluster_.Start()));
    PeerOptions source;
    source.policy = policy;
    source.relay = &relay_;
    source.args = {"--upload-limit", limit};
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", source)));
    ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book_), {"s"}));
    fetch_ = std::make_unique<PendingFetch>(cluster_.peer("r"), Wish("195"));
  }
  // A good part of a book of many pieces is here and verified; the rest would take seconds.
  void StartPart(const std::string& policy) {
    ASSERT_NO_FATAL_FAILURE(Start(16 * kMiB, "4MiB/s", policy));
    ASSERT_TRUE(fetch_->WaitFor(
        [&](const v1::Transfer& transfer) { return transfer.bytes_done() >= 6 * kMiB; }));
  }
  // `get` once more. It may have gone on by itself, and be here already.
  void GetAgain() {
    const absl::Status again = cluster_.Get("r", "195").status();
    EXPECT_TRUE(again.ok() || GetReason(again) == Reason::kAlreadyInLibrary) << again;
  }
  void ExpectEnd(const std::vector<std::string>& holders) {
    EXPECT_TRUE(EndsWith(cluster_, {{book_, holders}}));
    EXPECT_TRUE(ReadFile(cluster_.Books("r") + "/195") == book_);
    EXPECT_GE(relay_.bytes(), book_.size());
    EXPECT_LE(relay_.bytes() - lost_, book_.size() + kLost) << "what was verified came again";
    EXPECT_TRUE(fs::is_empty(cluster_.Books("r") + "/.arkshare/staging"));
  }

  std::string book_;
  uint64_t lost_ = 0;  // what may be fetched again
  Relay relay_;
  Cluster cluster_;
  std::unique_ptr<PendingFetch> fetch_;
};

TEST_F(ResumeTest, AfterTheReceiverWasKilled) {
  ASSERT_NO_FATAL_FAILURE(StartPart("copy"));
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  GetAgain();
  ExpectEnd({"r", "s"});
}

TEST_F(ResumeTest, AMoveAfterTheReceiverWasKilled) {
  ASSERT_NO_FATAL_FAILURE(StartPart("move"));
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  ExpectEnd({"r"});  // the owner did not ask again
}

TEST_F(ResumeTest, AfterTheSourceWasKilled) {
  ASSERT_NO_FATAL_FAILURE(StartPart("move"));
  cluster_.peer("s").process().Kill();
  const absl::Status interrupted = fetch_->Await().status();
  EXPECT_TRUE(absl::IsUnavailable(interrupted)) << interrupted;
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book_), {"s"}));
  GetAgain();
  ExpectEnd({"r"});
}

TEST_F(ResumeTest, AfterTheNetworkWasCut) {
  ASSERT_NO_FATAL_FAILURE(StartPart("copy"));
  relay_.Cut();
  const absl::Status interrupted = fetch_->Await().status();
  EXPECT_TRUE(absl::IsUnavailable(interrupted)) << interrupted;
  EXPECT_THAT(interrupted.message(), testing::HasSubstr("is kept"));
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  relay_.Mend();
  ExpectEnd({"r", "s"});  // by itself
}

TEST_F(ResumeTest, AfterEverythingWasKilled) {
  ASSERT_NO_FATAL_FAILURE(StartPart("copy"));
  cluster_.peer("r").process().Kill();
  cluster_.peer("s").process().Kill();
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ExpectEnd({"r", "s"});
}

TEST_F(ResumeTest, ABookOfOnePieceBeginsAnew) {
  ASSERT_NO_FATAL_FAILURE(Start(kMiB, "256KiB/s", "move"));
  ASSERT_TRUE(relay_.AwaitBytes(kMiB / 4));
  cluster_.peer("r").process().Kill();
  lost_ = relay_.bytes();
  ASSERT_LT(lost_, book_.size());
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  EXPECT_TRUE(Undamaged(cluster_.AllBooks()));
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("r").WaitOnline()));
  EXPECT_TRUE(fs::is_empty(cluster_.Books("r") + "/.arkshare/staging"));
  ASSERT_TRUE(Ok(cluster_.Get("r", "195")));
  ExpectEnd({"r"});
  EXPECT_GE(relay_.bytes(), lost_ + book_.size());
}

}  // namespace
}  // namespace arkshare
