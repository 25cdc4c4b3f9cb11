// Wishes on a disk, with an index and a holder that do as they are told.
#include "services/peer/wishes/wishes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/rate_limiter.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/idle_watchdog.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/fetch/small_fetcher.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::SizeIs;
using Action = WishRecord::Action;

constexpr uint32_t kOwnId = 9;

// Tells every watcher of the events that the test sends, whatever it watches.
class FakeIndex final : public v1::IndexService::Service {
 public:
  FakeIndex() : server_(Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {this}))) {}
  ~FakeIndex() override { Stop(); }

  const std::string& address() const { return server_->address(); }
  void Stop() {
    EndStreams();
    server_->Shutdown(absl::Seconds(1));
  }
  // Ends the streams that run now.
  void EndStreams(absl::Status why = absl::OkStatus()) {
    MutexLock lock(&mutex_);
    ++ended_;
    why_ = std::move(why);
    changed_.NotifyAll();
  }
  // Waits until this many streams have begun in all; false when they do not within a minute.
  bool AwaitBegun(size_t streams) {
    MutexLock lock(&mutex_);
    while (requests_.size() < streams) {
      if (!changed_.WaitFor(&mutex_, absl::Minutes(1))) return false;
    }
    return true;
  }
  std::vector<v1::WatchRequest> requests() {
    MutexLock lock(&mutex_);
    return requests_;
  }
  void List(const FakeBook& book, const std::string& name, uint32_t peer_id) {
    v1::WatchResponse event;
    event.set_boot_id(std::string(16, 'b'));
    event.set_revision(1);
    event.mutable_book_listed()->set_peer_id(peer_id);
    v1::Listing* const listing = event.mutable_book_listed()->mutable_listing();
    listing->set_listing_number(1);
    listing->set_name(name);
    *listing->mutable_content() = ToProto(book.id);
    MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
    changed_.NotifyAll();
  }
  // Sets the answer of Search; nullptr: it finds nothing.
  void Find(const FakeBook& book, const std::string& name, const FakeHolder* fake) {
    MutexLock lock(&mutex_);
    found_.Clear();
    if (fake == nullptr) return;
    v1::SearchResponse::Result* const result = found_.add_results();
    result->set_name(name);
    *result->mutable_content() = ToProto(book.id);
    const BookHolder known = fake->AsHolder(1);
    v1::Holder* const holder = result->add_holders();
    holder->set_peer_id(known.peer_id);
    holder->set_public_key(known.key.bytes());
    holder->set_address(known.address);
    holder->set_listing_number(1);
    holder->set_policy(v1::SHARE_POLICY_COPY);
    holder->set_free_slots(1);
    result->set_holder_count(1);
  }

  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest*,
                      v1::SearchResponse* response) override {
    MutexLock lock(&mutex_);
    *response = found_;
    return grpc::Status::OK;
  }
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    uint64_t ended = 0;
    {
      MutexLock lock(&mutex_);
      requests_.push_back(*request);
      ended = ended_;
      changed_.NotifyAll();
    }
    v1::WatchResponse complete;
    complete.set_boot_id(std::string(16, 'b'));
    complete.set_revision(1);
    complete.mutable_snapshot_complete();
    writer->Write(complete);
    for (size_t next = 0;; ++next) {
      v1::WatchResponse event;
      {
        MutexLock lock(&mutex_);
        while (next >= events_.size() && ended == ended_ && !context->IsCancelled()) {
          // gRPC does not tell a blocking call that it was cancelled.
          changed_.WaitFor(&mutex_, absl::Milliseconds(20));
        }
        if (ended != ended_) return ToGrpcStatus(why_);
        if (context->IsCancelled()) return grpc::Status::CANCELLED;
        event = events_[next];
      }
      writer->Write(event);
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<v1::WatchRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchResponse> events_ ABSL_GUARDED_BY(mutex_);
  v1::SearchResponse found_ ABSL_GUARDED_BY(mutex_);
  uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RpcServer> server_;
};

class WishesTest : public testing::Test {
 protected:
  WishesTest() {
    KeepGrpcRunning();
    Must(transfers_.Recover());
    Must(disk_.library->Load());
    transfers_.Start();
    Restart();
  }
  ~WishesTest() override {
    transfers_.Stop();
    wishes_.reset();
  }

