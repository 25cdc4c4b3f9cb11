#include "services/peer/serve/file_service.h"

#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <limits>
#include <list>
#include <thread>

#include "lib/core/byte_size.h"
#include "lib/core/limits.h"
#include "lib/core/merkle.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

// More than gRPC buffers for a reader that reads nothing.
constexpr uint64_t kMuch = 64 * kMiB;
// Too much for a small slot.
constexpr uint64_t kQueued = 300 * 1024;

absl::Status FromWire(const grpc::Status& status) { return FromGrpcStatus(status, "the peer"); }

// A peer's public port, in this process.
class FileServiceTest : public testing::Test {
 protected:
  using Reader = std::unique_ptr<grpc::ClientReader<v1::DownloadResponse>>;

  FileServiceTest() {
    KeepGrpcRunning();
    Must(disk_.library->Load());
    server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&service_}));
    stub_ = v1::FileService::NewStub(
        MakeChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  struct Answer {
    std::vector<uint32_t> positions;
    int headers = 0;
    v1::DownloadResponse::Header header;
    std::string bytes;
    std::vector<uint64_t> chunks;
    absl::Status status;
  };
  // A download that the test reads at its own pace; the destructor cancels it.
  struct Stream {
    grpc::ClientContext context;
    Reader reader;
    Answer answer;

    ~Stream() {
      context.TryCancel();
      if (reader) {
        v1::DownloadResponse message;
        while (reader->Read(&message)) {
        }
      }
    }
    // Reads one message; false at the end.
    bool Read() {
      v1::DownloadResponse message;
      if (!reader->Read(&message)) {
        answer.status = FromWire(reader->Finish());
        reader.reset();
        return false;
      }
      if (message.has_queued()) answer.positions.push_back(message.queued().position());
      if (message.has_header()) {
        ++answer.headers;
        answer.header = message.header();
      }
      if (message.has_chunk()) {
        EXPECT_EQ(answer.headers, 1) << "the header comes first";
        EXPECT_EQ(message.chunk().offset(), answer.header.range_offset() + answer.bytes.size());
        answer.bytes += message.chunk().data();
        answer.chunks.push_back(message.chunk().data().size());
      }
      return true;
    }
    Answer ReadAll() {
      while (Read()) {
      }
      return answer;
    }
  };

  std::unique_ptr<Stream> Begin(const ContentId& id, uint64_t offset = 0, uint64_t limit = 0) {
    auto stream = std::make_unique<Stream>();
    v1::DownloadRequest request;
    *request.mutable_content() = ToProto(id);
    request.set_read_offset(offset);
    request.set_read_limit(limit);
    stream->reader = stub_->Download(&stream->context, request);
    return stream;
  }
  // Begins a download that waits in line and was told its place.
  std::unique_ptr<Stream> BeginInQueue(const ContentId& id) {
    std::unique_ptr<Stream> stream = Begin(id);
    EXPECT_TRUE(stream->Read());
    EXPECT_THAT(stream->answer.positions, SizeIs(1));
    return stream;
  }
  Answer Download(const ContentId& id, uint64_t offset = 0, uint64_t limit = 0) {
    return Begin(id, offset, limit)->ReadAll();
  }
  UploadQueue::Slot TakeSlot() {
    return Must(queue_.WaitForSlot({"the test", "loopback"}, kQueued,
                                   [](const UploadQueue::Place&) { return false; }));
  }

  v1::ReleaseRequest ReleaseRequestFor(const std::vector<ReleaseItem>& items) {
    v1::ReleaseRequest request;
    request.set_source_public_key(disk_.key.public_key().bytes());
    request.set_receiver_public_key(receiver_.public_key().bytes());
    for (const ReleaseItem& item : items) *request.add_items() = ToProto(item);
    request.set_signature(
        receiver_.Sign(ReleaseSignedBytes(disk_.key.public_key(), receiver_.public_key(), items)));
    return request;
  }
  v1::ConfirmRequest ConfirmRequestFor(const std::vector<TransferId>& ids) {
    v1::ConfirmRequest request;
    request.set_source_public_key(disk_.key.public_key().bytes());
    request.set_receiver_public_key(receiver_.public_key().bytes());
    for (const TransferId& id : ids) request.add_transfer_ids(id.bytes());
    request.set_signature(
        receiver_.Sign(ConfirmSignedBytes(disk_.key.public_key(), receiver_.public_key(), ids)));
    return request;
  }
  absl::StatusOr<v1::ReleaseResponse> Release(const v1::ReleaseRequest& request) {
    grpc::ClientContext context;
    v1::ReleaseResponse response;
    const grpc::Status status = stub_->Release(&context, request, &response);
    if (!status.ok()) return FromWire(status);
    return response;
  }
  absl::StatusOr<v1::ConfirmResponse> Confirm(const v1::ConfirmRequest& request) {
    grpc::ClientContext context;
    v1::ConfirmResponse response;
    const grpc::Status status = stub_->Confirm(&context, request, &response);
    if (!status.ok()) return FromWire(status);
    return response;
  }
  void Give(const Book& book) {
    const v1::ReleaseResponse response = Must(Release(ReleaseRequestFor({PeerDisk::Wish(book)})));
    ASSERT_TRUE(response.results(0).has_ticket());
  }
  absl::StatusOr<v1::PingResponse> Ping(const std::string& nonce, const std::string& id = "") {
    grpc::ClientContext context;
    v1::PingRequest request;
    request.set_nonce(nonce);
    request.set_registration_id(id);
    v1::PingResponse response;
    const grpc::Status status = stub_->Ping(&context, request, &response);
    if (!status.ok()) return FromWire(status);
    return response;
  }
  absl::StatusOr<v1::GetManifestResponse> Manifest(const v1::ContentId& id) {
    grpc::ClientContext context;
    v1::GetManifestRequest request;
    *request.mutable_content() = id;
    v1::GetManifestResponse response;
    const grpc::Status status = stub_->GetManifest(&context, request, &response);
    if (!status.ok()) return FromWire(status);
    return response;
  }

  // Waits until what is read from a file proves something.
  void AwaitSettled(const std::string& path) {
    const FileIdentity identity = Must(disk_.folder->Stat(path)).identity;
    while (disk_.folder->traits().UntilSettled(identity, absl::Now()) > absl::ZeroDuration()) {
      std::this_thread::yield();
    }
  }

  const FakeBook large_ = FakeBook::OfSize(3 * kMiB + 7, 8);
  const PrivateKey receiver_ = PrivateKey::Generate();
  TempFolder temp_;
  FakeClock clock_;
  PeerDisk disk_{temp_.path()};
  // A slot is held for as long as a test likes.
  UploadQueue queue_{{.line = {.slots = 1},
                      .first_message_limit = absl::InfiniteDuration(),
                      .first_bytes_limit = absl::InfiniteDuration(),
                      .chunk_limit = absl::InfiniteDuration()},
                     Clock::Real()};
  IdleWatchdog watchdog_{&clock_};
  RegistrationGate gate_;
  PartialBooks partials_;
  FileService service_{{disk_.library.get(), disk_.handover.get(), disk_.cache.get(), &queue_,
                        &watchdog_, &gate_, &partials_, disk_.proofs.get()},
                       disk_.key};
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::FileService::Stub> stub_;
};

