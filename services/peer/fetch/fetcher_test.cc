#include "services/peer/fetch/fetcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <iterator>
#include <map>

#include "lib/core/byte_size.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class FetcherTest : public testing::Test {
 protected:
  // The holders that each call of find_holders returns; the last entry is for all later calls.
  using Rounds = std::vector<std::vector<const FakeHolder*>>;

  FetcherTest() { OpenFile(temp_ / "fetched"); }

  void OpenFile(const std::string& path) {
    path_ = path;
    fd_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }
  Fetcher::Job JobFor(const FakeBook& book, Rounds rounds) {
    return {.content = book.id,
            .fd = fd_.get(),
            .find_holders = [this, rounds]() -> absl::StatusOr<std::vector<BookHolder>> {
              std::vector<BookHolder> holders;
              const size_t round = std::min<size_t>(asked_++, rounds.size() - 1);
              for (const FakeHolder* holder : rounds[round]) {
                holders.push_back(holder->AsHolder(static_cast<uint32_t>(holders.size() + 1)));
              }
              return holders;
            },
            .source = std::nullopt,
            .on_progress =
                [this](uint64_t bytes, std::optional<QueuePlace> place) {
                  MutexLock lock(&mutex_);
                  EXPECT_GE(bytes, progress_) << "verified bytes do not become fewer";
                  progress_ = bytes;
                  progressed_.NotifyAll();
                  if (place) positions_.push_back(place->position);
                }};
  }
  absl::Status Fetch(const FakeBook& book, Rounds rounds) {
    return FetchJob(book, JobFor(book, std::move(rounds)));
  }
  absl::Status FetchJob(const FakeBook& book, const Fetcher::Job& job) {
    absl::StatusOr<std::vector<Sha256Digest>> pieces = fetcher_.Fetch(job);
    if (!pieces.ok()) return pieces.status();
    EXPECT_EQ(*pieces, book.pieces);
    EXPECT_TRUE(ReadFileAt(path_) == book.bytes) << "other bytes of " << book.bytes.size();
    return absl::OkStatus();
  }
  // While a fetch runs: waits until `bytes` are here and the holder is silent, and then lets more
  // time pass than a fetch waits.
  void LetTimePass(FakeHolder& holder, uint64_t bytes) {
    ASSERT_TRUE(holder.AwaitSilence());
    MutexLock lock(&mutex_);
    while (progress_ < bytes) progressed_.Wait(&mutex_);
    clock_.Advance(absl::Seconds(6));
  }
  uint64_t progress() {
    MutexLock lock(&mutex_);
    return progress_;
  }
  // The next fetch begins from nothing.
  void StartOver() {
    OpenFile(temp_ / "fetched");
    asked_ = 0;
    MutexLock lock(&mutex_);
    progress_ = 0;
  }

  FakeClock clock_;
  IdleWatchdog watchdog_{&clock_};
  RateLimiter limiter_{Clock::Real(), 0};
  Holders holders_{Dialer::Plaintext()};
  Fetcher fetcher_{&holders_, &limiter_, &watchdog_};
  TempFolder temp_;
  std::string path_;
  UniqueFd fd_;
  size_t asked_ = 0;
  Mutex mutex_;
  CondVar progressed_;
  uint64_t progress_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<int> positions_ ABSL_GUARDED_BY(mutex_);
};

// --- An honest holder ---

TEST_F(FetcherTest, GetsBooksOfAllSizes) {
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{16'383}, uint64_t{16'384},
                        uint64_t{16'385}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB + 7}) {
    SCOPED_TRACE(size);
    const FakeBook book = FakeBook::OfSize(size);
    FakeHolder holder(book);
    StartOver();
    EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
    EXPECT_EQ(progress(), size);
    EXPECT_EQ(holder.bytes_sent(), size);
    // The only piece of a small book is its root: no need to ask.
    EXPECT_EQ(holder.manifests(), size > kMiB ? 1 : 0);
  }
}