  void Restart() {
    wishes_.reset();
    wishes_ = std::make_unique<Wishes>(Wishes::Parts{.ledger = disk_.ledger->wishes(),
                                                     .library = disk_.library.get(),
                                                     .transfers = &transfers_,
                                                     .index = &index_client_,
                                                     .clock = Clock::Real(),
                                                     .bell = &bell_,
                                                     .own_peer_id = [] { return kOwnId; },
                                                     .retry = absl::Milliseconds(10)});
    Must(wishes_->Load());
    wishes_->Start();
  }
  WishView Add(WishQuery query, Action action = Action::kTell) {
    return Must(wishes_->Add({.query = std::move(query), .action = action}));
  }
  // Returns the only wish once `ready` is true of it.
  WishView Await(const std::function<bool(const WishView&)>& ready) {
    const absl::Time last = Clock::Real()->Monotonic() + absl::Minutes(1);
    while (true) {
      const Bell::Rings rings = bell_.rings();
      const WishView view = wishes_->List().front();
      if (ready(view)) return view;
      if (Clock::Real()->Monotonic() > last) {
        ADD_FAILURE() << "it never happens";
        return view;
      }
      bell_.Await(rings, absl::Seconds(1));
    }
  }
  WishView AwaitFound(size_t count = 1) {
    return Await([&](const WishView& view) { return view.found_count == count; });
  }

  const FakeBook book_ = FakeBook::OfSize(1000, 1);
  const FakeBook other_ = FakeBook::OfSize(1000, 2);
  TempFolder temp_;
  PeerDisk disk_{temp_.path()};
  RateLimiter limiter_{Clock::Real(), 0};
  IdleWatchdog watchdog_{Clock::Real()};
  Holders holders_{Dialer::Plaintext()};
  Fetcher fetcher_{&holders_, &limiter_, &watchdog_};
  SmallFetcher small_fetcher_{&holders_, &limiter_, &watchdog_};
  FakeIndex index_;
  IndexClient index_client_{{index_.address()}, Dialer::Plaintext()};
  PartialBooks partials_;
  Transfers transfers_{
      {disk_.folder.get(), disk_.ledger.get(), disk_.cache.get(), disk_.library.get(), &holders_,
       &fetcher_, &small_fetcher_, &index_client_, &partials_, Clock::Real()},
      disk_.key};
  Bell bell_;
  std::unique_ptr<Wishes> wishes_;
};

TEST_F(WishesTest, TellsOfABookThatAnotherPeerLists) {
  const WishView added = Add(WishKeywords{"old man"});
  EXPECT_EQ(added.record.id, 1U);
  EXPECT_FALSE(added.watched);
  Await([](const WishView& view) { return view.watched; });
  const uint64_t urgent = bell_.rings().urgent;
  index_.List(book_, "The Old Man", 3);
  const WishView view = AwaitFound();
  EXPECT_EQ(view.record.finds[0].content, book_.id);
  EXPECT_EQ(view.record.finds[0].name.value(), "The Old Man");
  EXPECT_EQ(view.record.finds[0].peer_id, 3U);
  EXPECT_GT(bell_.rings().urgent, urgent);
  ASSERT_THAT(index_.requests(), SizeIs(1));
  EXPECT_EQ(index_.requests()[0].keywords(), "old man");
  EXPECT_TRUE(index_.requests()[0].books_only());
}

TEST_F(WishesTest, WhatIsHereIsNotFound) {
  disk_.List("here", book_);
  Add(WishKeywords{"old"});
  index_.List(book_, "old one", 3);    // in the library
  index_.List(other_, "old", kOwnId);  // this peer's own
  index_.List(FakeBook::OfSize(5), "old", 3);
  EXPECT_EQ(AwaitFound().record.finds[0].content, FakeBook::OfSize(5).id);
}

TEST_F(WishesTest, ARestartTellsNothingTwice) {
  Add(WishKeywords{"old"});
  index_.List(book_, "old", 3);
  AwaitFound();
  Restart();
  ASSERT_TRUE(index_.AwaitBegun(2));
  EXPECT_EQ(wishes_->List().front().found_count, 1U);
  index_.List(other_, "old other", 3);
  AwaitFound(2);
}

