#include <absl/random/random.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "bench/load_agenda.h"
#include "bench/load_asker.h"
#include "bench/load_index.h"
#include "bench/load_modes.h"
#include "bench/load_swarm.h"
#include "lib/core/clock.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(120);
// How long before the end of its lease the search for a silent peer begins.
constexpr absl::Duration kLookAhead = absl::Milliseconds(300);

Swarm::Options SwarmOptions(const LoadOptions& options, const LoadIndex& index) {
  return {{index.address()}, options.peers, options.books, options.holders, options.connections};
}

// Searches for the books of peers that have become silent: they must be there until the lease ends,
// and then be gone.
class LeaseJudge {
 public:
  LeaseJudge(const std::string& index, absl::Duration lease)
      : asker_(index), lease_(lease), thread_([this] { Run(); }) {}
  ~LeaseJudge() {
    stopping_ = true;
    thread_.join();
  }

  void Watch(SwarmPeer* peer) {
    MutexLock lock(&mutex_);
    silent_.push_back(peer);
  }
  void Report() {
    MutexLock lock(&mutex_);
    std::sort(late_ms_.begin(), late_ms_.end());
    Tell("silent peers judged", static_cast<double>(late_ms_.size() + early_));
    Tell("silent peers gone too early", early_);
    if (late_ms_.empty()) return;
    Tell("gone after the lease, median ms", late_ms_[late_ms_.size() / 2]);
    Tell("gone after the lease, longest ms", late_ms_.back());
  }

 private:
  void Run() {
    while (!stopping_) {
      absl::SleepFor(absl::Milliseconds(2));
      std::list<SwarmPeer*> peers;
      {
        MutexLock lock(&mutex_);
        peers.swap(silent_);
      }
      peers.remove_if([this](SwarmPeer* peer) { return IsJudged(*peer); });
      MutexLock lock(&mutex_);
      silent_.splice(silent_.end(), peers);
    }
  }

  bool IsJudged(SwarmPeer& peer) {
    const auto [sent, acknowledged] = peer.LastBeat();
    const absl::Time asked = Now();
    if (asked < sent + lease_ - kLookAhead) return false;
    const int holders = asker_.Holders(peer.content(0));
    if (holders != 0) return false;
    MutexLock lock(&mutex_);
    if (Now() < sent + lease_) {
      ++early_;
    } else {
      const absl::Duration late = asked - (acknowledged + lease_);
      late_ms_.push_back(std::max(0.0, absl::ToDoubleMilliseconds(late)));
    }
    return true;
  }

  Asker asker_;
  const absl::Duration lease_;
  Mutex mutex_;
  std::list<SwarmPeer*> silent_ ABSL_GUARDED_BY(mutex_);
  std::vector<double> late_ms_ ABSL_GUARDED_BY(mutex_);
  int early_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

void TellCounts(const Swarm& swarm) {
  for (const auto& [what, count] : swarm.Counts()) Tell(what, static_cast<double>(count));
}

bool JoinAll(Swarm& swarm) {
  const absl::Time begin = Now();
  for (size_t i = 0; i < swarm.options().peers; ++i) {
    swarm.peer(i).Join();
    // 2,000 a second, so that these searches are no load of their own.
    if (i % 20 == 19) absl::SleepFor(absl::Milliseconds(10));
  }
  const bool all = swarm.WaitOnline(swarm.options().peers, kPatience);
  Tell("peers online", static_cast<double>(swarm.online()));
  Tell("all online after s", absl::ToDoubleSeconds(Now() - begin));
  return all;
}

// Makes peers leave and come back, for `time`.
void Churn(Swarm& swarm, LeaseJudge& judge, Agenda& agenda, const LoadOptions& options,
           LoadIndex& index) {
  absl::BitGen random;
  std::set<int> threads;
  uint64_t most_resident = 0;
  double leaves = 0;
  size_t left = 0;
  const absl::Time begin = Now();
  const double cpu = index.CpuSeconds();
  for (absl::Time now = begin; now < begin + options.time; now = Now()) {
    leaves = absl::ToDoubleSeconds(now - begin) / 60 * options.churn *
             static_cast<double>(options.peers);
    for (; static_cast<double>(left) < leaves; ++left) {
      SwarmPeer& peer = swarm.peer(absl::Uniform<size_t>(random, 0, options.peers));
      if (!peer.online()) continue;
      const size_t kind = left % 10;
      const bool silent = kind == 0 && peer.LastBeat().second != absl::InfiniteFuture();
      peer.Leave(silent     ? Swarm::Leaving::kSilence
                 : kind < 4 ? Swarm::Leaving::kKill
                            : Swarm::Leaving::kUnregister);
      if (silent) judge.Watch(&peer);
      agenda.After(silent ? options.lease + absl::Seconds(5) : absl::Seconds(5),
                   [&peer] { peer.Join(); });
    }
    threads.insert(index.Threads());
    most_resident = std::max(most_resident, index.ResidentBytes());
    absl::SleepFor(absl::Milliseconds(100));
  }
  const double seconds = absl::ToDoubleSeconds(Now() - begin);
  Tell("left and came back", static_cast<double>(left));
  Tell("index CPU under churn, % of a core", 100 * (index.CpuSeconds() - cpu) / seconds);
  Tell("index resident, most MiB", static_cast<double>(most_resident) / (1 << 20));
  Tell("index threads, fewest", *threads.begin());
  Tell("index threads, most", *threads.rbegin());
}

}  // namespace

