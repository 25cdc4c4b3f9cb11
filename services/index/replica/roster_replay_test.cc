// A roster that loads the log at any revision, and folds the rest, has the same as one that folded
// all of it.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "services/index/replica/page_merger.h"
#include "services/index/replica/testing/log_writer.h"

namespace arkshare {
namespace {

constexpr uint8_t kPeers = 3;
constexpr int kSteps = 100;

// Mistakes of the rules, which the comparison has to find.
enum class RuleMistake {
  kNone,
  kNoGraves,         // a move writes no tombstone of its own
  kDropsGraves,      // tombstones are deleted without being handed over
  kGravesEndAtOnce,  // tombstones end when the source has stated its folder, and not by key
  kLimitInTheFold,   // a full shelf takes no more books
  kMergeLosesGone,   // a merged page does not say which numbers are gone
  kMergeLosesEnd,    // a merged page does not say how far its pages were
};

// Writes a random log as replicas, and late or lying peers, can write it.
class RandomLog {
 public:
  RandomLog(uint32_t seed, RuleMistake mistake) : random_(seed), mistake_(mistake) {}

  LogWriter Make() {
    log_.Write({{"r/a", "x"}});
    log_.Write({{"r/b", "x"}});
    for (int i = 0; i < kSteps; ++i) Step();
    return std::move(log_);
  }

 private:
  struct Peer {
    int64_t epoch = 0;  // 0: not here
    std::vector<int64_t> former;
    bool complete = false;
    uint64_t sent = 0;
    std::vector<std::pair<std::string, std::string>> pages;  // of the epoch
    LogWriter::Changes merge;                                // decided on, and not written yet
  };

  uint32_t Below(uint32_t limit) { return random_() % limit; }
  uint8_t AnyPeer() { return static_cast<uint8_t>(1 + Below(kPeers)); }
  std::string AnyReplica() { return Below(2) == 0 ? "a" : "b"; }
  // Few numbers and books, so that they meet.
  StatementRecord AnyStatement() {
    const uint64_t number = 1 + Below(8);
    if (Below(4) == 0) return StatementRecord::Gone(number);
    // Sometimes, a number is stated for another book than before.
    const uint64_t book = Below(12) == 0 ? 100 + Below(3) : number;
    return Present(number, absl::StrCat("book ", book), book);
  }
  void Put(uint8_t id, Peer& peer, const replica::PageRecord& page) {
    peer.pages.emplace_back(log_.NextPage(id, peer.epoch, AnyReplica()), page.SerializeAsString());
    log_.Write({{peer.pages.back().first, peer.pages.back().second}});
  }

  void Step() {
    const uint8_t id = AnyPeer();
    Peer& peer = peers_[id];
    switch (Below(14)) {
      case 0: {
        const std::string replica = AnyReplica();
        const bool lives = log_.contents().contains("r/" + replica);
        log_.Write({{"r/" + replica, lives ? std::nullopt : std::optional<std::string>("x")}});
        return;
      }
      case 1:
        if (peer.epoch != 0) peer.former.push_back(peer.epoch);
        peer = Peer{log_.Begin(id, AnyReplica()), peer.former, false, 0, {}, {}};
        return;
      case 2:
        if (peer.epoch == 0 || Below(3) > 0) return;
        log_.Write(
            {{SessionKey(TestKey(id)), std::nullopt}, {ClaimKey(TestKey(id)), std::nullopt}});
        peer.former.push_back(std::exchange(peer.epoch, 0));
        peer.merge.clear();
        return;
      case 3:
      case 4:
        if (peer.epoch != 0) log_.PutClaim(id, peer.epoch, AnyReplica(), Below(4) > 0);
        return;
      case 5:
        // A replica that the peer has left is late.
        if (peer.former.empty()) return;
        log_.PutPage(id, peer.former[Below(static_cast<uint32_t>(peer.former.size()))], 1,
                     {AnyStatement()}, true);
        return;
      case 6:
        return Move(id, peer);
      case 7:
        return HandOver(id, peer);
      case 8:
        // Sent again, because its outcome was unknown.
        if (peer.epoch == 0 || peer.pages.empty()) return;
        log_.Write({{peer.pages.back().first, peer.pages.back().second}});
        return;
      case 9:
      case 10:
        return Merge(id, peer);
      default:
        if (peer.epoch == 0) return;
        std::vector<StatementRecord> statements;
        for (uint32_t i = Below(4); i > 0; --i) statements.push_back(AnyStatement());
        const uint64_t first = peer.sent + 1;
        peer.sent += statements.size();
        const bool complete = Below(3) == 0;
        Put(id, peer, MakePage(first, statements, complete));
        if (!complete) return;
        peer.complete = true;
        if (mistake_ == RuleMistake::kGravesEndAtOnce) DropGraves(id);
    }
  }