// --- Ping ---

TEST_F(FileServiceTest, PingProvesTheKey) {
  const std::string nonce(16, 'n');
  const v1::PingResponse pong = Must(Ping(nonce));
  EXPECT_EQ(pong.nonce(), nonce);
  EXPECT_EQ(pong.public_key(), disk_.key.public_key().bytes());
  EXPECT_EQ(pong.boot_id().size(), 16U);
  EXPECT_TRUE(
      disk_.key.public_key().Verify(PingSignedBytes(nonce, pong.boot_id(), ""), pong.signature()));
  EXPECT_EQ(Must(Ping(std::string(64, 'm'))).boot_id(), pong.boot_id());
  for (size_t length : {0, 15, 65}) {
    EXPECT_EQ(ReasonOf(Ping(std::string(length, 'n')).status()), "INVALID_FIELD") << length;
  }
}

TEST_F(FileServiceTest, PingVouchesForItsOwnRegistrationOnly) {
  const std::string nonce(16, 'n');
  EXPECT_EQ(ReasonOf(Ping(nonce, "another peer's!!").status()), "REGISTRATION_UNKNOWN");
  const std::string id = gate_.Begin();
  const v1::PingResponse pong = Must(Ping(nonce, id));
  EXPECT_TRUE(
      disk_.key.public_key().Verify(PingSignedBytes(nonce, pong.boot_id(), id), pong.signature()));
  EXPECT_FALSE(
      disk_.key.public_key().Verify(PingSignedBytes(nonce, pong.boot_id(), ""), pong.signature()));
  EXPECT_EQ(ReasonOf(Ping(nonce, id.substr(0, 15)).status()), "REGISTRATION_UNKNOWN");
  gate_.Begin();
  EXPECT_EQ(ReasonOf(Ping(nonce, id).status()), "REGISTRATION_UNKNOWN")
      << "the peer gave that registration up";
}

// --- GetManifest ---

TEST_F(FileServiceTest, ManifestsOfAllSizes) {
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, kMiB, kMiB + 1, 3 * kMiB}) {
    const FakeBook book = FakeBook::OfSize(size);
    disk_.List("book", book);
    const v1::GetManifestResponse manifest = Must(Manifest(ToProto(book.id)));
    EXPECT_EQ(manifest.piece_length_bytes(), kMiB);
    EXPECT_EQ(Must(FromProto(manifest.content())), book.id);
    std::string hashes;
    for (const Sha256Digest& piece : book.pieces) hashes += DigestBytes(piece);
    EXPECT_EQ(manifest.piece_hashes(), hashes) << size;
  }
}