TEST_F(FetcherTest, ChunksNeedNotBePieces) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB + 7);
  for (uint64_t chunk : {uint64_t{7777}, kMiB - 1}) {
    FakeHolder holder(book);
    holder.SetChunkBytes(chunk);
    StartOver();
    EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK") << chunk;
  }
}

TEST_F(FetcherTest, UnderALimitItAsksForSmallBites) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder holder(book);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
  limiter_.SetRate(2 * kMiB);
  StartOver();
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
  EXPECT_THAT(holder.bites(), ElementsAre(0, 2 * kMiB / 20));
}

TEST_F(FetcherTest, AnEmptyBookNeedsNoHolder) {
  FakeBook book = FakeBook::OfSize(0);
  EXPECT_EQ(ReasonOf(Fetch(book, {{}})), "OK");
  book.id.root[0] ^= 1;
  EXPECT_EQ(ReasonOf(Fetch(book, {{}})), "CONTENT_MISMATCH");
  EXPECT_EQ(asked_, 0U);
}

TEST_F(FetcherTest, ReportsItsPlaceInTheQueue) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder holder(book);
  holder.QueueAt({3, 1, 0});
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
  MutexLock lock(&mutex_);
  EXPECT_THAT(positions_, ElementsAre(3, 1, 0));
}

TEST_F(FetcherTest, ComesAgainWhenTheQueueWasFull) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder holder(book);
  holder.QueueFull(5, absl::Milliseconds(1));  // more often than it would forgive anything else
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
  EXPECT_EQ(holder.downloads(), 6);
}

// Cancelled would tell the user that this peer stops.
TEST_F(FetcherTest, AHolderThatBreaksOffIsUnreachable) {
  for (const uint64_t size : {uint64_t{1000}, 3 * kMiB}) {
    const FakeBook book = FakeBook::OfSize(size);
    FakeHolder holder(book);
    holder.BreakOff();
    EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "PEER_UNREACHABLE");
    StartOver();
  }
}

// Each time it is asked by new threads, which leave nothing behind.
TEST_F(FetcherTest, AHolderThatRefusesForLongCostsNoMemory) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB);
  FakeHolder holder(book);
  holder.QueueFull(200, absl::Milliseconds(1));
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), {}, '\n');
  };
  const ptrdiff_t before = mappings();
  ptrdiff_t after = 0;
  Fetcher::Job job = JobFor(book, {{&holder}});
  job.on_progress = [&](uint64_t bytes, std::optional<QueuePlace>) {
    if (bytes > 0 && after == 0) after = mappings();
  };
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
  EXPECT_GE(holder.downloads(), 200);
  // A refusal that kept its thread would cost two: its stack and the guard before it.
  EXPECT_LT(after, before + holder.downloads());
}

// --- Liars ---

TEST_F(FetcherTest, OnlyTheBadPieceIsFetchedAgain) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB + 7);
  FakeHolder liar(book);
  liar.CorruptPiece(1);
  FakeHolder good(book);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&liar}, {&liar, &good}})), "OK");
  EXPECT_THAT(liar.offsets(), ElementsAre(0)) << "a liar is not asked twice";
  EXPECT_THAT(good.offsets(), Contains(kMiB));
  EXPECT_THAT(good.offsets(), Not(Contains(0))) << "what was verified stays";
  EXPECT_LE(good.bytes_sent(), 2 * kMiB + 7);
  EXPECT_EQ(good.manifests(), 0);
  EXPECT_EQ(liar.reports(), 1) << "it may not know that its file has changed";
  EXPECT_EQ(good.reports(), 0);
}

TEST_F(FetcherTest, TheLastBytesCountToo) {
  const FakeBook book = FakeBook::OfSize(kMiB + 1);
  FakeHolder liar(book);
  liar.CorruptPiece(1);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&liar}})), "CONTENT_MISMATCH");
  EXPECT_EQ(progress(), kMiB);
  EXPECT_EQ(ReadFileAt(path_).size(), kMiB) << "only verified pieces are written";
}

