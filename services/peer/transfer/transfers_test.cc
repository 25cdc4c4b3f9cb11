// The receiver's half on a disk, with an index and holders that do as they are told. Its clock does
// not move unless a test advances it, so a transfer that waits for a time goes on waiting.
#include "services/peer/transfer/transfers.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <thread>

#include "lib/core/byte_size.h"
#include "lib/core/merkle.h"
#include "lib/rpc/server.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr char kName[] = "book";

// Finds the books that a test sets.
class FakeIndex final : public v1::IndexService::Service {
 public:
  FakeIndex() : server_(Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {this}))) {}

  const std::string& address() const { return server_->address(); }
  void Find(const FakeBook& book, v1::SharePolicy policy,
            const std::vector<const FakeHolder*>& holders) {
    v1::SearchResponse::Result result;
    result.set_name(kName);
    *result.mutable_content() = ToProto(book.id);
    for (const FakeHolder* fake : holders) {
      const BookHolder known = fake->AsHolder(static_cast<uint32_t>(result.holders_size() + 1));
      v1::Holder* holder = result.add_holders();
      holder->set_peer_id(known.peer_id);
      holder->set_public_key(known.key.bytes());
      holder->set_address(known.address);
      holder->set_listing_number(1);
      holder->set_policy(policy);
      holder->set_free_slots(1);
    }
    MutexLock lock(&mutex_);
    found_.Clear();
    if (!holders.empty()) *found_.add_results() = result;
  }

  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override {
    MutexLock lock(&mutex_);
    for (const v1::SearchResponse::Result& result : found_.results()) {
      const bool fits = request->has_content()
                            ? request->content().root() == result.content().root()
                            : request->name() == result.name();
      if (fits) *response->add_results() = result;
    }
    return grpc::Status::OK;
  }
  grpc::Status ListPeers(grpc::ServerContext*, const v1::ListPeersRequest* request,
                         v1::ListPeersResponse* response) override {
    MutexLock lock(&mutex_);
    for (const v1::SearchResponse::Result& result : found_.results()) {
      for (const v1::Holder& holder : result.holders()) {
        const bool wanted = request->has_public_key() ? holder.public_key() == request->public_key()
                                                      : holder.peer_id() == request->peer_id();
        if (!wanted || !response->peers().empty()) continue;
        v1::Peer* const peer = response->add_peers();
        peer->set_peer_id(holder.peer_id());
        peer->set_public_key(holder.public_key());
        peer->set_address(holder.address());
        peer->set_policy(holder.policy());
      }
    }
    return grpc::Status::OK;
  }

 private:
  Mutex mutex_;
  v1::SearchResponse found_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RpcServer> server_;
};

// Calls `act` when a line that begins with `line` is logged, on the thread that logs it.
class AtLogLine final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  AtLogLine(std::string line, std::function<void()> act)
      : line_(std::move(line)), act_(std::move(act)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const absl::string_view text(message.payload.data(), message.payload.size());
    if (text.substr(0, line_.size()) == line_) act_();
  }
  void flush_() override {}

  const std::string line_;
  const std::function<void()> act_;
};

// Installs an AtLogLine while it lives.
class LogHook {
 public:
  LogHook(const std::string& line, std::function<void()> act) : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<AtLogLine>(line, std::move(act))));
  }
  ~LogHook() { spdlog::set_default_logger(before_); }
  LogHook(const LogHook&) = delete;
  LogHook& operator=(const LogHook&) = delete;

 private:
  const std::shared_ptr<spdlog::logger> before_;
};

class TransfersTest : public testing::Test {
 protected:
  using State = TransferView::State;

  TransfersTest() {
    KeepGrpcRunning();
    Must(transfers_.Recover());
    Must(disk_.library->Load());
    transfers_.Start();
  }
  ~TransfersTest() override { transfers_.Stop(); }