  void Move(uint8_t id, const Peer& receiver) {
    if (receiver.epoch == 0) return;
    const uint64_t number = 1 + Below(8);
    auto changes = log_.Move(id, receiver.epoch, Present(10 + number, "moved", 50 + number),
                             AnyPeer(), number);
    if (mistake_ == RuleMistake::kNoGraves) changes.pop_back();
    log_.Write(changes);
  }

  void HandOver(uint8_t id, Peer& peer) {
    if (peer.epoch == 0 || !peer.complete) return;
    std::vector<StatementRecord> gone;
    LogWriter::Changes changes;
    for (const auto& [key, entry] : log_.contents()) {
      const auto parsed = LogKey::Parse(key);
      if (parsed->kind != LogKey::Kind::kGrave || parsed->peer != TestKey(id)) continue;
      if (entry.revision >= peer.epoch) continue;
      replica::GraveRecord grave;
      grave.ParseFromString(entry.value);
      for (const uint64_t number : grave.listing_numbers()) {
        gone.push_back(StatementRecord::Gone(number));
      }
      changes.emplace_back(key, std::nullopt);
    }
    if (changes.empty()) return;
    if (mistake_ != RuleMistake::kDropsGraves) {
      changes.insert(changes.begin(),
                     {log_.NextPage(id, peer.epoch), MakePage(0, gone, false).SerializeAsString()});
    }
    log_.Write(changes);
  }

  // Merges some pages as of now, or writes a merge that was decided on earlier.
  void Merge(uint8_t id, Peer& peer) {
    if (peer.epoch == 0) return;
    if (!peer.merge.empty()) return Write(std::exchange(peer.merge, {}));
    const Folded& folded = Fold();
    const std::vector<StoredPage> pages = folded.roster.PagesOf(TestKey(id), peer.epoch);
    std::vector<const StoredPage*> some;
    for (const StoredPage& page : pages) {
      if (Below(2) == 0) some.push_back(&page);
    }
    if (some.empty()) return;
    replica::PageRecord merged =
        MergePages(folded.catalog, folded.roster.Find(TestKey(id))->shelf, some);
    if (mistake_ == RuleMistake::kMergeLosesGone) merged.clear_gone();
    if (mistake_ == RuleMistake::kMergeLosesEnd) {
      merged.clear_through();
      merged.clear_snapshot_complete();
    }
    peer.merge = {{log_.NextPage(id, peer.epoch), merged.SerializeAsString()}};
    for (const StoredPage* page : some) peer.merge.emplace_back(page->key, std::nullopt);
    if (Below(2) == 0) Write(std::exchange(peer.merge, {}));
  }
  void Write(const LogWriter::Changes& changes) { log_.Write(changes); }
  // Folds what was written since the last call.
  Folded& Fold() {
    for (; folded_steps_ < log_.steps().size(); ++folded_steps_) {
      const auto& [revision, events] = log_.steps()[folded_steps_];
      folded_.roster.Step(revision, events);
    }
    return folded_;
  }

  void DropGraves(uint8_t id) {
    LogWriter::Changes changes;
    for (const auto& [key, entry] : log_.contents()) {
      const auto parsed = LogKey::Parse(key);
      if (parsed->kind == LogKey::Kind::kGrave && parsed->peer == TestKey(id)) {
        changes.emplace_back(key, std::nullopt);
      }
    }
    if (!changes.empty()) log_.Write(changes);
  }

  std::mt19937 random_;
  const RuleMistake mistake_;
  LogWriter log_;
  std::map<uint8_t, Peer> peers_;
  Folded folded_;
  size_t folded_steps_ = 0;
};

// A replica whose fold refuses books beyond a limit of its own.
class LimitedFold : public LogFold {
 public:
  LimitedFold(Folded* folded, size_t limit) : folded_(*folded), limit_(limit) {}

