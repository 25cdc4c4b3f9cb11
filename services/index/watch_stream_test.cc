// Watch over real streams: several events in a message, readers that are slow, and readers that
// come again and again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/index/index_server.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStreamTimeout = absl::Seconds(120);

using Books = std::map<std::pair<uint32_t, uint64_t>, std::string>;

class WatchStreamTest : public testing::Test {
 protected:
  static constexpr uint64_t kMaxWatches = 20;

  WatchStreamTest() { Start(absl::ZeroDuration()); }

  void Start(absl::Duration refusal_pause) {
    IndexOptions options;
    options.refusal_pause = refusal_pause;
    options.listen = "127.0.0.1:0";
    options.lease = absl::Minutes(10);
    options.max_watches = kMaxWatches;
    server_ = IndexServer::Start(options).value();
    stub_ = v1::IndexService::NewStub(
        MakeChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  std::unique_ptr<FakePeer> NewPeer() {
    auto peer = std::make_unique<FakePeer>(server_->address());
    EXPECT_TRUE(peer->Register().ok());
    return peer;
  }

  Books BooksByListing(uint32_t peers) {
    Books books;
    for (uint32_t peer = 1; peer <= peers; ++peer) {
      v1::ListBooksRequest request;
      request.set_peer_id(peer);
      request.set_page_size(1'000);
      do {
        grpc::ClientContext context;
        v1::ListBooksResponse response;
        EXPECT_TRUE(stub_->ListBooks(&context, request, &response).ok());
        for (const v1::Listing& listing : response.listings()) {
          books[{peer, listing.listing_number()}] = listing.name();
        }
        request.set_page_token(response.next_page_token());
      } while (!request.page_token().empty());
    }
    return books;
  }

  std::unique_ptr<IndexServer> server_;
  std::unique_ptr<v1::IndexService::Stub> stub_;
};

// One Watch stream, whose reader believes every event.
class Reader {
 public:
  explicit Reader(v1::IndexService::Stub& stub, const std::string& keywords = "") {
    SetTimeout(context_, kStreamTimeout);
    v1::WatchRequest request;
    if (!keywords.empty()) request.set_keywords(keywords);
    reader_ = stub.Watch(&context_, request);
  }
  ~Reader() {
    context_.TryCancel();
    End().IgnoreError();
  }

  // Returns false when the stream has ended.
  bool ReadMessage() {
    if (!reader_->Read(&message_)) return false;
    EXPECT_EQ(message_.boot_id().size(), 16u);
    Take(message_);
    for (const v1::WatchResponse& event : message_.more()) {
      EXPECT_TRUE(event.boot_id().empty());
      EXPECT_TRUE(event.more().empty());
      Take(event);
    }
    return true;
  }
  absl::Status End() {
    if (ended_) return absl::OkStatus();
    while (reader_->Read(&message_)) {
    }
    ended_ = true;
    return FromGrpcStatus(reader_->Finish(), "the index");
  }

  bool complete() const { return complete_; }
  int events_in_message() const { return 1 + message_.more_size(); }
  const Books& books() const { return books_; }

 private:
  void Take(const v1::WatchResponse& event) {
    if (complete_) {
      EXPECT_GT(event.revision(), revision_) << "out of order";
    } else if (revision_ != 0) {
      EXPECT_EQ(event.revision(), revision_) << "the snapshot has one revision";
    }
    revision_ = event.revision();
    switch (event.event_case()) {
      case v1::WatchResponse::kBookListed:
        Add(event.book_listed().peer_id(), event.book_listed().listing());
        break;
      case v1::WatchResponse::kBookGone:
        Remove(event.book_gone().peer_id(), event.book_gone().listing());
        break;
      case v1::WatchResponse::kBookMoved:
        Remove(event.book_moved().from_peer_id(), event.book_moved().old_listing());
        Add(event.book_moved().to_peer_id(), event.book_moved().new_listing());
        break;
      case v1::WatchResponse::kPeerGone:
        std::erase_if(books_, [&](const auto& book) {
          return book.first.first == event.peer_gone().peer_id();
        });
        break;
      case v1::WatchResponse::kSnapshotComplete:
        complete_ = true;
        break;
      default:
        break;
    }
  }
  void Add(uint32_t peer, const v1::Listing& listing) {
    EXPECT_TRUE(books_.emplace(std::pair(peer, listing.listing_number()), listing.name()).second)
        << "listed twice";
  }
  void Remove(uint32_t peer, const v1::Listing& listing) {
    EXPECT_EQ(books_.erase({peer, listing.listing_number()}), 1u) << "was never listed";
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  v1::WatchResponse message_;
  uint64_t revision_ = 0;
  bool complete_ = false;
  bool ended_ = false;
  Books books_;
};

std::vector<v1::Statement> ManyStatements(uint64_t first, uint64_t count) {
  std::vector<v1::Statement> statements;
  for (uint64_t number = first; number < first + count; ++number) {
    statements.push_back(
        PresentStatement(TestListing(number, "book " + std::to_string(number), number)));
  }
  return statements;
}

TEST_F(WatchStreamTest, ManyEventsComeInFewMessages) {
  const auto peer = NewPeer();
  const auto announce = peer->Announce().value();
  ASSERT_TRUE(announce->State(ManyStatements(1, 1'000)).ok());
  Reader reader(*stub_);
  Reader late(*stub_);
  int messages = 0;
  int most = 0;
  int events = 0;
  while (!reader.complete() && reader.ReadMessage()) {
    ++messages;
    events += reader.events_in_message();
    most = std::max(most, reader.events_in_message());
  }
  EXPECT_EQ(events, 1'002) << "a peer, its books, and the mark";
  EXPECT_LT(messages, 100);
  EXPECT_GT(most, 100);
  EXPECT_LE(most, 1'001);

  // The same holds for changes, and for a reader that reads them right after the snapshot.
  ASSERT_TRUE(announce->State(ManyStatements(1'001, 500)).ok());
  for (messages = 0; reader.books().size() < 1'500 && reader.ReadMessage();) ++messages;
  EXPECT_LT(messages, 100);
  while (late.books().size() < 1'500 && late.ReadMessage()) {
  }
  EXPECT_EQ(reader.books(), BooksByListing(1));
  EXPECT_EQ(late.books(), reader.books());
}

TEST_F(WatchStreamTest, AReaderThatStopsLearnsWhyAndHoldsNothing) {
  const auto peer = NewPeer();
  const auto announce = peer->Announce().value();
  // Long names, so that the books are far more than the buffers of a connection hold.
  const std::string name(200, 'x');
  const auto state_thousands = [&](uint64_t first, uint64_t last) {
    for (uint64_t thousand = first; thousand <= last; ++thousand) {
      std::vector<v1::Statement> statements;
      for (uint64_t number = 1; number <= 1'000; ++number) {
        statements.push_back(PresentStatement(
            TestListing(thousand * 1'000 + number, name + std::to_string(number), 1)));
      }
      ASSERT_TRUE(announce->State(statements).ok());
    }
  };
  // One reader stops in the middle of the snapshot, another one in the middle of the changes.
  state_thousands(1, 20);
  Reader early(*stub_);
  ASSERT_TRUE(early.ReadMessage());
  // Bytes that the first one does not read can fill the window of its connection.
  const auto other_stub = v1::IndexService::NewStub(
      MakeChannel(server_->address(), grpc::InsecureChannelCredentials()));
  Reader late(*other_stub);
  while (!late.complete()) ASSERT_TRUE(late.ReadMessage());
  state_thousands(21, 60);
  EXPECT_EQ(GetReason(early.End()), Reason::kWatchLagged);
  EXPECT_EQ(GetReason(late.End()), Reason::kWatchLagged);
  Reader again(*stub_);
  while (!again.complete()) ASSERT_TRUE(again.ReadMessage());
  EXPECT_EQ(again.books().size(), 60'000u);
}

TEST_F(WatchStreamTest, AReaderThatComesAgainDuringChangesEndsWithTheCatalog) {
  constexpr uint32_t kPeers = 3;
  std::vector<std::unique_ptr<FakePeer>> peers;
  std::vector<std::unique_ptr<FakeAnnounce>> streams;
  for (uint32_t i = 0; i < kPeers; ++i) {
    peers.push_back(NewPeer());
    streams.push_back(peers.back()->Announce().value());
    ASSERT_TRUE(streams.back()->State(ManyStatements(1, 500), true).ok());
  }
  std::atomic<bool> enough = false;
  std::vector<std::thread> changing;
  for (uint32_t i = 0; i < kPeers; ++i) {
    changing.emplace_back([&, i] {
      std::mt19937 random(i);
      uint64_t number = 500;
      while (!enough) {
        // A third of the statements remove a book, which may be gone already.
        const v1::Statement statement = random() % 3 == 0 ? GoneStatement(1 + random() % number)
                                                          : ManyStatements(++number, 1)[0];
        if (!streams[i]->State({statement}).ok()) {
          ADD_FAILURE();
          return;
        }
      }
    });
  }
  // Some readers leave during their snapshot, some during the changes, and come again.
  std::mt19937 random(7);
  for (int visit = 0; visit < 12; ++visit) {
    Reader reader(*stub_);
    const uint32_t most = visit % 2 == 0 ? 100 : 3;
    for (uint32_t left = random() % most; left > 0; --left) ASSERT_TRUE(reader.ReadMessage());
  }
  Reader early(*stub_);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(early.ReadMessage());
  Reader late(*stub_);
  enough = true;
  for (std::thread& thread : changing) thread.join();

  // A last change, so that the readers know when they have read everything.
  ASSERT_TRUE(streams[0]->Present(1'000'000, "the last", TestContent(1)).ok());
  const auto read_all = [](Reader& reader) {
    while (!reader.complete() || !reader.books().contains({1, 1'000'000})) {
      ASSERT_TRUE(reader.ReadMessage());
    }
  };
  read_all(early);
  read_all(late);
  const Books listed = BooksByListing(kPeers);
  EXPECT_GT(listed.size(), 500u);
  EXPECT_EQ(early.books(), listed);
  EXPECT_EQ(late.books(), listed);
}

TEST_F(WatchStreamTest, ANetworkHasSoManyWatchesAndMoreWhenOneEnds) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (uint64_t i = 0; i < kMaxWatches; ++i) {
    readers.push_back(std::make_unique<Reader>(*stub_, i % 2 == 0 ? "nothing" : ""));
    ASSERT_TRUE(readers.back()->ReadMessage());
  }
  const absl::Status refusal = Reader(*stub_).End();
  EXPECT_EQ(GetReason(refusal), Reason::kLimitExceeded);
  EXPECT_TRUE(GetRetryAfter(refusal).has_value());
  // The index learns that a reader has gone some time after that.
  readers.pop_back();
  for (bool taken = false; !taken;) {
    auto reader = std::make_unique<Reader>(*stub_);
    taken = reader->ReadMessage();
    if (taken) continue;
    ASSERT_EQ(GetReason(reader->End()), Reason::kLimitExceeded);
  }
}

// Otherwise watchers that come again at once would keep the index busy.
TEST_F(WatchStreamTest, ARefusalComesAfterAPauseOrTheEndOfTheIndex) {
  Start(/*refusal_pause=*/absl::Hours(1));
  const auto peer = NewPeer();
  std::vector<std::unique_ptr<Reader>> readers;
  for (uint64_t i = 0; i < kMaxWatches; ++i) {
    readers.push_back(std::make_unique<Reader>(*stub_));
    ASSERT_TRUE(readers.back()->ReadMessage());
  }
  Reader refused(*stub_);
  BooksByListing(1);  // a later call of the same connection
  server_->Stop();
  EXPECT_NE(GetReason(refused.End()), Reason::kLimitExceeded);

  Start(/*refusal_pause=*/absl::Milliseconds(1));
  readers.clear();
  for (uint64_t i = 0; i < kMaxWatches; ++i) {
    readers.push_back(std::make_unique<Reader>(*stub_));
    ASSERT_TRUE(readers.back()->ReadMessage());
  }
  EXPECT_EQ(GetReason(Reader(*stub_).End()), Reason::kLimitExceeded);
}

// Watchers whose words are common but never in one name: each would read all names again.
TEST_F(WatchStreamTest, WatchersThatFindNothingHoldNothingUp) {
  const auto peer = NewPeer();
  const auto announce = peer->Announce().value();
  std::vector<v1::Statement> statements;
  for (uint64_t number = 1; number <= 20'000; ++number) {
    const std::string name = (number % 2 == 0 ? "even " : "odd ") + std::to_string(number);
    statements.push_back(PresentStatement(TestListing(number, name, number)));
    if (statements.size() < 1'000) continue;
    ASSERT_TRUE(announce->State(statements).ok());
    statements.clear();
  }
  std::vector<std::unique_ptr<Reader>> idle;
  for (uint64_t i = 1; i < kMaxWatches; ++i) {
    idle.push_back(std::make_unique<Reader>(*stub_, "even odd"));
  }
  // The others are served, and so are a watcher that finds something, and a change.
  grpc::ClientContext context;
  v1::SearchRequest search;
  search.set_name("even 4");
  v1::SearchResponse response;
  ASSERT_TRUE(stub_->Search(&context, search, &response).ok());
  EXPECT_EQ(response.results_size(), 1);
  Reader reader(*stub_, "20000");
  while (!reader.complete()) ASSERT_TRUE(reader.ReadMessage());
  EXPECT_EQ(reader.books().size(), 1u);
  ASSERT_TRUE(announce->Present(30'000, "even odd", TestContent(1)).ok());
  // Some leave in the middle; the others find what has come.
  for (size_t i = 0; i < idle.size(); i += 2) idle[i] = nullptr;
  for (const std::unique_ptr<Reader>& watcher : idle) {
    while (watcher != nullptr && watcher->books().empty()) ASSERT_TRUE(watcher->ReadMessage());
  }
}

TEST_F(WatchStreamTest, AnExpensiveSearchIsAnsweredInItsTurn) {
  const auto peer = NewPeer();
  const auto announce = peer->Announce().value();
  const std::string tail(200, 'x');
  std::vector<v1::Statement> statements;
  for (uint64_t number = 1; number <= 1'000; ++number) {
    const std::string name =
        "alpha" + std::to_string(number) + " beta" + std::to_string(number) + " " + tail;
    statements.push_back(PresentStatement(TestListing(number, name, number)));
  }
  ASSERT_TRUE(announce->State(statements).ok());
  v1::SearchRequest request;
  request.set_keywords("a b x");
  request.set_page_size(1'000);
  grpc::ClientContext context;
  v1::SearchResponse response;
  ASSERT_TRUE(stub_->Search(&context, request, &response).ok());
  EXPECT_EQ(response.results_size(), 1'000);
  EXPECT_FALSE(response.incomplete());
  EXPECT_EQ(response.next_page_token(), "");
}

}  // namespace
}  // namespace arkshare