TEST_F(FetcherTest, TwoLiarsCanMakeUpForEachOther) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder first(book);
  first.CorruptPiece(2);
  FakeHolder second(book);
  second.CorruptPiece(0);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&first}, {&first, &second}})), "OK");
  EXPECT_THAT(second.offsets(), ElementsAre(2 * kMiB));
}

TEST_F(FetcherTest, AManifestIsNotBelievedUnlessItHasTheRoot) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  for (FakeHolder::Lie lie : {FakeHolder::Lie::kWrongHash, FakeHolder::Lie::kNoHashes,
                              FakeHolder::Lie::kOneTooFew, FakeHolder::Lie::kHalfAHash}) {
    SCOPED_TRACE(static_cast<int>(lie));
    StartOver();
    FakeHolder liar(book);
    liar.LieAboutManifest(lie);
    FakeHolder good(book);
    EXPECT_EQ(ReasonOf(Fetch(book, {{&liar}, {&liar, &good}})), "OK");
    EXPECT_EQ(liar.manifests(), 1);
  }
}

TEST_F(FetcherTest, TheFirstPiecesComeWhileTheManifestDoes) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder holder(book);
  holder.GiveManifestLate();
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK");
  EXPECT_EQ(holder.bytes_sent(), book.id.size);
}

TEST_F(FetcherTest, BytesThatWereNotAskedForAreNotTaken) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB + 7);
  const std::map<std::string, void (*)(FakeHolder&)> lies = {
      {"offsets", [](FakeHolder& holder) { holder.SendWrongOffsets(); }},
      {"no data", [](FakeHolder& holder) { holder.SendEmptyChunks(); }},
      {"early end", [](FakeHolder& holder) { holder.EndEarly(kMiB / 2); }},
      {"nothing", [](FakeHolder& holder) { holder.EndEarly(0); }},
  };
  for (const auto& [name, tell] : lies) {
    SCOPED_TRACE(name);
    StartOver();
    FakeHolder liar(book);
    tell(liar);
    FakeHolder good(book);
    EXPECT_EQ(ReasonOf(Fetch(book, {{&liar}, {&liar, &good}})), "OK");
    EXPECT_EQ(liar.downloads(), 1);
    EXPECT_EQ(good.bytes_sent(), book.bytes.size());
    StartOver();
    EXPECT_EQ(ReasonOf(Fetch(book, {{&liar}})), "CONTENT_MISMATCH");
  }
}

TEST_F(FetcherTest, AnEarlyEndAfterSomePiecesKeepsThem) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder early(book);
  early.EndEarly(kMiB + 100);
  FakeHolder good(book);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&early}, {&early, &good}})), "OK");
  EXPECT_THAT(good.offsets(), Contains(kMiB));
  EXPECT_THAT(good.offsets(), Not(Contains(0)));
}

TEST_F(FetcherTest, MessagesThatBringNothingEndTheHolder) {
  using Chatter = FakeHolder::Chatter;
  for (const uint64_t size : {uint64_t{1000}, 3 * kMiB}) {
    const FakeBook book = FakeBook::OfSize(size);
    for (const Chatter chatter : {Chatter::kHeaders, Chatter::kNothing, Chatter::kPlacesAfterHeader,
                                  Chatter::kOtherRange, Chatter::kBytesFirst}) {
      StartOver();
      FakeHolder chatty(book), honest(book);
      chatty.Chat(chatter);
      EXPECT_EQ(GetReason(Fetch(book, {{&chatty}})), Reason::kAnswerInvalid);
      StartOver();
      EXPECT_TRUE(Fetch(book, {{&chatty, &honest}}).ok());
    }
  }
}

