#include "services/index/shared_log/testing/memory_log.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"

namespace arkshare {
namespace {

constexpr size_t kNameBytes = 8;
constexpr size_t kBirthBytes = 16;

using SteadyTime = std::chrono::steady_clock::time_point;

absl::Status Unreachable() {
  return MakeError(Reason::kStoreUnreachable, "the store does not answer: try again", {},
                   absl::Seconds(1));
}

}  // namespace

class MemoryLog : public SharedLog {
 public:
  explicit MemoryLog(MemoryEngine* engine)
      : engine_(*engine), name_(ToHex(RandomBytes(kNameBytes))) {}
  ~MemoryLog() override {
    Stop();
    MutexLock lock(&engine_.mutex_);
    if (engine_.expire_at_end_) engine_.MakeLocked({{"r/" + name_, std::nullopt}});
  }

  void Introduce(std::string about) override { about_ = std::move(about); }
  void Start(LogFold* fold) override {
    fold_ = fold;
    {
      MutexLock lock(&engine_.mutex_);
      engine_.MakeLocked({{"r/" + name_, about_}});
    }
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() override {
    {
      MutexLock lock(&engine_.mutex_);
      stopped_ = true;
      engine_.changed_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
    FailAll(MakeError(Reason::kShuttingDown, "the log stops"));
  }

  void Commit(Write write, Done done) override {
    absl::Status refused;
    {
      MutexLock lock(&engine_.mutex_);
      refused = RefusedLocked();
      if (refused.ok() && engine_.full_) {
        refused = MakeError(Reason::kStoreFull, "the store is full: tell the operator");
      }
      if (refused.ok()) {
        Outcome outcome = engine_.TryLocked(write);
        if (outcome.made) ++transactions_;
        for (; engine_.lost_outcomes_ > 0; --engine_.lost_outcomes_) {
          outcome = engine_.TryLocked(write);
        }
        const int64_t revision = outcome.revision;
        waiting_.push_back({revision, std::nullopt,
                            [outcome = std::move(outcome), done](const absl::Status& status) {
                              if (status.ok()) return done(outcome);
                              done(status);
                            }});
        engine_.changed_.NotifyAll();
        return;
      }
    }
    done(refused);
  }

  void Mark(Reached done) override {
    absl::Status refused;
    {
      MutexLock lock(&engine_.mutex_);
      refused = RefusedLocked();
      if (refused.ok()) {
        engine_.MakeLocked({{"r/" + name_, about_}});
        AddLocked(engine_.revision_, std::nullopt, std::move(done));
        return;
      }
    }
    done(refused);
  }

  void Await(int64_t revision, absl::Duration limit, Reached done) override {
    {
      MutexLock lock(&engine_.mutex_);
      if (!stopped_) {
        return AddLocked(revision,
                         std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit),
                         std::move(done));
      }
    }
    done(MakeError(Reason::kShuttingDown, "the log stops"));
  }

  const std::string& replica() const override { return name_; }
  std::string birth() const override {
    MutexLock lock(&engine_.mutex_);
    return birth_;
  }
  int64_t founded() const override {
    MutexLock lock(&engine_.mutex_);
    return founded_;
  }
  State state() const override {
    MutexLock lock(&engine_.mutex_);
    if (CutOffLocked()) return State::kCutOff;
    return birth_.empty() ? State::kJoining : State::kLive;
  }
  int64_t applied() const override { return applied_; }
  absl::Duration behind() const override {
    MutexLock lock(&engine_.mutex_);
    if (!CutOffLocked()) return absl::ZeroDuration();
    return std::max(absl::Nanoseconds(1),
                    absl::FromChrono(std::chrono::steady_clock::now() - cut_off_since_));
  }
  LogMetrics metrics() const override {
    LogMetrics metrics;
    metrics.state = state();
    metrics.applied = applied();
    metrics.behind = behind();
    metrics.transactions = transactions_;
    return metrics;
  }

 private:
  struct Waiting {
    int64_t revision = 0;
    std::optional<SteadyTime> deadline;
    std::function<void(const absl::Status&)> done;
  };

  bool CutOffLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    return engine_.all_cut_off_ || engine_.cut_off_.contains(name_);
  }
  absl::Status RefusedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    if (stopped_) return MakeError(Reason::kShuttingDown, "the log stops");
    return CutOffLocked() || birth_.empty() ? Unreachable() : absl::OkStatus();
  }
  void AddLocked(int64_t revision, std::optional<SteadyTime> deadline, Reached done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    waiting_.push_back({revision, deadline, [revision, done](const absl::Status& status) {
                          if (status.ok()) return done(revision);
                          done(status);
                        }});
    engine_.changed_.NotifyAll();
  }
  void FailAll(const absl::Status& why) {
    std::vector<Waiting> failed;
    {
      MutexLock lock(&engine_.mutex_);
      failed.swap(waiting_);
    }
    for (const Waiting& waiting : failed) waiting.done(why);
  }