  static FetchWish Wish() { return {.name = Must(BookName::Parse(kName))}; }
  // Returns the owner's view once `ready` is true of it; fails after a minute.
  TransferView AwaitView(const TransferId& id,
                         const std::function<bool(const TransferView&)>& ready) {
    std::future<TransferView> view = std::async(std::launch::async, [&] {
      Transfers::Change update = Must(transfers_.Await(id, 0, absl::Hours(1)));
      while (!ready(update.view) && !transfers_.stopping()) {
        update = Must(transfers_.Await(id, update.version, absl::Hours(1)));
      }
      return update.view;
    });
    if (view.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
      ADD_FAILURE() << "it never happens";
      transfers_.Stop();
    }
    return view.get();
  }
  TransferView AwaitState(const TransferId& id, State state) {
    return AwaitView(id, [&](const TransferView& view) { return view.state == state; });
  }
  // No change of a view tells that a transfer waits for a time, so the clock advances step by step,
  // with a moment after each.
  void AdvanceUntil(const std::function<bool()>& done, absl::Duration step) {
    const absl::Time last = absl::Now() + absl::Seconds(60);
    // At most 48 hours in all: an interrupted book is kept for a week only.
    for (absl::Duration left = absl::Hours(48); !done(); absl::SleepFor(absl::Milliseconds(10))) {
      ASSERT_LT(absl::Now(), last) << "it never happens";
      if (left < step) continue;
      clock_.Advance(step);
      left -= step;
    }
  }
  // For conditions that no change of a view tells of.
  void AwaitTrue(const std::function<bool()>& done) { AdvanceUntil(done, absl::ZeroDuration()); }
  // Lets the peer give up a holder that fell silent, on each of its streams. Requires that there is
  // no other holder.
  TransferView LetTheSilentGo(const TransferId& id) {
    std::future<TransferView> failed =
        std::async(std::launch::async, [&] { return AwaitState(id, State::kFailed); });
    while (failed.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
      watchdog_clock_.Advance(absl::Seconds(6));
    }
    return failed.get();
  }
  // Returns the changes for the index: "+name", "+name part" and "-number", in order.
  std::vector<std::string> Told() {
    std::vector<std::string> out;
    for (const Library::Change& change : disk_.library->feed().Next(absl::ZeroDuration(), 1000)) {
      if (const BookListing* listing = std::get_if<BookListing>(&change)) {
        out.push_back("+" + listing->name.value() + (listing->partial ? " part" : ""));
      } else {
        out.push_back("-" + std::to_string(std::get<uint64_t>(change)));
      }
    }
    return out;
  }
  bool Received(const FakeBook& book) { return ReadFileAt(disk_.PathOf(kName)) == book.bytes; }

  TempFolder temp_;
  FakeClock clock_;
  FakeClock watchdog_clock_;
  PeerDisk disk_{temp_.path()};
  RateLimiter limiter_{Clock::Real(), 0};
  IdleWatchdog watchdog_{&watchdog_clock_};
  Holders holders_{Dialer::Plaintext()};
  Fetcher fetcher_{&holders_, &limiter_, &watchdog_};
  SmallFetcher small_fetcher_{&holders_, &limiter_, &watchdog_};
  FakeIndex index_;
  IndexClient index_client_{{index_.address()}, Dialer::Plaintext()};
  PartialBooks partials_;
  Transfers transfers_{
      {disk_.folder.get(), disk_.ledger.get(), disk_.cache.get(), disk_.library.get(), &holders_,
       &fetcher_, &small_fetcher_, &index_client_, &partials_, &clock_},
      disk_.key};
};

// --- Interrupted ---

class InterruptedTest : public TransfersTest {
 protected:
  static constexpr uint64_t kHere = 3 * kMiB;  // when the holder falls silent

  void SetUp() override {
    silent_.StopAnswering(kHere);
    index_.Find(book_, v1::SHARE_POLICY_COPY, {&silent_});
    id_ = Must(transfers_.Begin(Wish()));
    ASSERT_TRUE(silent_.AwaitSilence());
    AwaitView(id_, [&](const TransferView& view) { return view.bytes_done == kHere; });
  }
  void Interrupt() {
    index_.Find(book_, v1::SHARE_POLICY_COPY, {});
    const TransferView parked = LetTheSilentGo(id_);
    EXPECT_EQ(ReasonOf(parked.error), "STREAM_STALLED");
    EXPECT_THAT(parked.message, HasSubstr("is kept"));
    index_.Find(book_, v1::SHARE_POLICY_COPY, {&good_});
  }
  void ExpectGoneOn() {
    AwaitState(id_, State::kDone);
    EXPECT_TRUE(Received(book_));
    EXPECT_EQ(good_.bytes_sent(), book_.bytes.size() - kHere) << "what was verified stays";
  }