TEST_F(FetcherTest, ABookOfOnePieceDoesNotWaitInOneQueueForEver) {
  const FakeBook book = FakeBook::OfSize(kMiB);
  FakeHolder queueing(book), honest(book);
  queueing.QueueForEver();
  FakeClock clock;
  Fetcher fetcher{&holders_, &limiter_, &watchdog_, &clock};
  Fetcher::Job job = JobFor(book, {{&queueing, &honest}});
  // The honest one is asked later, because it has no free slot.
  job.find_holders = [find = job.find_holders] {
    absl::StatusOr<std::vector<BookHolder>> holders = find();
    holders->at(1).free_slots = 0;
    return holders;
  };
  job.on_progress = [&](uint64_t, std::optional<QueuePlace> place) {
    if (place) clock.Advance(absl::Seconds(31));
  };
  EXPECT_TRUE(fetcher.Fetch(job).ok());
  EXPECT_EQ(honest.bytes_sent(), book.bytes.size());
}

TEST_F(FetcherTest, AHolderOfAPartWithoutNewsIsDropped) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder chatty(book), honest(book);
  chatty.HaveOnly({});
  chatty.Chat(FakeHolder::Chatter::kNothing);
  EXPECT_FALSE(Fetch(book, {{&chatty}}).ok());
  StartOver();
  EXPECT_TRUE(Fetch(book, {{&chatty, &honest}}).ok());
}

TEST_F(FetcherTest, OtherHoldersDoNotWaitLongForTheManifestOfOne) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder late(book), honest(book);
  late.KeepManifest();
  EXPECT_TRUE(Fetch(book, {{&late, &honest}}).ok());
  EXPECT_GT(late.manifests() + honest.manifests(), 0);
  EXPECT_LE(late.manifest_patience(), absl::Seconds(10));
}

TEST_F(FetcherTest, TooMuchIsCutOff) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB);
  FakeHolder holder(book);
  holder.SendTooMuch();
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "OK") << "every piece was right";
}

// --- Holders that fail ---

TEST_F(FetcherTest, GoesOnElsewhereWhenAHolderStopsAnswering) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder silent(book);
  silent.SetChunkBytes(kMiB / 4 * 3);
  silent.StopAnswering(kMiB + kMiB / 2);  // half a piece is lost
  FakeHolder good(book);
  std::future<absl::Status> fetch = std::async(std::launch::async, [&] {
    return Fetch(book, {{&silent}, {&good}});
  });
  LetTimePass(silent, kMiB);
  EXPECT_EQ(ReasonOf(fetch.get()), "OK");
  EXPECT_THAT(good.offsets(), Contains(kMiB));
  EXPECT_THAT(good.offsets(), Not(Contains(0)));
}

TEST_F(FetcherTest, APieceNowAndThenIsProgress) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  std::vector<std::unique_ptr<FakeHolder>> slow;
  for (int i = 0; i < 3; ++i) {
    slow.push_back(std::make_unique<FakeHolder>(book));
    slow.back()->StopAnswering(kMiB);
  }
  FakeHolder good(book);
  // Between them no holder can be reached: three rounds in vain, but never two in a row.
  std::future<absl::Status> fetch = std::async(std::launch::async, [&] {
    return Fetch(book,
                 {{}, {slow[0].get()}, {}, {slow[1].get()}, {}, {slow[2].get()}, {}, {&good}});
  });
  for (size_t i = 0; i < slow.size(); ++i) LetTimePass(*slow[i], (i + 1) * kMiB);
  EXPECT_EQ(ReasonOf(fetch.get()), "OK");
  EXPECT_THAT(good.offsets(), ElementsAre(3 * kMiB));
}

TEST_F(FetcherTest, GivesUpWhenThereIsNoHolder) {
  const FakeBook book = FakeBook::OfSize(1000);
  EXPECT_EQ(ReasonOf(Fetch(book, {{}})), "NO_HOLDER_REACHABLE");
  EXPECT_GT(asked_, 1U) << "once more: a holder may have come";
}

TEST_F(FetcherTest, TakesNothingFromAHolderThatCannotProveItsKey) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder other(book);
  other.ProveAnotherKey();
  EXPECT_EQ(ReasonOf(Fetch(book, {{&other}})), "NO_HOLDER_REACHABLE");
  EXPECT_EQ(other.downloads(), 0);
}

