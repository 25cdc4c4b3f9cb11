#include "tests/support/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "lib/rpc/channel.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;

// One index and one peer with a book.
class ProgramsTest : public testing::Test {
 protected:
  void SetUp() override {
    IndexOptions index;
    index.folder = folder_.path();
    absl::StatusOr<std::unique_ptr<IndexProcess>> index_process = IndexProcess::Start(index);
    ASSERT_TRUE(index_process.ok()) << index_process.status();
    index_ = *std::move(index_process);

    PeerOptions peer;
    peer.folder = folder_ / "p1";
    peer.index = index_->address();
    WriteBook(peer.folder + "/books", "195", "a book");
    absl::StatusOr<std::unique_ptr<PeerProcess>> peer_process = PeerProcess::Start(peer);
    ASSERT_TRUE(peer_process.ok()) << peer_process.status();
    peer_ = *std::move(peer_process);
    absl::Status online = peer_->WaitOnline();
    ASSERT_TRUE(online.ok()) << online;
  }

  // The addresses of the holders of the book that the index names.
  std::string Holders() {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::SearchRequest request;
    request.set_name("195");
    v1::SearchResponse response;
    grpc::Status status = index_->stub().Search(&context, request, &response);
    if (!status.ok()) return status.error_message();
    std::string holders;
    for (const v1::SearchResponse::Result& result : response.results()) {
      for (const v1::Holder& holder : result.holders()) holders += holder.address() + " ";
    }
    return holders;
  }

  TempDir folder_;
  std::unique_ptr<IndexProcess> index_;
  std::unique_ptr<PeerProcess> peer_;
};

TEST_F(ProgramsTest, APeerIsFoundAndKeepsItsFolderOverARestart) {
  EXPECT_TRUE(EventuallyTrue([&] { return Holders() == peer_->address() + " "; })) << Holders();
  absl::StatusOr<v1::GetStatusResponse> before = peer_->GetStatus();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->book_count(), 1u);

  EXPECT_FALSE(peer_->Restart().ok());  // It still runs.
  peer_->process().Kill();
  absl::Status restarted = peer_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  ASSERT_TRUE(peer_->WaitOnline().ok());
  EXPECT_EQ(peer_->GetStatus()->public_key(), before->public_key());
  EXPECT_TRUE(EventuallyTrue([&] { return Holders() == peer_->address() + " "; })) << Holders();
  EXPECT_THAT(ReadFolder(peer_->books()),
              testing::ElementsAre(testing::Pair("195", Sha256Hex("a book"))));
}

TEST_F(ProgramsTest, AnIndexComesBackAtItsAddress) {
  const std::string address = index_->address();
  absl::Status restarted = index_->KillAndRestart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(index_->address(), address);
  EXPECT_TRUE(EventuallyTrue([&] { return Holders() == peer_->address() + " "; })) << Holders();
}

TEST_F(ProgramsTest, TheCliDrivesThePeer) {
  absl::StatusOr<Finished> ls = RunCli({"--peer", peer_->control(), "ls"});
  ASSERT_TRUE(ls.ok()) << ls.status();
  EXPECT_EQ(ls->exit, (ExitStatus{.code = 0, .signal = 0})) << ls->log;
  EXPECT_THAT(ls->output, HasSubstr("195"));
}

TEST_F(ProgramsTest, ProgramsEndCleanly) {
  EXPECT_EQ(*peer_->process().Stop(), (ExitStatus{.code = 0, .signal = 0}));
  EXPECT_TRUE(EventuallyTrue([&] { return Holders().empty(); })) << Holders();
  EXPECT_EQ(*index_->process().Stop(), (ExitStatus{.code = 0, .signal = 0}));
}

TEST(ProgramsStartTest, AProgramThatCannotStartSaysWhy) {
  TempDir folder;
  IndexOptions options;
  options.folder = folder.path();
  options.listen = "no address";
  absl::Status status = IndexProcess::Start(options).status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("no address"));
}

}  // namespace
}  // namespace arkshare
