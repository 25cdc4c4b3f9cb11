// Peers that receive a copy of one book at the same time, and give each other what they have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/relay.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SwarmTest : public testing::Test {
 protected:
  void StartSource(const std::string& limit, const std::string& policy) {
    WriteBook(cluster_.Books("s"), "195", book_);
    ASSERT_TRUE(Ok(cluster_.Start()));
    PeerOptions source;
    source.policy = policy;
    source.relay = &relays_["s"];
    source.args = {"--upload-limit", limit};
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", source)));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book_), {"s"}));
  }
  void StartReceiver(const std::string& name) {
    PeerOptions receiver;
    receiver.relay = &relays_[name];
    ASSERT_TRUE(Ok(cluster_.StartPeer(name, receiver)));
  }
  std::unique_ptr<PendingFetch> Begin(const std::string& name) {
    return std::make_unique<PendingFetch>(cluster_.peer(name), Wish("195"));
  }
  // How the index lists each holder now: "whole", "part" or "both".
  std::map<std::string, std::string> Holders() {
    v1::SearchRequest request;
    *request.mutable_content() = ToProto(ContentOf(book_));
    request.set_include_partial(true);
    absl::StatusOr<v1::SearchResponse> found = cluster_.Search(request);
    std::map<std::string, std::string> holders;
    if (!found.ok()) return holders;
    for (const v1::SearchResponse::Result& result : found->results()) {
      for (const v1::Holder& holder : result.holders()) {
        std::string& how = holders[holder.public_key()];
        how = !how.empty() ? "both" : holder.partial() ? "part" : "whole";
      }
    }
    return holders;
  }
  std::string Listed(const std::string& name) {
    return Holders()[std::string(cluster_.KeyOf(name).bytes())];
  }
  // The source sends hardly anything more, however long the test takes.
  absl::Status HoldSource() { return SetUploadLimit(cluster_.peer("s"), 1'024); }
  // The bytes that a peer sends of one piece when another peer asks.
  std::string Piece(const std::string& name, uint64_t piece, absl::Status& status) {
    grpc::ClientContext context;
    v1::DownloadRequest request;
    *request.mutable_content() = ToProto(ContentOf(book_));
    request.set_read_offset(piece * kMiB);
    request.set_read_limit(kMiB);
    const auto reader = cluster_.peer(name).files().Download(&context, request);
    std::string bytes;
    v1::DownloadResponse message;
    while (reader->Read(&message)) bytes += message.chunk().data();
    status = FromGrpcStatus(reader->Finish(), name);
    return bytes;
  }

  const std::string book_ = BookBytes(16 * kMiB, 195);
  std::map<std::string, Relay> relays_;
  Cluster cluster_;
};

TEST_F(SwarmTest, TheSourceSendsLittleMoreThanOneBook) {
  ASSERT_NO_FATAL_FAILURE(StartSource("2MiB/s", "copy"));
  const std::vector<std::string> names = {"r1", "r2", "r3", "r4"};
  for (const std::string& name : names) ASSERT_NO_FATAL_FAILURE(StartReceiver(name));
  std::vector<std::unique_ptr<PendingFetch>> fetches;
  for (const std::string& name : names) fetches.push_back(Begin(name));
  for (const auto& fetch : fetches) ASSERT_TRUE(Ok(fetch->Await()));
  EXPECT_TRUE(EndsWith(cluster_, {{book_, {"r1", "r2", "r3", "r4", "s"}}}));
  // Without each other's help, they would need four; a busy machine lets them find each other late.
  EXPECT_LE(relays_["s"].bytes(), 3 * book_.size());
  uint64_t passed_on = 0;
  for (const std::string& name : names) {
    passed_on += relays_[name].bytes();
    EXPECT_THAT(cluster_.peer(name).process().Log(), Not(HasSubstr("bad_piece"))) << name;
  }
  EXPECT_GE(passed_on, book_.size());
  for (const auto& [key, how] : Holders()) EXPECT_EQ(how, "whole");
}

TEST_F(SwarmTest, OnlyWhatIsVerifiedIsPassedOn) {
  ASSERT_NO_FATAL_FAILURE(StartSource("2MiB/s", "copy"));
  ASSERT_NO_FATAL_FAILURE(StartReceiver("r"));
  const std::unique_ptr<PendingFetch> fetch = Begin("r");
  ASSERT_TRUE(EventuallyTrue([&] { return Listed("r") == "part"; }));
  ASSERT_TRUE(fetch->WaitFor(
      [&](const v1::Transfer& transfer) { return transfer.bytes_done() >= 2 * kMiB; }));
  ASSERT_TRUE(Ok(HoldSource()));
  size_t here = 0;
  size_t not_here = 0;
  for (uint64_t piece = 0; piece < book_.size() / kMiB; ++piece) {
    absl::Status status;
    const std::string bytes = Piece("r", piece, status);
    if (status.ok()) {
      ++here;
      EXPECT_TRUE(bytes == book_.substr(piece * kMiB, kMiB)) << piece;
    } else {
      ++not_here;
      EXPECT_EQ(GetReason(status), Reason::kPieceNotHere) << status;
      EXPECT_EQ(bytes, "") << piece;
    }
  }
  EXPECT_GE(here, 2U);
  EXPECT_GE(not_here, 1U);
}

TEST_F(SwarmTest, ALaterReceiverGetsWhatTheFirstHas) {
  ASSERT_NO_FATAL_FAILURE(StartSource("2MiB/s", "copy"));
  ASSERT_NO_FATAL_FAILURE(StartReceiver("r1"));
  ASSERT_NO_FATAL_FAILURE(StartReceiver("r2"));
  const std::unique_ptr<PendingFetch> first = Begin("r1");
  ASSERT_TRUE(first->WaitFor(
      [&](const v1::Transfer& transfer) { return transfer.bytes_done() >= 4 * kMiB; }));
  ASSERT_TRUE(Ok(HoldSource()));
  const std::unique_ptr<PendingFetch> second = Begin("r2");
  ASSERT_TRUE(second->WaitFor(
      [&](const v1::Transfer& transfer) { return transfer.bytes_done() >= 4 * kMiB; }));
  EXPECT_GE(relays_["r1"].bytes(), 2 * kMiB);
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(Ok(first->Await()));
  ASSERT_TRUE(Ok(second->Await()));
  EXPECT_TRUE(EndsWith(cluster_, {{book_, {"r1", "r2", "s"}}}));
}

TEST_F(SwarmTest, AMoveIsNotPassedOnUntilItIsOver) {
  ASSERT_NO_FATAL_FAILURE(StartSource("1MiB/s", "move"));
  ASSERT_NO_FATAL_FAILURE(StartReceiver("r"));
  const std::unique_ptr<PendingFetch> fetch = Begin("r");
  ASSERT_TRUE(
      fetch->WaitFor([&](const v1::Transfer& transfer) { return transfer.bytes_done() >= kMiB; }));
  ASSERT_TRUE(Ok(HoldSource()));
  EXPECT_EQ(Listed("s"), "whole");
  EXPECT_EQ(Listed("r"), "");
  for (uint64_t piece = 0; piece < book_.size() / kMiB; ++piece) {
    absl::Status status;
    EXPECT_EQ(Piece("r", piece, status), "");
    EXPECT_EQ(GetReason(status), Reason::kBookGone) << status;
  }
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(Ok(fetch->Await()));
  EXPECT_TRUE(EndsWith(cluster_, {{book_, {"r"}}}));
}

}  // namespace
}  // namespace arkshare