TEST_F(FetcherTest, UnderAnotherLimitItAsksInAnotherWay) {
  // Seconds, unless the limit goes with the first piece.
  const FakeBook book = FakeBook::OfSize(16 * kMiB);
  FakeHolder holder(book);
  limiter_.SetRate(8 * kMiB);
  Fetcher::Job job = JobFor(book, {{&holder}});
  job.on_progress = [&](uint64_t bytes, std::optional<QueuePlace>) {
    if (bytes > 0) limiter_.SetRate(0);
  };
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
  ASSERT_GE(holder.bites().size(), 2U);
  EXPECT_GT(holder.bites().front(), 0U);
  EXPECT_EQ(holder.bites().back(), 0U) << "without a limit";
}

TEST_F(FetcherTest, DoesNotWaitForADeadHolder) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder silent(book);
  silent.FallSilent();
  auto dead = std::make_unique<FakeHolder>(book);
  FakeHolder good(book);
  Fetcher::Job job = JobFor(book, {{&silent, dead.get(), &good}});
  const std::vector<BookHolder> holders = *job.find_holders();
  dead.reset();
  job.find_holders = [&] { return holders; };
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
}

TEST_F(FetcherTest, WhenTheSourceSaysMovedNoOtherHolderIsAsked) {
  const FakeBook book = FakeBook::OfSize(1000);
  const PublicKey to = PrivateKey::Generate().public_key();
  FakeHolder moved(book);
  moved.SayMoved(to);
  FakeHolder good(book);
  Fetcher::Job job = JobFor(book, {{&moved}, {&good}});
  job.source = moved.AsHolder(1).key;
  const absl::Status status = FetchJob(book, job);
  EXPECT_EQ(ReasonOf(status), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(status)["moved_to_public_key"], to.hex());
  EXPECT_EQ(good.downloads(), 0);
  // The same answer from another holder does not matter.
  asked_ = 0;
  job = JobFor(book, {{&moved}, {&good}});
  job.source = good.AsHolder(1).key;
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
}

TEST_F(FetcherTest, ReturnsTheErrorOfTheIndex) {
  const FakeBook book = FakeBook::OfSize(1000);
  Fetcher::Job job = JobFor(book, {{}});
  job.find_holders = [] { return MakeError(Reason::kIndexUnreachable, "no index"); };
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "INDEX_UNREACHABLE");
}

TEST_F(FetcherTest, SaysThatTheDiskIsFull) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(kMiB);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder holder(book);
  OpenFile((*disk)->path() + "/fetched");
  EXPECT_EQ(ReasonOf(Fetch(book, {{&holder}})), "DISK_FULL");
  EXPECT_EQ(holder.downloads(), 1);
  fd_ = UniqueFd();
}

// --- Holders of a part ---

TEST_F(FetcherTest, HoldersOfPartsMakeUpAWholeBook) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder ends(book);
  ends.HaveOnly({3, 0});
  FakeHolder middle(book);
  middle.HaveOnly({1, 2});
  EXPECT_EQ(ReasonOf(Fetch(book, {{&ends, &middle}})), "OK");
  EXPECT_THAT(ends.offsets(), UnorderedElementsAre(0, 3 * kMiB));
  EXPECT_THAT(middle.offsets(), UnorderedElementsAre(kMiB, 2 * kMiB));
  EXPECT_EQ(ends.manifests() + middle.manifests(), 1)
      << "a holder of a part knows the whole manifest";
}

TEST_F(FetcherTest, FollowsTheNewPiecesOfAHolderOfAPart) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder growing(book);
  growing.HaveOnly({2});
  Fetcher::Job job = JobFor(book, {{&growing}});
  job.on_progress = [&](uint64_t bytes, std::optional<QueuePlace>) {
    if (bytes == kMiB) growing.HaveOnly({2, 0});
    if (bytes == 2 * kMiB) growing.HaveAll();
  };
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
  EXPECT_EQ(growing.bytes_sent(), book.bytes.size());
  EXPECT_EQ(growing.offsets()[0], 2 * kMiB);
  EXPECT_EQ(growing.offsets()[1], 0U);
}