  // Too small to be offered, so its first piece is fetched first.
  const FakeBook book_ = FakeBook::OfSize(7 * kMiB);
  FakeHolder silent_{book_};
  FakeHolder good_{book_};
  const absl::Time late_ = clock_.Monotonic() + absl::Minutes(10);
  TransferId id_;
};

TEST_F(InterruptedTest, GoesOnWhenItIsAskedForAgain) {
  Interrupt();
  EXPECT_EQ(Must(transfers_.Begin(Wish())), id_) << "the same transfer";
  ExpectGoneOn();
}

TEST_F(InterruptedTest, GoesOnAsOneOfMany) {
  Interrupt();
  FetchWish other = Wish();
  other.save_as = Must(BookName::Parse("other"));
  const Transfers::GroupPtr group = transfers_.BeginMany({other, Wish()});
  std::vector<State> ends(2, State::kFailed);
  for (bool all_ended = false; !all_ended;) {
    const Transfers::GroupChanges news = transfers_.AwaitMany(*group, absl::Hours(1));
    for (const auto& [index, view] : news.changes) ends[index] = Must(view).state;
    all_ended = news.all_ended;
  }
  EXPECT_THAT(ends, ElementsAre(State::kDone, State::kDone));
  EXPECT_TRUE(Received(book_));
  EXPECT_EQ(good_.bytes_sent(), 2 * book_.bytes.size() - kHere);
}

TEST_F(InterruptedTest, GoesOnByItselfAfterAMoment) {
  Interrupt();
  EXPECT_EQ(good_.downloads(), 0);
  AdvanceUntil([&] { return good_.downloads() > 0; }, absl::Seconds(1));
  ExpectGoneOn();
}

TEST_F(InterruptedTest, GoesOnWhenTheIndexIsBack) {
  Interrupt();
  while (good_.downloads() == 0 && !HasFailure()) transfers_.RetryNow();
  ExpectGoneOn();
}

TEST_F(InterruptedTest, IsAnotherWishUnderAnotherName) {
  Interrupt();
  FetchWish wish = Wish();
  wish.save_as = Must(BookName::Parse("other"));
  const TransferId other = Must(transfers_.Begin(wish));
  EXPECT_NE(other, id_);
  AwaitState(other, State::kDone);
  EXPECT_TRUE(ReadFileAt(disk_.PathOf("other")) == book_.bytes);
  EXPECT_EQ(good_.bytes_sent(), book_.bytes.size());
}

TEST_F(InterruptedTest, AsksForNothingByItselfAfterTenMinutes) {
  Interrupt();
  index_.Find(book_, v1::SHARE_POLICY_COPY, {});
  AdvanceUntil([&] { return ReasonOf(transfers_.List().at(0).error) == "NO_HOLDER_REACHABLE"; },
               absl::Minutes(11));
  index_.Find(book_, v1::SHARE_POLICY_COPY, {&good_});
  EXPECT_EQ(Must(transfers_.Begin(Wish())), id_) << "until its owner does";
  ExpectGoneOn();
}

TEST_F(InterruptedTest, AskedForAgainTriesAgainForAsLong) {
  Interrupt();
  index_.Find(book_, v1::SHARE_POLICY_COPY, {});
  const auto failed = [&] {
    return ReasonOf(transfers_.List().at(0).error) == "NO_HOLDER_REACHABLE";
  };
  AdvanceUntil(failed, absl::Minutes(11));
  EXPECT_EQ(Must(transfers_.Begin(Wish())), id_);
  AwaitTrue(failed);
  index_.Find(book_, v1::SHARE_POLICY_COPY, {&good_});
  AdvanceUntil([&] { return good_.downloads() > 0; }, absl::Seconds(1));
  ExpectGoneOn();
}