void RunPeers(const LoadOptions& options) {
  LoadIndex index = StartLoadIndex(options, options.lease);
  Tell("index resident when empty, MiB", static_cast<double>(index.ResidentBytes()) / (1 << 20));
  // Never destroyed, because its streams would still call it.
  Swarm& swarm = *new Swarm(SwarmOptions(options, index));
  Agenda agenda;
  if (!JoinAll(swarm)) return TellCounts(swarm);
  Tell("index CPU to take them, s", index.CpuSeconds());
  Tell("index resident, MiB", static_cast<double>(index.ResidentBytes()) / (1 << 20));

  // Measures one lease in which peers only send heartbeats.
  absl::SleepFor(absl::Seconds(2));
  const double cpu = index.CpuSeconds();
  const absl::Time begin = Now();
  absl::SleepFor(options.lease);
  Tell("index CPU for beats, % of a core",
       100 * (index.CpuSeconds() - cpu) / absl::ToDoubleSeconds(Now() - begin));
  {
    LeaseJudge judge(index.address(), options.lease);
    Churn(swarm, judge, agenda, options, index);
    const bool all = swarm.WaitOnline(options.peers, options.lease + absl::Seconds(20));
    Tell("all came back", all ? 1 : 0);
    judge.Report();
  }
  const auto [listed, books] = Asker(index.address()).Listed();
  Tell("peers listed in the end", static_cast<double>(listed));
  Tell("books listed in the end", static_cast<double>(books));
  Tell("peers confused about their number", static_cast<double>(swarm.confused()));
  TellCounts(swarm);
  agenda.Stop();
}

void RunRebirth(const LoadOptions& options) {
  LoadIndex index = StartLoadIndex(options, options.lease);
  // Never destroyed, because its streams would still call it.
  Swarm& swarm = *new Swarm(SwarmOptions(options, index));
  if (!JoinAll(swarm)) return TellCounts(swarm);
  absl::SleepFor(absl::Seconds(2));
  const std::map<std::string, uint64_t> before = swarm.Counts();

  const double start = index.KillAndRestart();
  const absl::Time begin = Now();
  Tell("index started in s", start);
  Asker asker(index.address());
  std::pair<size_t, uint64_t> listed;
  while (listed.second < options.peers * options.books && Now() < begin + kPatience) {
    absl::SleepFor(absl::Milliseconds(100));
    // Asking the index more often would be a load of its own.
    if (swarm.WaitOnline(options.peers, kPatience)) listed = asker.Listed();
  }
  Tell("searchable again after s", absl::ToDoubleSeconds(Now() - begin));
  Tell("index CPU, s", index.CpuSeconds());
  Tell("index resident, MiB", static_cast<double>(index.ResidentBytes()) / (1 << 20));
  Tell("peers listed", static_cast<double>(listed.first));
  Tell("books listed", static_cast<double>(listed.second));
  Tell("peers confused about their number", static_cast<double>(swarm.confused()));
  for (const auto& [what, count] : swarm.Counts()) {
    const auto earlier = before.find(what);
    Tell(what, static_cast<double>(count - (earlier == before.end() ? 0 : earlier->second)));
  }
}

}  // namespace arkshare