TEST_F(FileServiceTest, AManifestIsComputedAgainWhenTheCacheHasLostIt) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB + 1);
  disk_.List("book", book);
  disk_.cache->Remember({}, book.id, absl::MakeConstSpan(book.pieces).subspan(0, 2));
  ASSERT_EQ(disk_.cache->FindPieces(book.id), std::nullopt);
  EXPECT_EQ(Must(Manifest(ToProto(book.id))).piece_hashes().size(), 3 * 32U);
  EXPECT_EQ(disk_.cache->FindPieces(book.id), book.pieces);
}

TEST_F(FileServiceTest, NoManifestOfABookThatIsNotHere) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB + 1);
  EXPECT_EQ(ReasonOf(Manifest(ToProto(book.id)).status()), "BOOK_GONE");
  v1::ContentId bad = ToProto(book.id);
  bad.mutable_root()->pop_back();
  EXPECT_EQ(ReasonOf(Manifest(bad).status()), "INVALID_FIELD");
  disk_.List("book", book);
  WriteFileAt(disk_.PathOf("book"), book.bytes + "x");
  EXPECT_EQ(ReasonOf(Manifest(ToProto(book.id)).status()), "BOOK_CHANGED");
  const Book again = disk_.List("book", book);
  Give(again);
  const absl::Status moved = Manifest(ToProto(book.id)).status();
  EXPECT_EQ(ReasonOf(moved), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(moved)["moved_to_public_key"], receiver_.public_key().hex());
}

// --- Download: ranges ---

TEST_F(FileServiceTest, SendsTheRangeThatWasAskedFor) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB + 7);
  const uint64_t size = book.bytes.size();
  disk_.List("book", book);
  const uint64_t all = std::numeric_limits<uint64_t>::max();
  const struct {
    uint64_t offset, limit, length;
  } cases[] = {{0, 0, size},        {0, 1, 1},          {5, kMiB, kMiB}, {kMiB - 1, 2, 2},
               {size - 1, 0, 1},    {size - 1, 5, 1},   {size, 0, 0},    {size, 100, 0},
               {1, size, size - 1}, {1, all, size - 1}, {size, all, 0},  {0, size, size}};
  for (const auto& range : cases) {
    SCOPED_TRACE(testing::Message() << range.offset << " " << range.limit);
    const Answer answer = Download(book.id, range.offset, range.limit);
    EXPECT_EQ(ReasonOf(answer.status), "OK");
    EXPECT_EQ(answer.headers, 1);
    EXPECT_EQ(Must(FromProto(answer.header.content())), book.id);
    EXPECT_EQ(answer.header.range_offset(), range.offset);
    EXPECT_EQ(answer.header.range_length(), range.length);
    EXPECT_TRUE(answer.bytes == book.bytes.substr(range.offset, range.length));
    EXPECT_THAT(answer.chunks, Each(Le(kMiB)));
    EXPECT_THAT(answer.positions, IsEmpty());
  }
  for (uint64_t offset : {size + 1, all}) {
    const Answer answer = Download(book.id, offset);
    EXPECT_EQ(ReasonOf(answer.status), "OFFSET_OUT_OF_RANGE");
    EXPECT_EQ(answer.status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(answer.headers, 0);
  }
}

TEST_F(FileServiceTest, AnEmptyBookIsAHeader) {
  const FakeBook book = FakeBook::Of("");
  disk_.List("book", book);
  const Answer answer = Download(book.id);
  EXPECT_EQ(ReasonOf(answer.status), "OK");
  EXPECT_EQ(answer.headers, 1);
  EXPECT_EQ(answer.header.range_length(), 0U);
  EXPECT_EQ(ReasonOf(Download(book.id, 1).status), "OFFSET_OUT_OF_RANGE");
}

TEST_F(FileServiceTest, SendsNothingOfABookThatIsNotHere) {
  const FakeBook book = FakeBook::OfSize(1000);
  EXPECT_EQ(ReasonOf(Download(book.id).status), "BOOK_GONE");
  v1::DownloadRequest request;
  auto stream = std::make_unique<Stream>();
  stream->reader = stub_->Download(&stream->context, request);
  EXPECT_EQ(ReasonOf(stream->ReadAll().status), "INVALID_FIELD");
  Give(disk_.List("book", book));
  const Answer moved = Download(book.id);
  EXPECT_EQ(ReasonOf(moved.status), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(moved.status)["moved_to_public_key"], receiver_.public_key().hex());
}