// The same when its worker has given up for good but has not reported that yet.
TEST_F(InterruptedTest, AskedForAgainInTheMomentAtWhichItGivesUpTriesAgainForAsLong) {
  Interrupt();
  index_.Find(book_, v1::SHARE_POLICY_COPY, {});
  std::atomic<bool> asked = false;
  std::atomic<int> tries = 0;
  const LogHook hook("interrupted book", [&] {
    ++tries;
    // More than ten minutes have passed.
    if (clock_.Monotonic() >= late_ && !asked.exchange(true)) {
      EXPECT_EQ(Must(transfers_.Begin(Wish())), id_);
    }
  });
  AdvanceUntil([&] { return asked.load(); }, absl::Minutes(11));
  const int then = tries;
  AdvanceUntil([&] { return tries > then + 1; }, absl::Seconds(1));
  transfers_.Stop();
}

// One more transfer than are received at a time: it waits for the others, and is received once.
TEST_F(TransfersTest, AskedForAgainWhileItWaitsForOthersItIsReceivedOnce) {
  constexpr size_t kBooks = 9;
  constexpr uint64_t kHere = kMiB;
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder silent(book);
  silent.StopAnswering(kHere);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&silent});
  const auto wish = [](size_t number) {
    FetchWish wanted = Wish();
    wanted.save_as = Must(BookName::Parse(absl::StrCat("book ", number)));
    return wanted;
  };
  for (size_t i = 0; i < kBooks; ++i) Must(transfers_.Begin(wish(i)));
  const auto count = [&](const std::function<bool(const TransferView&)>& is) {
    const std::vector<TransferView> views = transfers_.List();
    return static_cast<size_t>(std::count_if(views.begin(), views.end(), is));
  };
  const auto failed = [](const TransferView& view) { return view.state == State::kFailed; };
  const auto here = [](const TransferView& view) { return view.bytes_done == kHere; };
  AwaitTrue([&] { return count(here) == kBooks - 1; });
  index_.Find(book, v1::SHARE_POLICY_COPY, {});
  watchdog_clock_.Advance(absl::Seconds(6));
  AwaitTrue([&] { return count(failed) == kBooks - 1 && count(here) == kBooks; });
  watchdog_clock_.Advance(absl::Seconds(6));
  AwaitTrue([&] { return count(failed) == kBooks; });

  FakeHolder mute(book);
  mute.StopAnswering(0);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&mute});
  transfers_.RetryNow();
  AwaitTrue([&] { return mute.downloads() == kBooks - 1; });
  // One of them waits; the others are being received.
  for (size_t i = 0; i < kBooks; ++i) Must(transfers_.Begin(wish(i)));
  EXPECT_EQ(count(failed), 0U);
  FakeHolder good(book);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&good});
  watchdog_clock_.Advance(absl::Seconds(6));
  AwaitTrue([&] {
    return count([](const TransferView& view) { return view.state == State::kDone; }) == kBooks;
  });
  EXPECT_EQ(good.bytes_sent(), kBooks * (book.bytes.size() - kHere));
  EXPECT_EQ(transfers_.List().size(), kBooks);
}

TEST_F(TransfersTest, AWishForACopyDoesNotJoinAMove) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder source(book);
  source.StopAnswering(kMiB);
  index_.Find(book, v1::SHARE_POLICY_MOVE, {&source});
  const TransferId move = Must(transfers_.Begin(Wish()));
  EXPECT_EQ(Must(transfers_.Begin(Wish())), move);
  FetchWish copy = Wish();
  copy.copy_only = true;
  EXPECT_EQ(ReasonOf(transfers_.Begin(copy).status()), "NAME_TAKEN");
  copy.save_as = Must(BookName::Parse("copy"));
  EXPECT_NE(Must(transfers_.Begin(copy)), move);
}

// The pieces that a holder sent before it lied were verified.
TEST_F(TransfersTest, VerifiedPiecesOfALiarAreKept) {
  const FakeBook book = FakeBook::OfSize(7 * kMiB);
  FakeHolder liar(book);
  liar.CorruptPiece(3);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&liar});
  const TransferId id = Must(transfers_.Begin(Wish()));
  const TransferView parked = AwaitState(id, State::kFailed);
  EXPECT_EQ(ReasonOf(parked.error), "CONTENT_MISMATCH");
  EXPECT_THAT(parked.brought, ElementsAre(Pair(testing::_, Brought{1, 3 * kMiB})));
  EXPECT_THAT(parked.message, HasSubstr("is kept"));
  FakeHolder good(book);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&good});
  EXPECT_EQ(Must(transfers_.Begin(Wish())), id);
  // By key: another peer has the number by now.
  EXPECT_THAT(AwaitState(id, State::kDone).brought,
              testing::UnorderedElementsAre(Pair(testing::_, Brought{1, 3 * kMiB}),
                                            Pair(testing::_, Brought{1, 4 * kMiB})));
  EXPECT_TRUE(Received(book));
  EXPECT_EQ(good.bytes_sent(), book.bytes.size() - 3 * kMiB);
}

