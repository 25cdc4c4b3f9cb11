// FileService with a book that its peer still receives.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <list>

#include "lib/core/byte_size.h"
#include "lib/core/merkle.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/serve/file_service.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

class ServingPartsTest : public testing::Test {
 protected:
  ServingPartsTest() {
    KeepGrpcRunning();
    Must(disk_.library->Load());
    server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&service_}));
    stub_ = v1::FileService::NewStub(
        MakeChannel(server_->address(), grpc::InsecureChannelCredentials()));
    // The file has all bytes, but only verified pieces count.
    WriteFileAt(staged_, book_.bytes);
    partial_ = partials_.Begin(book_.id, UniqueFd(::open(staged_.c_str(), O_RDONLY | O_CLOEXEC)));
  }
  ~ServingPartsTest() override { partials_.Stop(); }

  struct Answer {
    std::string bytes;
    std::string reason;
  };
  Answer Download(uint64_t offset, uint64_t limit) {
    grpc::ClientContext context;
    v1::DownloadRequest request;
    *request.mutable_content() = ToProto(book_.id);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    const auto reader = stub_->Download(&context, request);
    Answer answer;
    v1::DownloadResponse message;
    while (reader->Read(&message)) answer.bytes += message.chunk().data();
    answer.reason = ReasonOf(FromGrpcStatus(reader->Finish(), "the peer"));
    return answer;
  }
  std::string Bytes(uint64_t offset, uint64_t n) const { return book_.bytes.substr(offset, n); }

  struct Watcher {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchPiecesResponse>> reader;

    // Returns the pieces of one message and "whole", or the reason for the end of the call.
    std::string Next() {
      v1::WatchPiecesResponse news;
      if (!reader->Read(&news)) return ReasonOf(FromGrpcStatus(reader->Finish(), "the peer"));
      std::string out;
      for (const uint32_t piece : news.pieces()) out += std::to_string(piece) + " ";
      return out + (news.whole() ? "whole" : "");
    }
  };
  Watcher& Watch() {
    Watcher& watcher = watchers_.emplace_back();
    v1::WatchPiecesRequest request;
    *request.mutable_content() = ToProto(book_.id);
    watcher.reader = stub_->WatchPieces(&watcher.context, request);
    return watcher;
  }
  std::string Manifest() {
    grpc::ClientContext context;
    v1::GetManifestRequest request;
    *request.mutable_content() = ToProto(book_.id);
    v1::GetManifestResponse response;
    const grpc::Status status = stub_->GetManifest(&context, request, &response);
    return status.ok() ? response.piece_hashes() : ReasonOf(FromGrpcStatus(status, "the peer"));
  }
  std::string Hashes() const {
    std::string hashes;
    for (const Sha256Digest& piece : book_.pieces) hashes += DigestBytes(piece);
    return hashes;
  }

  const FakeBook book_ = FakeBook::OfSize(3 * kMiB + 7);
  TempFolder temp_;
  const std::string staged_ = temp_ / "staged";
  TempFolder share_;
  PeerDisk disk_{share_.path()};
  UploadQueue queue_{{.line = {.slots = 4}}, Clock::Real()};
  IdleWatchdog watchdog_{Clock::Real()};
  RegistrationGate gate_;
  PartialBooks partials_;
  std::shared_ptr<PartialBook> partial_;
  FileService service_{{disk_.library.get(), disk_.handover.get(), disk_.cache.get(), &queue_,
                        &watchdog_, &gate_, &partials_, disk_.proofs.get()},
                       disk_.key};
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::FileService::Stub> stub_;
  std::list<Watcher> watchers_;
};

TEST_F(ServingPartsTest, OnlyVerifiedPiecesAreServed) {
  EXPECT_EQ(Download(0, 1).reason, "PIECE_NOT_HERE");
  partial_->Add(1);
  partial_->Add(3);
  Answer answer = Download(kMiB, kMiB);
  EXPECT_EQ(answer.reason, "OK");
  EXPECT_TRUE(answer.bytes == Bytes(kMiB, kMiB));
  EXPECT_TRUE(Download(kMiB + 5, 10).bytes == Bytes(kMiB + 5, 10));
  EXPECT_TRUE(Download(3 * kMiB, 0).bytes == Bytes(3 * kMiB, 7));
  for (const uint64_t offset : {uint64_t{0}, kMiB - 1, 2 * kMiB, 3 * kMiB - 1}) {
    answer = Download(offset, 1);
    EXPECT_EQ(answer.reason, "PIECE_NOT_HERE") << offset;
    EXPECT_EQ(answer.bytes, "") << offset;
  }
}

TEST_F(ServingPartsTest, ARangeEndsWhereItsPiecesEnd) {
  partial_->Add(0);
  partial_->Add(1);
  const Answer answer = Download(100, 0);
  EXPECT_EQ(answer.reason, "PIECE_NOT_HERE");
  EXPECT_TRUE(answer.bytes == Bytes(100, answer.bytes.size()));
  EXPECT_LE(answer.bytes.size(), 2 * kMiB - 100);
}

TEST_F(ServingPartsTest, TheManifestIsServedOnceItHasCome) {
  EXPECT_EQ(Manifest(), "PIECE_NOT_HERE");
  partial_->SetManifest(book_.pieces);
  EXPECT_TRUE(Manifest() == Hashes());
}

TEST_F(ServingPartsTest, TellsEachPieceAsItComes) {
  partial_->Add(2);
  Watcher& first = Watch();
  EXPECT_EQ(first.Next(), "2 ");
  partial_->Add(0);
  EXPECT_EQ(first.Next(), "0 ");
  EXPECT_EQ(Watch().Next(), "2 0 ") << "a later watcher gets all of it";
  partial_->Add(1);
  EXPECT_EQ(first.Next(), "1 ");
  partial_->Add(3);
  EXPECT_EQ(first.Next(), "3 whole");
  EXPECT_EQ(first.Next(), "OK");
}

TEST_F(ServingPartsTest, SaysWhenItGivesUp) {
  partial_->Add(0);
  Watcher& watcher = Watch();
  EXPECT_EQ(watcher.Next(), "0 ");
  partials_.End(partial_);
  EXPECT_EQ(watcher.Next(), "BOOK_GONE");
  EXPECT_EQ(Watch().Next(), "BOOK_GONE");
  EXPECT_EQ(Download(0, 1).reason, "BOOK_GONE");
  EXPECT_EQ(Manifest(), "BOOK_GONE");
}

TEST_F(ServingPartsTest, AWholeBookIsWholeAtOnce) {
  disk_.List("book", book_);
  EXPECT_EQ(Watch().Next(), "whole") << "although a part of it is still being received";
  EXPECT_TRUE(Download(0, 0).bytes == book_.bytes);
  EXPECT_TRUE(Manifest() == Hashes());
  partials_.End(partial_);
  EXPECT_EQ(Watch().Next(), "whole");
}

TEST_F(ServingPartsTest, SixtyFourMayWatchAndTheNextIsToldToComeAgain) {
  partial_->Add(0);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(Watch().Next(), "0 ");
  EXPECT_EQ(Watch().Next(), "QUEUE_FULL");
  watchers_.pop_back();
  partials_.Stop();
  for (Watcher& watcher : watchers_) EXPECT_EQ(watcher.Next(), "BOOK_GONE");
  EXPECT_EQ(Watch().Next(), "BOOK_GONE") << "the others have left";
}

}  // namespace
}  // namespace arkshare
