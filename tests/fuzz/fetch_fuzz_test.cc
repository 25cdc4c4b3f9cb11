// A holder that answers a fetch at random, beside an honest one and by itself.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/part_assembler.h"
#include "services/peer/fetch/small_fetcher.h"
#include "services/peer/testing/fakes.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

v1::DownloadManyResponse::Part PartOf(uint32_t index, const std::string& data, bool last) {
  v1::DownloadManyResponse::Part part;
  part.set_index(index);
  part.set_data(data);
  part.set_last(last);
  return part;
}

TEST(PartAssemblerFuzz, OnlyBooksComeOutAndEveryStreamEnds) {
  const std::vector<FakeBook> books = {FakeBook::Of("aaaa"), FakeBook::Of(""),
                                       FakeBook::OfSize(300)};
  std::vector<ContentId> contents;
  uint64_t most = books.size();
  for (const FakeBook& book : books) {
    contents.push_back(book.id);
    most += book.bytes.size();
  }
  std::vector<std::string> corpus;
  for (uint32_t i = 0; i < books.size(); ++i) {
    corpus.push_back(PartOf(i, books[i].bytes, true).SerializeAsString());
    corpus.push_back(PartOf(i, books[i].bytes.substr(0, 1), false).SerializeAsString());
  }
  Mutator inputs(8, corpus, {"\x01", "a", std::string(4, '\0'), "\xff\xff\xff\xff\x0f"});
  uint64_t came = 0;
  const uint64_t rounds = FuzzRounds(5'000);
  for (uint64_t i = 0; i < rounds && !testing::Test::HasFailure(); ++i) {
    PartAssembler assembler(contents);
    uint64_t taken = 0;
    for (bool good = true; good;) {
      v1::DownloadManyResponse::Part part;
      if (!part.ParseFromString(inputs.Next())) continue;
      const absl::StatusOr<std::optional<PartAssembler::Whole>> whole = assembler.Take(part);
      good = whole.ok();
      if (!good) break;
      ASSERT_LE(++taken, most) << "there are not more parts than bytes and books";
      if (!whole->has_value()) continue;
      ++came;
      EXPECT_EQ((*whole)->bytes, books.at((*whole)->index).bytes);
    }
  }
  EXPECT_GT(came, 0u);
}

// Proves its key, and answers everything else at random: good messages, broken ones, and messages
// in the wrong order. Every call ends.
class RandomHolder final : public v1::FileService::Service {
 public:
  RandomHolder(const FakeBook& book, uint64_t seed)
      : book_(book), random_(seed, {std::string(64, 'x')}, {"\xff", std::string(2, '\0')}) {
    server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {this}));
  }

  BookHolder AsHolder(uint32_t peer_id, bool partial) const {
    return {.peer_id = peer_id,
            .key = key_.public_key(),
            .address = server_->address(),
            .listing = 1,
            .name = Must(BookName::Parse("book")),
            .partial = partial};
  }

  grpc::Status Ping(grpc::ServerContext*, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    response->set_nonce(request->nonce());
    response->set_boot_id("0123456789abcdef");
    response->set_public_key(key_.public_key().bytes());
    response->set_signature(key_.Sign(PingSignedBytes(request->nonce(), "0123456789abcdef", "")));
    return grpc::Status::OK;
  }

  grpc::Status GetManifest(grpc::ServerContext*, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override {
    *response->mutable_content() = request->content();
    response->set_piece_length_bytes(PieceLength(book_.id.size));
    for (const Sha256Digest& piece : book_.pieces) {
      response->mutable_piece_hashes()->append(DigestBytes(piece));
    }
    if (Below(2) == 0) Break(*response);
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext*, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override {
    uint64_t offset = request->read_offset();
    const uint64_t end = offset + request->read_limit();
    for (uint64_t left = Below(6); left > 0; --left) {
      v1::DownloadResponse message;
      switch (Below(6)) {
        case 0:
          message.mutable_queued()->set_position(static_cast<uint32_t>(Below(100)));
          break;
        case 1:
        case 2:
          *message.mutable_header()->mutable_content() = ToProto(book_.id);
          message.mutable_header()->set_range_offset(offset);
          message.mutable_header()->set_range_length(end - offset);
          break;
        case 3:
          break;
        default: {
          const uint64_t n = std::min<uint64_t>(end - offset, Below(2 * kMiB));
          message.mutable_chunk()->set_offset(offset);
          message.mutable_chunk()->set_data(book_.bytes.substr(offset, n));
          offset += n;
        }
      }
      if (Below(4) == 0) Break(message);
      if (!writer->Write(message)) break;
    }
    return End();
  }

  grpc::Status WatchPieces(grpc::ServerContext*, const v1::WatchPiecesRequest*,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override {
    for (uint64_t left = Below(5); left > 0; --left) {
      v1::WatchPiecesResponse news;
      for (uint64_t n = Below(3); n > 0; --n) news.add_pieces(static_cast<uint32_t>(Below(5)));
      if (Below(4) == 0) Break(news);
      if (!writer->Write(news)) break;
    }
    return End();
  }

  grpc::Status DownloadMany(grpc::ServerContext*, const v1::DownloadManyRequest*,
                            grpc::ServerWriter<v1::DownloadManyResponse>* writer) override {
    for (uint64_t left = Below(5); left > 0; --left) {
      v1::DownloadManyResponse message;
      if (Below(4) == 0) message.mutable_queued();
      for (uint64_t n = Below(3); n > 0; --n) {
        *message.add_parts() = PartOf(static_cast<uint32_t>(Below(3)), book_.bytes, Below(2) == 0);
      }
      if (Below(4) == 0) Break(message);
      if (!writer->Write(message)) break;
    }
    return End();
  }

 private:
  uint64_t Below(uint64_t n) {
    MutexLock lock(&mutex_);
    return random_.Below(n);
  }

  // Changes a field, or cuts the message off.
  template <typename Message>
  void Break(Message& message) {
    std::string bytes = message.SerializeAsString();
    if (!bytes.empty()) {
      // The fields of length and offset are at the front.
      const size_t at = Below(std::min<size_t>(bytes.size(), 80));
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
    }
    if (!message.ParseFromString(bytes)) message.Clear();
  }

  grpc::Status End() {
    constexpr Reason kReasons[] = {Reason::kBookGone, Reason::kPieceNotHere, Reason::kBookChanged,
                                   Reason::kInternal, Reason::kStreamStalled};
    if (Below(2) == 0) return grpc::Status::OK;
    return ToGrpcStatus(MakeError(kReasons[Below(std::size(kReasons))], "an end"));
  }

  const FakeBook book_;
  const PrivateKey key_ = PrivateKey::Generate();
  Mutex mutex_;
  Mutator random_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RpcServer> server_;
};

class FetchFuzz : public testing::Test {
 protected:
  FetchFuzz() { KeepGrpcRunning(); }

  // Expects that the fetch ends, and that the book is right when it comes.
  absl::Status Fetch(const FakeBook& book, const std::vector<BookHolder>& from) {
    const std::string path = temp_ / "fetched";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    Fetcher::Job job{
        .content = book.id,
        .fd = fd.get(),
        .find_holders = [&]() -> absl::StatusOr<std::vector<BookHolder>> { return from; },
        .source = std::nullopt,
        .on_progress = [](uint64_t, std::optional<QueuePlace>) {}};
    const absl::Status status = fetcher_.Fetch(job).status();
    if (status.ok()) {
      EXPECT_TRUE(ReadFileAt(path) == book.bytes);
    }
    return status;
  }

  TempFolder temp_;
  FakeClock clock_;
  IdleWatchdog watchdog_{&clock_};
  RateLimiter limiter_{Clock::Real(), 0};
  Holders holders_{Dialer::Plaintext()};
  Fetcher fetcher_{&holders_, &limiter_, &watchdog_};
  SmallFetcher small_{&holders_, &limiter_, &watchdog_};
};

TEST_F(FetchFuzz, AnHonestHolderBringsTheBookWhateverTheOtherSends) {
  const uint64_t rounds = FuzzRounds(6);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    for (const uint64_t size : {uint64_t{1000}, 3 * kMiB + 5}) {
      const FakeBook book = FakeBook::OfSize(size);
      RandomHolder random(book, 100 + round);
      FakeHolder honest(book);
      const bool partial = size > kMiB && round % 2 == 1;
      EXPECT_TRUE(Fetch(book, {random.AsHolder(1, partial), honest.AsHolder(2)}).ok());
    }
  }
}

TEST_F(FetchFuzz, AFetchFromARandomHolderEnds) {
  const uint64_t rounds = FuzzRounds(10);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    for (const uint64_t size : {uint64_t{1000}, 3 * kMiB + 5}) {
      const FakeBook book = FakeBook::OfSize(size);
      RandomHolder random(book, 200 + round);
      Fetch(book, {random.AsHolder(1, size > kMiB && round % 2 == 1)}).IgnoreError();
    }
  }
}

TEST_F(FetchFuzz, AStreamOfSmallBooksEnds) {
  const FakeBook book = FakeBook::OfSize(1000);
  RandomHolder random(book, 300);
  const std::vector<ContentId> contents(3, book.id);
  const uint64_t rounds = FuzzRounds(100);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    const auto on_book = [&](const SmallFetcher::Book& came) {
      EXPECT_TRUE(came.bytes == book.bytes);
      return true;
    };
    small_
        .Fetch({.address = random.AsHolder(1, false).address,
                .contents = contents,
                .on_book = on_book,
                .on_queued = [](const QueuePlace&) {}})
        .IgnoreError();
  }
}

}  // namespace
}  // namespace arkshare