// The transfer has failed already, but its worker still has it: it goes on once, not twice.
TEST_F(InterruptedTest, AskedForAgainInTheMomentAtWhichItFails) {
  FakeHolder second(book_);
  second.StopAnswering(kMiB);
  std::atomic<int> failed = 0;
  const LogHook hook("interrupted book", [&] {
    if (failed++ > 0) return;
    index_.Find(book_, v1::SHARE_POLICY_COPY, {&second});
    EXPECT_EQ(Must(transfers_.Begin(Wish())), id_);
  });
  index_.Find(book_, v1::SHARE_POLICY_COPY, {});
  watchdog_clock_.Advance(absl::Seconds(6));
  ASSERT_TRUE(second.AwaitSilence());
  AwaitView(id_, [&](const TransferView& view) { return view.bytes_done == kHere + kMiB; });
  transfers_.RetryNow();
  index_.Find(book_, v1::SHARE_POLICY_COPY, {&good_});
  watchdog_clock_.Advance(absl::Seconds(6));
  AwaitState(id_, State::kDone);
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(Received(book_));
  EXPECT_EQ(second.manifests() + good_.manifests(), 1) << "it was received twice";
  EXPECT_EQ(good_.bytes_sent(), book_.bytes.size() - kHere - kMiB);
  transfers_.Stop();
}

// --- Ended ---

TEST_F(InterruptedTest, CancelledItIsGoneAndItsNameIsFree) {
  Interrupt();
  EXPECT_THAT(transfers_.Cancel({id_}), ElementsAre(absl::OkStatus()));
  EXPECT_THAT(disk_.folder->ListStaging(), IsEmpty());
  EXPECT_EQ(ReasonOf(transfers_.List().at(0).error), "TRANSFER_CANCELLED");
  EXPECT_EQ(ReasonOf(transfers_.Cancel({id_})[0]), "TRANSFER_NOT_ENDABLE");
  const TransferId again = Must(transfers_.Begin(Wish()));
  EXPECT_NE(again, id_);
  AwaitState(again, State::kDone);
  EXPECT_EQ(good_.bytes_sent(), book_.bytes.size());
}

TEST_F(InterruptedTest, ForgottenItIsGoneAndNotListed) {
  EXPECT_EQ(ReasonOf(transfers_.Forget({id_})[0]), "TRANSFER_NOT_ENDABLE") << "it is received";
  Interrupt();
  EXPECT_THAT(transfers_.Forget({id_, TransferId::Random()}),
              ElementsAre(absl::OkStatus(), testing::Not(absl::OkStatus())));
  EXPECT_THAT(disk_.folder->ListStaging(), IsEmpty());
  EXPECT_THAT(transfers_.List(), IsEmpty());
}

TEST_F(InterruptedTest, CancelledWhileItIsReceivedItEndsAtOnce) {
  EXPECT_THAT(transfers_.Cancel({id_}), ElementsAre(absl::OkStatus()));
  EXPECT_EQ(ReasonOf(transfers_.List().at(0).error), "TRANSFER_CANCELLED");
  EXPECT_THAT(disk_.folder->ListStaging(), IsEmpty());
}

// Its source was edited: the name means another content now.
TEST_F(InterruptedTest, GivesWayToTheBookThatHasItsNameNow) {
  Interrupt();
  const FakeBook edited = FakeBook::OfSize(3 * kMiB);
  FakeHolder source(edited);
  index_.Find(edited, v1::SHARE_POLICY_COPY, {&source});
  const TransferId id = Must(transfers_.Begin(Wish()));
  EXPECT_NE(id, id_);
  AwaitState(id, State::kDone);
  EXPECT_TRUE(Received(edited));
  EXPECT_THAT(disk_.folder->ListStaging(), IsEmpty());
}

