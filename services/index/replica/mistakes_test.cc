// Replicas with a mistake, each of which a check has to find.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "services/index/replica/testing/test_replica.h"

namespace arkshare {
namespace {

enum class Mistake {
  kNone,
  kAnswersEarly,       // an answer comes before what it says was folded here
  kAppliesEarly,       // a replica folds its own writes before the log has made them
  kTwoWritesForAMove,  // a move is gone at the source before it is there at the receiver
  kNoGuardOnHide,      // a claim is written whichever replica has it
};

// A log that makes the mistake.
class MistakenLog : public SharedLog {
 public:
  MistakenLog(Mistake mistake, std::unique_ptr<SharedLog> log)
      : mistake_(mistake), log_(std::move(log)) {}

  void Start(LogFold* fold) override {
    fold_ = fold;
    log_->Start(fold);
  }
  void Stop() override { log_->Stop(); }
  void Commit(Write write, Done done) override {
    const bool claim = write.changes.size() == 1 && write.changes[0].key.starts_with("l/");
    const bool page = write.changes[0].key.starts_with("c/");
    if (mistake_ == Mistake::kNoGuardOnHide && claim) write.guards.clear();
    if (mistake_ == Mistake::kAppliesEarly && page) {
      fold_->Step(log_->applied() + 1, {{write.changes[0].key, write.changes[0].value}});
    }
    if (mistake_ == Mistake::kTwoWritesForAMove && page && write.changes.size() > 1) {
      Write graves = write;
      graves.changes.erase(graves.changes.begin());
      write.changes.resize(1);
      log_->Commit(std::move(graves), [](const absl::StatusOr<Outcome>&) {});
    }
    if (mistake_ == Mistake::kAnswersEarly && page) {
      log_->Commit(std::move(write), [](const absl::StatusOr<Outcome>&) {});
      return done(Outcome{log_->applied() + 1, true, {}});
    }
    log_->Commit(std::move(write), std::move(done));
  }
  void Mark(Reached done) override { log_->Mark(std::move(done)); }
  void Await(int64_t revision, absl::Duration limit, Reached done) override {
    log_->Await(revision, limit, std::move(done));
  }
  const std::string& replica() const override { return log_->replica(); }
  std::string birth() const override { return log_->birth(); }
  State state() const override { return log_->state(); }
  int64_t applied() const override { return log_->applied(); }
  absl::Duration behind() const override { return log_->behind(); }
  LogMetrics metrics() const override { return log_->metrics(); }

 private:
  const Mistake mistake_;
  const std::unique_ptr<SharedLog> log_;
  LogFold* fold_ = nullptr;
};

// Two replicas, of which the first makes the mistake.
class MistakenReplicas {
 public:
  explicit MistakenReplicas(Mistake mistake)
      : a_(&engine_, &clock_,
           [mistake](std::unique_ptr<SharedLog> log) {
             return std::make_unique<MistakenLog>(mistake, std::move(log));
           }),
        b_(&engine_, &clock_) {}

  // Each returns whether the check holds.

  // An answer says what a reader of this replica finds.
  bool AnswersWhatIsFolded() {
    const std::string token = Register(a_, 1);
    const uint64_t stream = Open(a_, token);
    engine_.Hold(a_.name(), true);
    std::atomic<bool> answered = false;
    a_.sessions().Apply(token, stream, Message(1, {Present(1, "book", 1)}),
                        [&](const absl::StatusOr<Sessions::Applied>&) { answered = true; });
    const bool early = answered && a_.BooksOf(1).empty();
    engine_.Hold(a_.name(), false);
    a_.Settle();
    return !early && answered;
  }

  // A reader finds nothing that the log may not have made: it is what any replica can find.
  bool ShowsWhatTheLogHas() {
    const std::string token = Register(a_, 1);
    const uint64_t stream = Open(a_, token);
    engine_.SetFull(true);
    SayTo(a_, token, stream, {Present(1, "book", 1)});
    const bool early = !a_.BooksOf(1).empty();
    engine_.SetFull(false);
    return !early;
  }