TEST_F(FileServiceTest, ChunksAreNoLargerThanTheReceiverWishes) {
  const FakeBook book = FakeBook::OfSize(300 * 1024);
  disk_.List("book", book);
  const auto chunks = [&](uint32_t wish) {
    v1::DownloadRequest request;
    *request.mutable_content() = ToProto(book.id);
    request.set_max_chunk_bytes(wish);
    Stream stream;
    stream.reader = stub_->Download(&stream.context, request);
    EXPECT_TRUE(stream.ReadAll().bytes == book.bytes);
    return stream.answer.chunks;
  };
  EXPECT_THAT(chunks(100 * 1024), ElementsAre(100 * 1024, 100 * 1024, 100 * 1024));
  EXPECT_THAT(chunks(1), SizeIs(19)) << "a byte at a time would cost too much";
  EXPECT_THAT(chunks(std::numeric_limits<uint32_t>::max()), SizeIs(1));
}

TEST_F(FileServiceTest, UnderALimitChunksAreSmallEnoughToComeOften) {
  const FakeBook book = FakeBook::OfSize(kMiB);
  disk_.List("book", book);
  queue_.SetLimit(8 * kMiB);
  const Answer fast = Download(book.id);
  EXPECT_TRUE(fast.bytes == book.bytes);
  queue_.SetLimit(256 * 1024);
  // A receiver that gets nothing for five seconds turns to another holder.
  const Answer slow = Download(book.id, 0, 128 * 1024);
  EXPECT_EQ(ReasonOf(slow.status), "OK");
  EXPECT_THAT(slow.chunks, Each(Le(128 * 1024)));
  EXPECT_GT(slow.chunks.size(), 0U);
  auto stream = Begin(book.id);
  while (stream->answer.chunks.empty()) ASSERT_TRUE(stream->Read());
  EXPECT_THAT(stream->answer.chunks, Each(Le(256 * 1024)));
  queue_.SetLimit(0);
}

// --- Download: the queue ---

TEST_F(FileServiceTest, TellsAWaitingReceiverItsPlace) {
  const FakeBook book = FakeBook::OfSize(kQueued);
  disk_.List("book", book);
  std::optional<UploadQueue::Slot> slot(TakeSlot());
  std::unique_ptr<Stream> first = BeginInQueue(book.id);
  std::unique_ptr<Stream> second = BeginInQueue(book.id);
  EXPECT_THAT(first->answer.positions, ElementsAre(0));
  EXPECT_THAT(second->answer.positions, ElementsAre(1));
  slot.reset();
  EXPECT_TRUE(first->ReadAll().bytes == book.bytes);
  EXPECT_TRUE(second->ReadAll().bytes == book.bytes);
  EXPECT_EQ(second->answer.headers, 1);
}

TEST_F(FileServiceTest, SixtyFourMayWaitAndTheNextIsToldWhenToComeAgain) {
  const FakeBook book = FakeBook::OfSize(kQueued);
  disk_.List("book", book);
  std::optional<UploadQueue::Slot> slot(TakeSlot());
  std::vector<std::unique_ptr<Stream>> waiting;
  for (int i = 0; i < 64; ++i) waiting.push_back(BeginInQueue(book.id));
  const Answer answer = Download(book.id);
  EXPECT_EQ(ReasonOf(answer.status), "QUEUE_FULL");
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_GT(GetRetryAfter(answer.status).value_or(absl::ZeroDuration()), absl::ZeroDuration());
  // Pings are never queued.
  EXPECT_TRUE(Ping(std::string(16, 'n')).ok());
  waiting.erase(waiting.begin() + 1, waiting.end());
  slot.reset();
  EXPECT_EQ(ReasonOf(waiting[0]->ReadAll().status), "OK");
}

TEST_F(FileServiceTest, AReceiverThatLeavesTheLineIsForgotten) {
  const FakeBook book = FakeBook::OfSize(kQueued);
  disk_.List("book", book);
  std::optional<UploadQueue::Slot> slot(TakeSlot());
  std::unique_ptr<Stream> first = BeginInQueue(book.id);
  std::unique_ptr<Stream> second = BeginInQueue(book.id);
  first.reset();
  while (second->answer.positions.back() != 0) ASSERT_TRUE(second->Read());
  slot.reset();
  EXPECT_EQ(ReasonOf(second->ReadAll().status), "OK");
}

TEST_F(FileServiceTest, AClosedQueueTurnsDownloadsAway) {
  const FakeBook book = FakeBook::OfSize(kQueued);
  disk_.List("book", book);
  const UploadQueue::Slot slot = TakeSlot();
  std::unique_ptr<Stream> waiting = BeginInQueue(book.id);
  queue_.Close();
  EXPECT_EQ(ReasonOf(waiting->ReadAll().status), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(Download(book.id).status), "SHUTTING_DOWN");
}

// --- Download: what happens meanwhile ---