TEST_F(FetcherTest, AHolderOfTheWholeBookGivesWhatTheOthersLack) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder part(book);
  part.HaveOnly({0, 3});
  part.KnowNoManifest();
  FakeHolder whole(book);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&part, &whole}})), "OK");
  EXPECT_GE(whole.bytes_sent(), 2 * kMiB);
  EXPECT_EQ(part.manifests(), 0) << "it is the last one to be asked";
}

TEST_F(FetcherTest, HoldersOfPartsAreNotWaitedForForEver) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder part(book);
  part.HaveOnly({1});
  std::future<absl::Status> fetch =
      std::async(std::launch::async, [&] { return Fetch(book, {{&part}}); });
  while (fetch.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    clock_.Advance(absl::Seconds(6));
  }
  EXPECT_EQ(ReasonOf(fetch.get()), "NO_HOLDER_REACHABLE") << "which is no reason to drop it";
  EXPECT_EQ(progress(), kMiB);
}

TEST_F(FetcherTest, AHolderOfAPartThatGivesUpDoesNotEndTheFetch) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder part(book);
  part.HaveOnly({1});
  part.GiveUp();
  FakeHolder no_manifest(book);
  no_manifest.HaveOnly({2});
  no_manifest.KnowNoManifest();
  EXPECT_EQ(ReasonOf(Fetch(book, {{&no_manifest}, {&part}})), "NO_HOLDER_REACHABLE");
  FakeHolder good(book);
  EXPECT_EQ(ReasonOf(Fetch(book, {{&part}, {&part, &good}})), "OK");
}

TEST_F(FetcherTest, OffersOnlyVerifiedPieces) {
  const FakeBook book = FakeBook::OfSize(4 * kMiB);
  FakeHolder liar(book);
  liar.CorruptPiece(2);
  FakeHolder good(book);
  // It begins at a piece by chance, and with the bad one nothing is verified.
  while (progress() == 0 && !HasFailure()) {
    asked_ = 0;
    PartialBook offer(book.id, UniqueFd());
    Fetcher::Job job = JobFor(book, {{&liar}});
    job.offer = &offer;
    EXPECT_EQ(ReasonOf(FetchJob(book, job)), "CONTENT_MISMATCH");
    EXPECT_FALSE(offer.Has(2)) << "it came, but it is not the book's";
    EXPECT_EQ(offer.manifest(), book.pieces);
  }
  // The pieces that an interrupted fetch left are verified and offered again.
  PartialBook again(book.id, UniqueFd());
  {
    MutexLock lock(&mutex_);
    progress_ = 0;
  }
  asked_ = 0;
  Fetcher::Job job = JobFor(book, {{&good}});
  job.offer = &again;
  EXPECT_EQ(ReasonOf(FetchJob(book, job)), "OK");
  EXPECT_TRUE(again.Await(0, 4, absl::ZeroDuration()).whole);
  EXPECT_LT(good.bytes_sent(), book.bytes.size());
}

// --- Stopping ---

TEST_F(FetcherTest, StopEndsASilentStream) {
  const FakeBook book = FakeBook::OfSize(3 * kMiB);
  FakeHolder silent(book);
  silent.StopAnswering(kMiB);
  std::future<absl::Status> fetch =
      std::async(std::launch::async, [&] { return Fetch(book, {{&silent}}); });
  ASSERT_TRUE(silent.AwaitSilence());
  fetcher_.Stop();
  EXPECT_TRUE(absl::IsCancelled(fetch.get()));
  EXPECT_TRUE(absl::IsCancelled(Fetch(book, {{&silent}}))) << "and every later fetch";
  EXPECT_EQ(silent.downloads(), 1);
}