  // A moved book is at one peer at every moment, at every replica.
  bool MovesInOneStep() {
    const std::string source = Register(a_, 1);
    SayTo(a_, source, Open(a_, source), {Present(7, "book", 1)});
    const std::string receiver = Register(a_, 2);
    Open(a_, receiver);
    b_.Settle();
    std::atomic<int> wrong = 0;
    b_.on_change = [&] {
      if (b_.BooksOf(1).size() + b_.BooksOf(2).size() != 1) ++wrong;
    };
    a_.sync()
        .UpdateOwner(receiver, {OwnerChange{TestKey(1), 7, Present(1, "book", 1)}})
        .IgnoreError();
    b_.Settle();
    b_.on_change = nullptr;
    return wrong == 0 && b_.BooksOf(2).size() == 1;
  }

  // A peer that has gone to another replica stays listed when its former one hears that it left.
  bool AStreamThatMovedStaysListed() {
    const std::string token = Register(a_, 1);
    const uint64_t stream = Open(a_, token);
    SayTo(a_, token, stream, {Present(1, "book", 1)});
    engine_.Hold(a_.name(), true);  // it does not know yet
    Open(b_, token);
    a_.sessions().CloseStream(token, stream, [] {});
    engine_.Hold(a_.name(), false);
    a_.Settle();
    b_.Settle();
    return b_.BooksOf(1).size() == 1;
  }

 private:
  static std::string Register(IndexReplica& at, uint8_t key) {
    return at.sync().Register({at.sync().BeginRegistration(), TestPeer(key, key), true, ""})->token;
  }
  static uint64_t Open(IndexReplica& at, const std::string& token) {
    return at.sync().OpenStream(token, "127.0.0.1", [](const absl::Status&) {})->stream_id;
  }
  static Announcement Message(uint64_t first, std::vector<StatementRecord> statements) {
    Announcement announcement;
    announcement.first_sequence = first;
    announcement.statements = std::move(statements);
    return announcement;
  }
  static void SayTo(IndexReplica& at, const std::string& token, uint64_t stream,
                    std::vector<StatementRecord> statements) {
    at.sync().Apply(token, stream, Message(1, std::move(statements))).IgnoreError();
  }

  FakeClock clock_;
  MemoryEngine engine_;
  IndexReplica a_;
  IndexReplica b_;
};

using Check = bool (MistakenReplicas::*)();

bool Holds(Mistake mistake, Check check) {
  MistakenReplicas replicas(mistake);
  return (replicas.*check)();
}

TEST(MistakesTest, ReplicasWithoutAMistakePassEachCheck) {
  EXPECT_TRUE(Holds(Mistake::kNone, &MistakenReplicas::AnswersWhatIsFolded));
  EXPECT_TRUE(Holds(Mistake::kNone, &MistakenReplicas::ShowsWhatTheLogHas));
  EXPECT_TRUE(Holds(Mistake::kNone, &MistakenReplicas::MovesInOneStep));
  EXPECT_TRUE(Holds(Mistake::kNone, &MistakenReplicas::AStreamThatMovedStaysListed));
}

TEST(MistakesTest, EachMistakeIsFound) {
  EXPECT_FALSE(Holds(Mistake::kAnswersEarly, &MistakenReplicas::AnswersWhatIsFolded));
  EXPECT_FALSE(Holds(Mistake::kAppliesEarly, &MistakenReplicas::ShowsWhatTheLogHas));
  EXPECT_FALSE(Holds(Mistake::kTwoWritesForAMove, &MistakenReplicas::MovesInOneStep));
  EXPECT_FALSE(Holds(Mistake::kNoGuardOnHide, &MistakenReplicas::AStreamThatMovedStaysListed));
}

}  // namespace
}  // namespace arkshare