// --- Its place and its attributes ---

TEST_F(TransfersTest, ABookThatCannotEnterIsRefusedBeforeItIsReceived) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder source(book);
  index_.Find(book, v1::SHARE_POLICY_MOVE, {&source});
  WriteFileAt(disk_.PathOf("music"), "a file");
  FetchWish wish = Wish();
  wish.save_as = Must(BookName::Parse("music/book"));
  const absl::Status refused = transfers_.Begin(wish).status();
  EXPECT_EQ(ReasonOf(refused), "PLACE_UNUSABLE");
  EXPECT_THAT(refused.message(), HasSubstr("music is a file"));
  EXPECT_EQ(source.downloads(), 0);
  EXPECT_THAT(transfers_.List(), IsEmpty());
  wish.save_as = Must(BookName::Parse("other/book"));
  Must(transfers_.Begin(wish));
}

TEST_F(TransfersTest, ABookThatItsSourceKnowsByAnotherTransferIsDiscarded) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder source(book);
  index_.Find(book, v1::SHARE_POLICY_MOVE, {&source});
  source.RefuseReleases(MakeError(Reason::kTransferConflict, "another transfer has this id"));
  const TransferId id = Must(transfers_.Begin(Wish()));
  EXPECT_EQ(ReasonOf(AwaitState(id, State::kFailed).error), "TRANSFER_CONFLICT");
  EXPECT_FALSE(Exists(disk_.PathOf(kName)));
  Must(disk_.library->ReserveName(Must(BookName::Parse(kName))));
}

// A book that was prepared before a restart, whose folder a person has changed since.
class PlaceTest : public TransfersTest {
 protected:
  PlaceTest() {
    transfers_.Stop();
    index_.Find(book_, v1::SHARE_POLICY_MOVE, {&source_});
    TransferStore store(disk_.folder.get(), disk_.ledger.get(), disk_.library.get(), &clock_);
    TransferRecord record{.id = id_,
                          .move = true,
                          .source = source_.AsHolder(1).key,
                          .source_listing = 1,
                          .content = book_.id,
                          .name = Must(BookName::Parse("music/book"))};
    Must(store.RecordIntents({record}));
    const UniqueFd fd = Must(store.StageSmall(record, book_.bytes));
    Must(store.BringNear(record));
    Must(store.Prepare({fd.get()}, {"music/book"}, {id_}));
    std::filesystem::rename(disk_.PathOf("music"), disk_.PathOf("musik"));
    WriteFileAt(disk_.PathOf("music"), "a person's");
    Must(again_.Recover());
    again_.Start();
  }
  ~PlaceTest() override { again_.Stop(); }

  TransferView AwaitAgain(const std::function<bool(const TransferView&)>& ready) {
    Transfers::Change update = Must(again_.Await(id_, 0, absl::Hours(1)));
    while (!ready(update.view)) {
      update = Must(again_.Await(id_, update.version, absl::Hours(1)));
    }
    return update.view;
  }
  absl::StatusOr<TransferView> Place(absl::string_view name) {
    return again_.Place(id_, Must(BookName::Parse(name)));
  }

  const TransferId id_ = TransferId::Random();
  const FakeBook book_ = FakeBook::OfSize(1000);
  FakeHolder source_{book_};
  Fetcher fetcher_again_{&holders_, &limiter_, &watchdog_};
  SmallFetcher small_fetcher_again_{&holders_, &limiter_, &watchdog_};
  Transfers again_{
      {disk_.folder.get(), disk_.ledger.get(), disk_.cache.get(), disk_.library.get(), &holders_,
       &fetcher_again_, &small_fetcher_again_, &index_client_, &partials_, &clock_},
      disk_.key};
};