TEST_F(WishesTest, GoesOnWhenTheIndexEndsTheStream) {
  Add(Must(BookName::Parse("a")));
  Await([](const WishView& view) { return view.watched; });
  index_.EndStreams(MakeError(Reason::kWatchLagged, "too far behind"));
  ASSERT_TRUE(index_.AwaitBegun(2));
  index_.List(book_, "a", 3);
  const WishView view = AwaitFound();
  EXPECT_TRUE(view.watched);
  EXPECT_TRUE(view.error.ok());
}

TEST_F(WishesTest, SaysWhyTheIndexDoesNotTell) {
  Add(book_.id);
  Await([](const WishView& view) { return view.watched; });
  index_.Stop();
  const WishView view = Await([](const WishView& now) { return !now.error.ok(); });
  EXPECT_FALSE(view.watched);
  EXPECT_EQ(ReasonOf(view.error), "INDEX_UNREACHABLE");
}

TEST_F(WishesTest, ANewSessionBeginsAllStreamsAgain) {
  Add(Must(BookName::Parse("a")));
  Add(Must(BookName::Parse("b")));
  ASSERT_TRUE(index_.AwaitBegun(2));
  wishes_->IndexIsBack();
  EXPECT_TRUE(index_.AwaitBegun(4));
}

TEST_F(WishesTest, GetsTheBookIfItIsToldTo) {
  FakeHolder holder(book_);
  index_.Find(book_, "old", &holder);
  Add(WishKeywords{"old"}, Action::kCopy);
  index_.List(book_, "old", 1);
  const WishView view = Await([](const WishView& now) { return now.fetched_count == 1; });
  EXPECT_TRUE(view.record.finds[0].fetched);
  EXPECT_TRUE(view.error.ok());
  EXPECT_TRUE(disk_.library->FindContent(book_.id).has_value());
  Restart();
  EXPECT_EQ(wishes_->List().front().fetched_count, 1U);
}

TEST_F(WishesTest, TriesAgainWhenTheBookDidNotCome) {
  FakeHolder holder(book_);
  Add(WishKeywords{"old"}, Action::kAny);
  index_.List(book_, "old", 1);
  const WishView failed = Await([](const WishView& view) { return !view.error.ok(); });
  EXPECT_EQ(ReasonOf(failed.error), "BOOK_NOT_FOUND");
  index_.Find(book_, "old", &holder);
  index_.List(book_, "old", 1);  // the pause ends when the index lists it again
  Await([](const WishView& view) { return view.fetched_count == 1; });
}

TEST_F(WishesTest, ARestartFetchesWhatWasFound) {
  FakeHolder holder(book_);
  Add(WishKeywords{"old"}, Action::kAny);
  index_.List(book_, "old", 1);
  Await([](const WishView& view) { return !view.error.ok(); });
  index_.Find(book_, "old", &holder);
  Restart();
  Await([](const WishView& view) { return view.fetched_count == 1; });
}

TEST_F(WishesTest, ARemovedWishIsOver) {
  const WishView wish = Add(WishKeywords{"old"});
  ASSERT_TRUE(index_.AwaitBegun(1));
  Must(wishes_->Remove(wish.record.id));
  EXPECT_EQ(ReasonOf(wishes_->Remove(wish.record.id)), "WISH_UNKNOWN");
  EXPECT_THAT(wishes_->List(), SizeIs(0));
  Restart();
  EXPECT_THAT(wishes_->List(), SizeIs(0));
}

TEST_F(WishesTest, AQueryMustHaveAWord) {
  EXPECT_EQ(ReasonOf(wishes_->Add({.query = WishKeywords{" ... "}}).status()), "QUERY_EMPTY");
  std::string many;
  for (int i = 0; i < 33; ++i) many += " word" + std::to_string(i);
  EXPECT_EQ(ReasonOf(wishes_->Add({.query = WishKeywords{many}}).status()), "INVALID_FIELD");
  EXPECT_THAT(wishes_->List(), SizeIs(0));
}

}  // namespace
}  // namespace arkshare