TEST_F(FileServiceTest, ABookThatWasGivenAwayWhileItsReceiverWaited) {
  const FakeBook book = FakeBook::OfSize(kQueued);
  const Book listed = disk_.List("book", book);
  std::optional<UploadQueue::Slot> slot(TakeSlot());
  std::unique_ptr<Stream> waiting = BeginInQueue(book.id);
  Give(listed);
  slot.reset();
  const Answer answer = waiting->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(answer.status)["moved_to_public_key"], receiver_.public_key().hex());
  EXPECT_EQ(answer.bytes, "");
}

class HeldReaderTest : public FileServiceTest {
 protected:
  // A download that has begun and is held where it is: the source cannot go on writing.
  void SetUp() override {
    listed_ = disk_.List("book", book_);
    stream_ = Begin(book_.id);
    while (stream_->answer.chunks.empty()) ASSERT_TRUE(stream_->Read());
  }
  // The bytes that came are the beginning of the book, and not all of it.
  void ExpectTrueBeginning(const Answer& answer) {
    EXPECT_LT(answer.bytes.size(), book_.bytes.size());
    EXPECT_TRUE(book_.bytes.compare(0, answer.bytes.size(), answer.bytes) == 0);
  }

  static const FakeBook& LargeBook() {
    static const FakeBook* const book = new FakeBook(FakeBook::OfSize(kMuch));
    return *book;
  }
  const FakeBook& book_ = LargeBook();
  std::optional<Book> listed_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(HeldReaderTest, GivenAway) {
  Give(*listed_);
  const Answer answer = stream_->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(answer.status)["moved_to_public_key"], receiver_.public_key().hex());
  ExpectTrueBeginning(answer);
}

TEST_F(HeldReaderTest, EditedInPlace) {
  std::string bytes = book_.bytes;
  bytes.back() ^= 1;
  WriteFileAt(disk_.PathOf("book"), bytes);
  const Answer answer = stream_->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "BOOK_CHANGED");
  ExpectTrueBeginning(answer);
}

TEST_F(HeldReaderTest, CutShort) {
  ASSERT_EQ(::truncate(disk_.PathOf("book").c_str(), 10), 0);
  const Answer answer = stream_->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "BOOK_CHANGED");
  ExpectTrueBeginning(answer);
}

TEST_F(HeldReaderTest, Deleted) {
  ::unlink(disk_.PathOf("book").c_str());
  Must(disk_.library->Vanish("book", ListingRecord::State::kDeleted));
  const Answer answer = stream_->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "BOOK_GONE");
  ExpectTrueBeginning(answer);
}

TEST_F(HeldReaderTest, AnotherListingOfTheContentTakesOver) {
  disk_.List("the same", book_);
  Give(*listed_);
  const Answer answer = stream_->ReadAll();
  EXPECT_EQ(ReasonOf(answer.status), "OK");
  EXPECT_TRUE(answer.bytes == book_.bytes);
}

TEST_F(HeldReaderTest, AReceiverThatReadsNothingLosesItsSlot) {
  std::unique_ptr<Stream> next = BeginInQueue(book_.id);
  // `next` is told its position every second, which counts as progress; the held one makes none.
  while (next->answer.headers == 0) {
    ASSERT_TRUE(next->Read());
    if (next->answer.headers == 0) clock_.Advance(absl::Seconds(16));
  }
  const Answer answer = stream_->ReadAll();
  EXPECT_TRUE(absl::IsCancelled(answer.status)) << answer.status;
  ExpectTrueBeginning(answer);
}

TEST_F(HeldReaderTest, ASmallBookDoesNotWaitBehindIt) {
  const FakeBook small = FakeBook::OfSize(kMaxSmallRangeBytes, 7);
  disk_.List("small", small);
  std::unique_ptr<Stream> large = BeginInQueue(book_.id);
  for (int i = 0; i < 20; ++i) {
    const Answer answer = Download(small.id);
    EXPECT_EQ(ReasonOf(answer.status), "OK");
    EXPECT_THAT(answer.positions, IsEmpty());
    EXPECT_TRUE(answer.bytes == small.bytes);
  }
  // So does the end of a large one.
  EXPECT_THAT(Download(book_.id, kMuch - 1000).positions, IsEmpty());
  EXPECT_EQ(large->answer.headers, 0);
}

// --- Download: fairness ---