  // Returns the answers that can be given now, and moves the place of the next deadline closer.
  std::vector<std::pair<Waiting, absl::Status>> TakeAnswersLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    std::vector<std::pair<Waiting, absl::Status>> answers;
    std::vector<Waiting> rest;
    const SteadyTime now = std::chrono::steady_clock::now();
    for (Waiting& waiting : waiting_) {
      if (waiting.revision <= applied_) {
        answers.emplace_back(std::move(waiting), absl::OkStatus());
      } else if (waiting.deadline.has_value() && *waiting.deadline <= now) {
        answers.emplace_back(
            std::move(waiting),
            MakeError(Reason::kIndexBehind, "call another index", {}, absl::Seconds(1)));
      } else if (!waiting.deadline.has_value() && CutOffLocked()) {
        answers.emplace_back(std::move(waiting), Unreachable());
      } else {
        rest.push_back(std::move(waiting));
      }
    }
    waiting_.swap(rest);
    return answers;
  }

  void WaitLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    std::optional<SteadyTime> next;
    for (const Waiting& waiting : waiting_) {
      if (waiting.deadline.has_value() && (!next.has_value() || *waiting.deadline < *next)) {
        next = waiting.deadline;
      }
    }
    if (!next.has_value()) return engine_.changed_.Wait(&engine_.mutex_);
    engine_.changed_.WaitFor(&engine_.mutex_,
                             absl::FromChrono(*next - std::chrono::steady_clock::now()));
  }

  void Run() {
    while (true) {
      std::vector<std::pair<Waiting, absl::Status>> answers;
      std::function<void()> fold;
      {
        MutexLock lock(&engine_.mutex_);
        while (true) {
          if (stopped_) return;
          if (CutOffLocked() && !was_cut_off_) {
            cut_off_since_ = std::chrono::steady_clock::now();
          }
          was_cut_off_ = CutOffLocked();
          answers = TakeAnswersLocked();
          if (!answers.empty()) break;
          if (!was_cut_off_ && !engine_.held_.contains(name_)) fold = NextLocked();
          if (fold) break;
          WaitLocked();
        }
      }
      for (const auto& [waiting, status] : answers) waiting.done(status);
      if (fold) fold();
    }
  }

  // Returns what is to be folded next; empty for nothing.
  std::function<void()> NextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    if (birth_ != engine_.birth_) {
      const bool refounded = !birth_.empty();
      if (refounded) engine_.MakeLocked({{"r/" + name_, about_}});
      return [this, refounded, load = LoadLocked()] {
        if (refounded) {
          fold_->Refounded();
          // The writes to the log before are lost.
          FailAll(Unreachable());
        }
        load();
      };
    }
    while (next_ < engine_.history_.size()) {
      const MemoryEngine::Revision& step = engine_.history_[next_++];
      if (step.revision <= applied_) continue;
      if (!step.told) return LoadLocked();
      return [this, step] {
        fold_->Step(step.revision, step.events);
        applied_ = step.revision;
      };
    }
    return nullptr;
  }

  std::function<void()> LoadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(engine_.mutex_) {
    std::vector<LogEntry> entries;
    for (const auto& [key, entry] : engine_.contents_) entries.push_back(entry);
    std::stable_sort(entries.begin(), entries.end(), [](const LogEntry& a, const LogEntry& b) {
      return LogOrder(a.key) < LogOrder(b.key);
    });
    next_ = engine_.history_.size();
    return [this, entries = std::move(entries), revision = engine_.revision_,
            birth = engine_.birth_, founded = engine_.founded_] {
      fold_->Load(revision, entries);
      MutexLock lock(&engine_.mutex_);
      applied_ = revision;
      birth_ = birth;
      founded_ = founded;
    };
  }

  MemoryEngine& engine_;
  const std::string name_;
  std::string about_ = "here";
  LogFold* fold_ = nullptr;
  std::atomic<int64_t> applied_ = 0;
  std::atomic<uint64_t> transactions_ = 0;
  bool stopped_ ABSL_GUARDED_BY(engine_.mutex_) = false;
  std::string birth_ ABSL_GUARDED_BY(engine_.mutex_);  // of what was loaded
  int64_t founded_ ABSL_GUARDED_BY(engine_.mutex_) = 0;
  size_t next_ ABSL_GUARDED_BY(engine_.mutex_) = 0;  // in MemoryEngine::history_
  bool was_cut_off_ ABSL_GUARDED_BY(engine_.mutex_) = false;
  SteadyTime cut_off_since_ ABSL_GUARDED_BY(engine_.mutex_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(engine_.mutex_);
  std::thread thread_;
};