  void Load(int64_t revision, std::vector<LogEntry> entries) override {
    // One by one, as the limit is asked before each.
    folded_.roster.Load(revision, {});
    for (LogEntry& entry : entries) Step(entry.revision, {{entry.key, entry.value}});
  }
  void Step(int64_t revision, std::vector<LogEvent> events) override {
    std::erase_if(events, [&](const LogEvent& event) {
      const auto key = LogKey::Parse(event.key);
      if (!key.has_value() || key->kind != LogKey::Kind::kPage) return false;
      const auto peer = folded_.catalog.FindPeer(key->peer);
      return peer.has_value() && peer->book_count >= limit_;
    });
    folded_.roster.Step(revision, std::move(events));
  }
  void Refounded() override {}

 private:
  Folded& folded_;
  const size_t limit_;
};

// Returns in how many of the logs a roster that was loaded differs from one that folded everything.
int CountDifferences(int logs, RuleMistake mistake) {
  int different = 0;
  for (int seed = 1; seed <= logs; ++seed) {
    const LogWriter log = RandomLog(static_cast<uint32_t>(seed), mistake).Make();
    const auto fold_of = [&](Folded& folded) -> std::unique_ptr<LogFold> {
      return std::make_unique<LimitedFold>(&folded,
                                           mistake == RuleMistake::kLimitInTheFold ? 3 : SIZE_MAX);
    };
    // The contents at each revision, as a load finds them.
    LogWriter so_far;
    Folded replayed;
    const auto replay = fold_of(replayed);
    bool same = true;
    std::mt19937 random(static_cast<uint32_t>(seed));
    for (const auto& [revision, events] : log.steps()) {
      LogWriter::Changes changes;
      for (const LogEvent& event : events) changes.emplace_back(event.key, event.value);
      so_far.Write(changes);
      replay->Step(revision, events);
      if (!same || random() % 4 > 0) continue;
      Folded loaded;
      if (mistake == RuleMistake::kLimitInTheFold) {
        fold_of(loaded)->Load(so_far.revision(), so_far.Entries());
      } else {
        loaded.roster.Load(so_far.revision(), so_far.Entries());
      }
      same = loaded.Describe() == replayed.Describe();
      if (!same && mistake == RuleMistake::kNone) {
        ADD_FAILURE() << "seed " << seed << " revision " << revision << "\nreplayed:\n"
                      << replayed.Describe() << "loaded:\n"
                      << loaded.Describe();
      }
    }
    if (!same) ++different;
    if (mistake != RuleMistake::kNone && different > 0) return different;
  }
  return different;
}

TEST(RosterReplayTest, ALoadIsTheSameAsAReplay) {
  EXPECT_EQ(CountDifferences(100, RuleMistake::kNone), 0);
}

// A live roster that loads again, because it may have missed something, has the same as well.
TEST(RosterReplayTest, AReconciledRosterHasMissedNothing) {
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    const LogWriter log = RandomLog(seed, RuleMistake::kNone).Make();
    LogWriter so_far;
    Folded replayed;
    Folded gappy;
    std::mt19937 random(seed);
    for (const auto& [revision, events] : log.steps()) {
      LogWriter::Changes changes;
      for (const LogEvent& event : events) changes.emplace_back(event.key, event.value);
      so_far.Write(changes);
      replayed.roster.Step(revision, events);
      const uint32_t chance = random() % 8;
      if (chance == 0) gappy.roster.Load(so_far.revision(), so_far.Entries());
      if (chance > 3) gappy.roster.Step(revision, events);
      if (chance != 0) continue;
      ASSERT_EQ(gappy.Describe(), replayed.Describe()) << "seed " << seed << " at " << revision;
    }
  }
}

TEST(RosterReplayTest, MistakesAreFound) {
  for (const RuleMistake mistake :
       {RuleMistake::kNoGraves, RuleMistake::kDropsGraves, RuleMistake::kGravesEndAtOnce,
        RuleMistake::kLimitInTheFold, RuleMistake::kMergeLosesGone, RuleMistake::kMergeLosesEnd}) {
    EXPECT_GT(CountDifferences(300, mistake), 0) << static_cast<int>(mistake);
  }
}

}  // namespace
}  // namespace arkshare