TEST_F(FileServiceTest, AReceiverWithSeveralStreamsGetsNoMoreThanOneWithOne) {
  UploadQueue queue({.line = {.slots = 8}, .bytes_per_second = 8 * kMiB}, Clock::Real());
  FileService service({disk_.library.get(), disk_.handover.get(), disk_.cache.get(), &queue,
                       &watchdog_, &gate_, &partials_, disk_.proofs.get()},
                      disk_.key);
  const std::unique_ptr<RpcServer> server =
      Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {&service}));
  const FakeBook book = FakeBook::OfSize(8 * kMiB);
  disk_.List("book", book);
  v1::DownloadRequest request;
  *request.mutable_content() = ToProto(book.id);
  std::atomic<uint64_t> greedy{0};
  std::atomic<bool> stop{false};
  const auto many =
      v1::FileService::NewStub(MakeChannel(server->address(), grpc::InsecureChannelCredentials()));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        grpc::ClientContext context;
        const auto reader = many->Download(&context, request);
        v1::DownloadResponse message;
        while (!stop && reader->Read(&message)) greedy += message.chunk().data().size();
        context.TryCancel();
        while (reader->Read(&message)) {
        }
      }
    });
  }
  while (greedy < kMiB) std::this_thread::yield();
  const auto one =
      v1::FileService::NewStub(MakeChannel(server->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto reader = one->Download(&context, request);
  v1::DownloadResponse message;
  uint64_t modest = 0;
  uint64_t before = 0;
  while (modest < 4 * kMiB && reader->Read(&message)) {
    if (modest == 0) before = greedy;
    modest += message.chunk().data().size();
  }
  const uint64_t meanwhile = greedy - before;
  EXPECT_GE(modest, 4 * kMiB);
  // Some messages may be on their way to either.
  EXPECT_LE(meanwhile, modest + 2 * kMiB);
  EXPECT_GE(meanwhile, modest - 2 * kMiB);
  context.TryCancel();
  while (reader->Read(&message)) {
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

// --- Many calls ---

// A call that never says what it wants.
struct SilentCall {
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
  grpc::Status status;
};

TEST_F(FileServiceTest, CallsThatSayNothingLeaveRoomForPing) {
  grpc::GenericStub stub(MakeChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::CompletionQueue queue;
  std::list<SilentCall> calls;
  for (int i = 0; i <= queue_.most_streams(); ++i) {
    SilentCall& silent = calls.emplace_back();
    silent.call = stub.PrepareCall(&silent.context, "/arkshare.v1.FileService/Download", &queue);
    silent.call->StartCall(nullptr);
    silent.call->Finish(&silent.status, &silent);
  }
  void* tag = nullptr;
  bool ok = false;
  while (tag == nullptr) ASSERT_TRUE(queue.Next(&tag, &ok));
  const absl::Status refused = FromWire(static_cast<SilentCall*>(tag)->status);
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL") << "the first end is that of the one too many";
  EXPECT_TRUE(GetRetryAfter(refused).has_value());

  grpc::ClientContext context;
  v1::PingRequest request;
  request.set_nonce(std::string(16, 'n'));
  v1::PingResponse response;
  EXPECT_TRUE(stub_->Ping(&context, request, &response).ok());
  for (SilentCall& silent : calls) silent.context.TryCancel();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

// --- Release ---

TEST_F(FileServiceTest, ReleaseAnswersEveryItem) {
  const FakeBook one = FakeBook::OfSize(1000, 1);
  const Book book = disk_.List("book", one);
  const ReleaseItem good = PeerDisk::Wish(book);
  ReleaseItem gone = good;
  gone.transfer_id = TransferId::Random();
  gone.listing = 4711;
  const v1::ReleaseRequest request = ReleaseRequestFor({gone, good});
  for (int i = 0; i < 2; ++i) {
    const v1::ReleaseResponse response = Must(Release(request));
    ASSERT_EQ(response.results_size(), 2);
    EXPECT_EQ(ReasonOf(FromItemError(response.results(0).refusal())), "BOOK_GONE");
    const MoveTicket ticket = Must(FromProto(response.results(1).ticket()));
    EXPECT_TRUE(TicketVerifier().Verify(ticket).ok());
    EXPECT_EQ(ticket.body.receiver, receiver_.public_key());
    EXPECT_EQ(ticket.body.transfer_id, good.transfer_id);
  }
}

TEST_F(FileServiceTest, ARequestThatTheReceiverDidNotSignDecidesNothing) {
  const FakeBook one = FakeBook::OfSize(1000, 1);
  const Book book = disk_.List("book", one);
  const ReleaseItem item = PeerDisk::Wish(book);
  const v1::ReleaseRequest good = ReleaseRequestFor({item});
  const PrivateKey stranger = PrivateKey::Generate();
  const auto refused = [&](auto change) {
    v1::ReleaseRequest request = good;
    change(request);
    return ReasonOf(Release(request).status());
  };
  using Request = v1::ReleaseRequest;
  EXPECT_EQ(refused([](Request& r) { r.clear_signature(); }), "SIGNATURE_INVALID");
  EXPECT_EQ(refused([](Request& r) { (*r.mutable_signature())[0] ^= 1; }), "SIGNATURE_INVALID");
  EXPECT_EQ(refused([&](Request& r) {
              r.set_signature(stranger.Sign(
                  ReleaseSignedBytes(disk_.key.public_key(), receiver_.public_key(), {item})));
            }),
            "SIGNATURE_INVALID")
      << "in another's name";
  EXPECT_EQ(refused([&](Request& r) { r.set_receiver_public_key(stranger.public_key().bytes()); }),
            "SIGNATURE_INVALID")
      << "for another receiver";
  EXPECT_EQ(refused([&](Request& r) { r.set_source_public_key(stranger.public_key().bytes()); }),
            "SIGNATURE_INVALID")
      << "meant for another source";
  EXPECT_EQ(refused([](Request& r) { r.mutable_items(0)->set_listing_number(77); }),
            "SIGNATURE_INVALID");
  EXPECT_EQ(refused([](Request& r) { r.mutable_items(0)->mutable_content()->set_size_bytes(1); }),
            "SIGNATURE_INVALID");
  EXPECT_EQ(refused([](Request& r) { r.mutable_items(0)->set_transfer_id("short"); }),
            "INVALID_FIELD");
  EXPECT_EQ(refused([](Request& r) { r.mutable_items(0)->clear_content(); }), "INVALID_FIELD");
  EXPECT_EQ(refused([](Request& r) { r.mutable_items(0)->set_listing_number(0); }),
            "INVALID_FIELD");
  EXPECT_EQ(refused([](Request& r) { r.set_receiver_public_key("short"); }), "INVALID_FIELD");
  EXPECT_EQ(refused([](Request& r) { r.clear_source_public_key(); }), "INVALID_FIELD");

  EXPECT_EQ(Must(disk_.ledger->releases()->Find(item.transfer_id)), std::nullopt);
  EXPECT_THAT(disk_.Hidden(), IsEmpty());
  EXPECT_TRUE(Must(Release(good)).results(0).has_ticket());
}

TEST_F(FileServiceTest, ABatchHasOneToAThousandDifferentItems) {
  const FakeBook one = FakeBook::OfSize(1000, 1);
  const Book book = disk_.List("book", one);
  EXPECT_EQ(ReasonOf(Release(ReleaseRequestFor({})).status()), "INVALID_FIELD");
  const ReleaseItem item = PeerDisk::Wish(book);
  ReleaseItem same_listing = PeerDisk::Wish(book);
  ReleaseItem same_transfer = item;
  same_transfer.listing += 1;
  EXPECT_EQ(ReasonOf(Release(ReleaseRequestFor({item, same_listing})).status()), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Release(ReleaseRequestFor({item, same_transfer})).status()), "INVALID_FIELD");
  EXPECT_THAT(disk_.Hidden(), IsEmpty());

  std::vector<ReleaseItem> many = {item};
  while (many.size() < 1000) {
    many.push_back({TransferId::Random(), 10'000 + many.size(), book.record.content});
  }
  const v1::ReleaseResponse response = Must(Release(ReleaseRequestFor(many)));
  ASSERT_EQ(response.results_size(), 1000);
  EXPECT_TRUE(response.results(0).has_ticket());
  EXPECT_EQ(response.results(999).refusal().reason(), "BOOK_GONE");
  many.push_back({TransferId::Random(), 99'999, book.record.content});
  EXPECT_EQ(ReasonOf(Release(ReleaseRequestFor(many)).status()), "INVALID_FIELD");
}

TEST_F(FileServiceTest, ARefusalKeepsItsDetailsOnTheWire) {
  const Book book = disk_.List("book", FakeBook::OfSize(10));
  Give(book);
  const v1::ReleaseResponse response = Must(Release(ReleaseRequestFor({PeerDisk::Wish(book)})));
  const absl::Status refusal = FromItemError(response.results(0).refusal());
  EXPECT_EQ(ReasonOf(refusal), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(refusal)["moved_to_public_key"], receiver_.public_key().hex());
}

// --- Confirm ---

TEST_F(FileServiceTest, ConfirmAnswersEveryTransfer) {
  const ReleaseItem item = PeerDisk::Wish(disk_.List("book", FakeBook::OfSize(10)));
  Must(Release(ReleaseRequestFor({item})));
  EXPECT_THAT(disk_.Hidden(), SizeIs(1));
  for (int i = 0; i < 2; ++i) {
    const v1::ConfirmResponse response =
        Must(Confirm(ConfirmRequestFor({TransferId::Random(), item.transfer_id})));
    ASSERT_EQ(response.results_size(), 2);
    EXPECT_EQ(response.results(0).error().reason(), "TRANSFER_UNKNOWN");
    EXPECT_FALSE(response.results(1).has_error());
    disk_.handover->AwaitRead();
    EXPECT_THAT(disk_.Hidden(), IsEmpty());
  }
}

TEST_F(FileServiceTest, AConfirmThatTheReceiverDidNotSignChangesNothing) {
  const ReleaseItem item = PeerDisk::Wish(disk_.List("book", FakeBook::OfSize(10)));
  Must(Release(ReleaseRequestFor({item})));
  const v1::ConfirmRequest good = ConfirmRequestFor({item.transfer_id});
  const PrivateKey stranger = PrivateKey::Generate();
  v1::ConfirmRequest request = good;
  (*request.mutable_signature())[63] ^= 1;
  EXPECT_EQ(ReasonOf(Confirm(request).status()), "SIGNATURE_INVALID");
  request = good;
  request.set_source_public_key(stranger.public_key().bytes());
  EXPECT_EQ(ReasonOf(Confirm(request).status()), "SIGNATURE_INVALID");
  request = good;
  request.add_transfer_ids(TransferId::Random().bytes());
  EXPECT_EQ(ReasonOf(Confirm(request).status()), "SIGNATURE_INVALID");
  request = good;
  request.set_transfer_ids(0, "short");
  EXPECT_EQ(ReasonOf(Confirm(request).status()), "INVALID_FIELD");
  EXPECT_EQ(ReasonOf(Confirm(ConfirmRequestFor({})).status()), "INVALID_FIELD");
  EXPECT_EQ(
      ReasonOf(
          Confirm(ConfirmRequestFor(std::vector<TransferId>(1001, item.transfer_id))).status()),
      "INVALID_FIELD");
  // A third peer may sign for itself, and learns nothing.
  request = good;
  request.set_receiver_public_key(stranger.public_key().bytes());
  request.set_signature(stranger.Sign(
      ConfirmSignedBytes(disk_.key.public_key(), stranger.public_key(), {item.transfer_id})));
  EXPECT_EQ(Must(Confirm(request)).results(0).error().reason(), "TRANSFER_UNKNOWN");
  EXPECT_THAT(disk_.Hidden(), SizeIs(1));
}

// --- Proofs ---

TEST_F(FileServiceTest, AHiddenCopyThatWasDownloadedWholeIsNotReadAgain) {
  const Book book = disk_.List("book", large_);
  AwaitSettled("book");
  const uint64_t half = large_.id.size / 2;
  EXPECT_EQ(Download(large_.id, half).bytes, large_.bytes.substr(half));
  EXPECT_EQ(Download(large_.id, 0, half).bytes, large_.bytes.substr(0, half));
  const ReleaseItem item = PeerDisk::Wish(book);
  v1::ReleaseRequest request = ReleaseRequestFor({item});
  request.mutable_items(0)->set_all_bytes_from_source(true);  // is not signed
  ASSERT_TRUE(Must(Release(request)).results(0).has_ticket());
  EXPECT_FALSE(Must(Confirm(ConfirmRequestFor({item.transfer_id}))).results(0).has_error());
  EXPECT_EQ(Must(disk_.ledger->releases()->Find(item.transfer_id))->state,
            ReleaseRecord::State::kGone);
}

TEST_F(FileServiceTest, TheFileOfTheListingThatIsAskedForIsRead) {
  const FakeBook small = FakeBook::OfSize(1000, 9);
  std::vector<Book> books;
  for (const char* name : {"a", "b", "c"}) {
    books.push_back(disk_.List(name, small));
    AwaitSettled(name);
  }
  const auto proven = [&] {
    std::vector<bool> whole;
    for (const Book& book : books) {
      whole.push_back(disk_.proofs->IsWhole(book.record.number, book.record.identity));
    }
    return whole;
  };
  grpc::ClientContext context;
  v1::DownloadRequest one;
  *one.mutable_content() = ToProto(small.id);
  one.set_listing_number(books[1].record.number);
  Stream stream;
  stream.reader = stub_->Download(&stream.context, one);
  EXPECT_EQ(stream.ReadAll().bytes, small.bytes);
  EXPECT_THAT(proven(), ElementsAre(false, true, false));

  v1::DownloadManyRequest many;
  *many.add_contents() = ToProto(small.id);
  many.add_listing_numbers(books[2].record.number);
  const auto reader = stub_->DownloadMany(&context, many);
  v1::DownloadManyResponse message;
  while (reader->Read(&message)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(proven(), ElementsAre(false, true, true));

  grpc::ClientContext wrong;
  many.add_listing_numbers(7);
  const auto refused = stub_->DownloadMany(&wrong, many);
  while (refused->Read(&message)) {
  }
  EXPECT_EQ(ReasonOf(FromWire(refused->Finish())), "INVALID_FIELD");
}

TEST_F(FileServiceTest, AReportedMismatchMakesThePeerHashAgain) {
  const Book book = disk_.List("book", large_);
  v1::ReportMismatchRequest request;
  *request.mutable_content() = ToProto(large_.id);
  grpc::ClientContext context;
  v1::ReportMismatchResponse response;
  EXPECT_TRUE(stub_->ReportMismatch(&context, request, &response).ok());
  EXPECT_EQ(disk_.library->FindPath("book")->record.identity.ctime_ns, kDoubtedCtime);
  EXPECT_EQ(disk_.cache->FindContent(book.record.identity), std::nullopt);
  EXPECT_EQ(Download(large_.id).bytes, large_.bytes) << "its receivers check it";
}

}  // namespace
}  // namespace arkshare