TEST_F(PlaceTest, ABookWhosePlaceHasBecomeImpossibleWaitsBeforeItsSourceIsAsked) {
  const TransferView waits =
      AwaitAgain([](const TransferView& view) { return view.waits_for_place; });
  EXPECT_THAT(waits.message, HasSubstr("music is a file"));
  EXPECT_EQ(waits.state, State::kHandingOver);
  EXPECT_EQ(source_.releases(), 0);

  WriteFileAt(disk_.PathOf("taken"), "a person's");
  EXPECT_EQ(ReasonOf(Place("taken").status()), "NAME_TAKEN");
  EXPECT_EQ(ReasonOf(Place("music/other").status()), "PLACE_UNUSABLE");
  EXPECT_EQ(source_.releases(), 0);

  std::promise<void> asked;
  source_.OnRelease([&, told = false]() mutable {
    if (!std::exchange(told, true)) asked.set_value();
  });
  EXPECT_EQ(Must(Place("musik/book")).record.name.value(), "musik/book");
  asked.get_future().wait();
  EXPECT_EQ(ReasonOf(Place("elsewhere").status()), "TRANSFER_NOT_WAITING");
  EXPECT_EQ(ReasonOf(again_.Place(TransferId::Random(), Must(BookName::Parse("x"))).status()),
            "TRANSFER_UNKNOWN");
  // The names that were refused are free, and the old one too.
  for (const char* name : {"music/other", "elsewhere", "music/book"}) {
    Must(disk_.library->ReserveName(Must(BookName::Parse(name))));
  }
  EXPECT_EQ(ReasonOf(disk_.library->ReserveName(Must(BookName::Parse("musik/book")))),
            "NAME_TAKEN");
  again_.Stop();
}

TEST_F(PlaceTest, AKeptBookWithoutAPlaceOfItsOwnGoesToTheSharedFolder) {
  AwaitAgain([](const TransferView& view) { return view.waits_for_place; });
  Must(again_.Keep(id_));
  while (!Exists(disk_.PathOf("book")) && !HasFailure()) again_.RetryNow();
  AwaitAgain([](const TransferView& view) { return view.state == State::kDone; });
  EXPECT_EQ(source_.releases(), 0);
}

struct stat StatOf(const std::string& path) {
  struct stat st {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0);
  return st;
}

TEST_F(TransfersTest, ABookHasTheTimeAndThePermissionsOfItsSource) {
  const FileAttributes attributes{absl::FromUnixSeconds(1'052'204'889), 0750};
  for (const uint64_t size : {uint64_t{0}, uint64_t{1000}, 3 * kMiB}) {
    const FakeBook book = FakeBook::OfSize(size);
    FakeHolder source(book);
    source.SetAttributes(attributes);
    index_.Find(book, v1::SHARE_POLICY_COPY, {&source});
    FetchWish wish = Wish();
    wish.save_as = Must(BookName::Parse(absl::StrCat("book of ", size)));
    AwaitState(Must(transfers_.Begin(wish)), State::kDone);
    const struct stat st = StatOf(disk_.PathOf(wish.save_as->value()));
    EXPECT_EQ(absl::TimeFromTimespec(st.st_mtim), attributes.modified) << size;
    EXPECT_EQ(st.st_mode & 07777U, 0750U) << size;
    const std::optional<Book> listed = disk_.library->Find(*wish.save_as);
    ASSERT_TRUE(listed.has_value());
    EXPECT_EQ(listed->record.identity, FromStat(st).identity) << "as it is in its place";
    EXPECT_EQ(disk_.cache->FindContent(FromStat(st).identity), book.id);
  }
}

// --- Offered ---

TEST_F(TransfersTest, ACopyIsOfferedWhileItIsReceived) {
  const FakeBook book = FakeBook::OfSize(8 * kMiB);
  FakeHolder silent(book);
  silent.StopAnswering(2 * kMiB);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&silent});
  const TransferId id = Must(transfers_.Begin(Wish()));
  // The first piece is random, and so are the bytes before the silence.
  ASSERT_TRUE(silent.AwaitSilence());
  AwaitTrue([&] { return transfers_.List().at(0).bytes_done == silent.bytes_sent(); });
  EXPECT_THAT(Told(), ElementsAre("+book part"));
  const std::shared_ptr<PartialBook> offer = partials_.Find(book.id);
  ASSERT_NE(offer, nullptr);
  EXPECT_EQ(offer->manifest(), book.pieces);
  AwaitTrue([&] {
    return offer->Await(0, 8, absl::ZeroDuration()).pieces.size() == silent.bytes_sent() / kMiB;
  });

  index_.Find(book, v1::SHARE_POLICY_COPY, {});
  LetTheSilentGo(id);
  EXPECT_EQ(partials_.Find(book.id), nullptr) << "it is not being received now";
  EXPECT_TRUE(offer->Await(0, 8, absl::ZeroDuration()).closed);
  EXPECT_THAT(Told(), ElementsAre("-1"));

  FakeHolder good(book);
  index_.Find(book, v1::SHARE_POLICY_COPY, {&good});
  EXPECT_EQ(Must(transfers_.Begin(Wish())), id);
  AwaitState(id, State::kDone);
  EXPECT_THAT(Told(), ElementsAre("+book part", "-2", "+book"));
  EXPECT_EQ(partials_.Find(book.id), nullptr);
}