TEST_F(FetcherTest, StopEndsAWaitForAQueue) {
  const FakeBook book = FakeBook::OfSize(1000);
  FakeHolder holder(book);
  holder.QueueFull(1'000'000, absl::Hours(1));
  std::promise<void> begun;
  Fetcher::Job job = JobFor(book, {{&holder}});
  job.find_holders = [&, find = job.find_holders] {
    if (asked_ == 0) begun.set_value();
    return find();
  };
  std::future<absl::Status> fetch =
      std::async(std::launch::async, [&] { return FetchJob(book, job); });
  begun.get_future().wait();
  fetcher_.Stop();
  EXPECT_TRUE(absl::IsCancelled(fetch.get()));
}

TEST_F(FetcherTest, StopEndsAPause) {
  const FakeBook book = FakeBook::OfSize(2 * kMiB);
  FakeHolder holder(book);
  limiter_.SetRate(1);  // a byte a second: weeks
  std::promise<void> begun;
  Fetcher::Job job = JobFor(book, {{&holder}});
  job.on_progress = [&](uint64_t bytes, std::optional<QueuePlace>) {
    if (bytes == kMiB) begun.set_value();
  };
  std::future<absl::Status> fetch =
      std::async(std::launch::async, [&] { return FetchJob(book, job); });
  begun.get_future().wait();
  fetcher_.Stop();
  EXPECT_TRUE(absl::IsCancelled(fetch.get()));
}

// --- Holders ---

TEST(Holders, ReachableProvesKeysAndMeasures) {
  const FakeBook book = FakeBook::OfSize(10);
  FakeHolder a(book);
  FakeHolder b(book);
  FakeHolder liar(book);
  liar.ProveAnotherKey();
  Holders holders(Dialer::Plaintext());
  const std::vector<BookHolder> found =
      holders.Reachable({a.AsHolder(1), liar.AsHolder(2), b.AsHolder(3)}, absl::Seconds(30));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_LE(found[0].round_trip, found[1].round_trip);
  EXPECT_NE(found[0].peer_id, 2U);
  EXPECT_NE(found[1].peer_id, 2U);
  EXPECT_TRUE(holders.Reachable({}, absl::Seconds(1)).empty());
}

TEST(Holders, ALowLimitHasAConnectionOfItsOwn) {
  const FakeBook book = FakeBook::OfSize(10);
  FakeHolder near(book);
  Holders holders(Dialer::Plaintext());
  const auto wide = holders.Stub(near.address(), near.AsHolder(1).key);
  ASSERT_EQ(holders.Reachable({near.AsHolder(1)}, absl::Seconds(30)).size(), 1U);
  EXPECT_EQ(holders.Stub(near.address(), near.AsHolder(1).key), wide);
  const auto slow = holders.Stub(near.address(), near.AsHolder(1).key, 1000);
  EXPECT_NE(slow, wide);
  EXPECT_EQ(holders.Stub(near.address(), near.AsHolder(1).key, 2000), slow);
  EXPECT_EQ(holders.Stub(near.address(), near.AsHolder(1).key, uint64_t{1} << 40), wide)
      << "it would be too thin";
}

TEST(Holders, KeepsAConnectionForEachAddressAndKey) {
  Holders holders(Dialer::Plaintext());
  const PublicKey key = PrivateKey::Generate().public_key();
  const std::shared_ptr<v1::FileService::Stub> first = holders.Stub("127.0.0.1:1", key);
  EXPECT_EQ(holders.Stub("127.0.0.1:1", key), first);
  EXPECT_NE(holders.Stub("127.0.0.1:2", key), first);
  EXPECT_NE(holders.Stub("127.0.0.1:1", PrivateKey::Generate().public_key()), first)
      << "another peer may have the address by now";
  for (int port = 1000; port < 1600; ++port) {
    EXPECT_NE(holders.Stub("127.0.0.1:" + std::to_string(port), key), nullptr);
  }
}

}  // namespace
}  // namespace arkshare