MemoryEngine::MemoryEngine() : birth_(RandomBytes(kBirthBytes)) {}

std::unique_ptr<SharedLog> MemoryEngine::MakeReplica() { return std::make_unique<MemoryLog>(this); }

SharedLog::Outcome MemoryEngine::TryLocked(const SharedLog::Write& write) {
  SharedLog::Outcome outcome;
  outcome.made = true;
  for (const SharedLog::Guard& guard : write.guards) {
    const auto entry = contents_.find(guard.key);
    outcome.found.push_back(entry == contents_.end() ? LogEntry{guard.key, "", 0} : entry->second);
    if (outcome.found.back().revision != guard.revision) outcome.made = false;
  }
  if (outcome.made) {
    MakeLocked(write.changes);
    outcome.found.clear();
  }
  outcome.revision = revision_;
  return outcome;
}

void MemoryEngine::MakeLocked(const std::vector<SharedLog::Change>& changes) {
  Revision made;
  made.revision = ++revision_;
  made.told = lost_events_ == 0;
  if (lost_events_ > 0) --lost_events_;
  for (const SharedLog::Change& change : changes) {
    if (change.value.has_value()) {
      contents_[change.key] = {change.key, *change.value, revision_};
    } else if (contents_.erase(change.key) == 0) {
      continue;
    }
    made.events.push_back({change.key, change.value});
  }
  history_.push_back(std::move(made));
  changed_.NotifyAll();
}

void MemoryEngine::ExpireAtEnd() {
  MutexLock lock(&mutex_);
  expire_at_end_ = true;
}

void MemoryEngine::Expire(const std::string& replica) {
  MutexLock lock(&mutex_);
  MakeLocked({{"r/" + replica, std::nullopt}});
}

void MemoryEngine::Hold(const std::string& replica, bool held) {
  MutexLock lock(&mutex_);
  if (held) held_.insert(replica);
  if (!held) held_.erase(replica);
  changed_.NotifyAll();
}

void MemoryEngine::CutOff(const std::string& replica, bool cut_off) {
  MutexLock lock(&mutex_);
  if (cut_off) cut_off_.insert(replica);
  if (!cut_off) cut_off_.erase(replica);
  changed_.NotifyAll();
}

void MemoryEngine::CutOffAll(bool cut_off) {
  MutexLock lock(&mutex_);
  all_cut_off_ = cut_off;
  changed_.NotifyAll();
}

void MemoryEngine::LoseOutcomes(int count) {
  MutexLock lock(&mutex_);
  lost_outcomes_ = count;
}

void MemoryEngine::LoseEvents(int count) {
  MutexLock lock(&mutex_);
  lost_events_ = count;
}

void MemoryEngine::SetFull(bool full) {
  MutexLock lock(&mutex_);
  full_ = full;
}

MemoryEngine::Contents MemoryEngine::Save() {
  MutexLock lock(&mutex_);
  return contents_;
}

void MemoryEngine::Refound(Contents contents) {
  MutexLock lock(&mutex_);
  contents_ = std::move(contents);
  revision_ = 1;
  for (const auto& [key, entry] : contents_) revision_ = std::max(revision_, entry.revision);
  std::erase_if(contents_, [](const auto& entry) { return entry.first.starts_with("r/"); });
  history_.clear();
  birth_ = RandomBytes(kBirthBytes);
  founded_ = ++revision_;
  changed_.NotifyAll();
}

}  // namespace arkshare