TEST_F(TransfersTest, AMoveAndASmallBookAreNotOffered) {
  const FakeBook book = FakeBook::OfSize(8 * kMiB);
  FakeHolder source(book);
  source.StopAnswering(2 * kMiB);
  index_.Find(book, v1::SHARE_POLICY_MOVE, {&source});
  const TransferId move = Must(transfers_.Begin(Wish()));
  AwaitView(move, [&](const TransferView& view) { return view.bytes_done == 2 * kMiB; });
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(partials_.Find(book.id), nullptr);

  const FakeBook smaller = FakeBook::OfSize(7 * kMiB);
  FakeHolder lender(smaller);
  lender.StopAnswering(2 * kMiB);
  index_.Find(smaller, v1::SHARE_POLICY_COPY, {&lender});
  FetchWish wish = Wish();
  wish.save_as = Must(BookName::Parse("smaller"));
  const TransferId copy = Must(transfers_.Begin(wish));
  AwaitView(copy, [&](const TransferView& view) { return view.bytes_done == 2 * kMiB; });
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(partials_.Find(smaller.id), nullptr);
}

// --- Kept without its source ---

class KeptTest : public TransfersTest {
 protected:
  void SetUp() override {
    index_.Find(book_, v1::SHARE_POLICY_MOVE, {&source_});
    wish_ = Wish();
  }
  // The only transfer, once it waits for its source.
  TransferId Id() { return transfers_.List().at(0).record.id; }
  void ExpectKept() {
    const TransferView view = AwaitState(Id(), State::kDone);
    EXPECT_TRUE(view.record.kept);
    EXPECT_THAT(view.message, HasSubstr("kept as a copy"));
    EXPECT_TRUE(Received(book_));
    EXPECT_EQ(source_.releases(), 1) << "it was asked again";
  }

  const FakeBook book_ = FakeBook::OfSize(2 * kMiB);
  FakeHolder source_{book_};
  FetchWish wish_;
};

TEST_F(KeptTest, AskedWhileItWaitsForItsTime) {
  const TransferId id = Must(transfers_.Begin(wish_));
  AwaitView(id, [](const TransferView& view) { return !view.message.empty(); });
  Must(transfers_.Keep(id));
  ExpectKept();
}

TEST_F(KeptTest, AskedWhileTheSourceIsAsked) {
  source_.OnRelease([&] { Must(transfers_.Keep(Id())); });
  Must(transfers_.Begin(wish_));
  ExpectKept();
}

TEST_F(KeptTest, ItCannotBeCancelledWhileItWaitsForItsSource) {
  const TransferId id = Must(transfers_.Begin(wish_));
  AwaitView(id, [](const TransferView& view) { return !view.message.empty(); });
  const absl::Status refused = transfers_.Cancel({id})[0];
  EXPECT_EQ(ReasonOf(refused), "TRANSFER_NOT_ENDABLE");
  EXPECT_THAT(refused.message(), HasSubstr("transfers keep"));
  EXPECT_EQ(ReasonOf(transfers_.Forget({id})[0]), "TRANSFER_NOT_ENDABLE");
  Must(transfers_.Keep(id));
  ExpectKept();
}

// The call has ended, and the transfer does not wait for its next time yet.
TEST_F(KeptTest, AskedBetweenTheAnswerAndTheWait) {
  std::atomic<int> asked = 0;
  const LogHook hook("release_not_answered", [&] {
    if (asked++ == 0) Must(transfers_.Keep(Id()));
  });
  Must(transfers_.Begin(wish_));
  ExpectKept();
  EXPECT_EQ(asked, 1);
  transfers_.Stop();
}

}  // namespace
}  // namespace arkshare
