#include <absl/strings/str_cat.h>
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/load_agenda.h"
#include "bench/load_asker.h"
#include "bench/load_books.h"
#include "bench/load_index.h"
#include "bench/load_modes.h"
#include "bench/load_swarm.h"
#include "bench/search_load.h"
#include "lib/core/clock.h"
#include "lib/rpc/convert.h"

namespace arkshare {
namespace {

constexpr absl::Duration kReplicaLease = absl::Seconds(10);
constexpr absl::Duration kReplicaPatience = absl::Seconds(120);
constexpr absl::Duration kIdle = absl::Seconds(10);
constexpr size_t kKilledPeers = 100;          // one after the other
constexpr size_t kKilledWithTheReplica = 20;  // at the same time
// The two indexes are asked in turns, because the speed of a shared machine changes every second.
constexpr int kOutstandingSearches = 64;
constexpr absl::Duration kSearchTurn = absl::Milliseconds(250);
constexpr int kSearchTurns = 24;

using Acknowledged = std::vector<std::pair<absl::Time, absl::Time>>;

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

// Peers list one more book, and remove it with their next change.
class SteadyChanges {
 public:
  explicit SteadyChanges(Swarm* swarm) : swarm_(*swarm), rounds_(swarm->options().peers) {}

  // Makes `rate` changes a second, one peer after the other, for `time`. Calls `halfway` once.
  Acknowledged Run(double rate, absl::Duration time, const std::function<void()>& halfway = {}) {
    swarm_.TakeAcknowledged();
    const absl::Time begin = Now();
    bool called = halfway == nullptr;
    size_t made = 0;
    for (absl::Duration passed; passed = Now() - begin, passed < time;) {
      if (!called && passed > time / 2) {
        called = true;
        halfway();
      }
      for (; static_cast<double>(made) < rate * absl::ToDoubleSeconds(passed); ++made) Change();
      absl::SleepFor(absl::Milliseconds(1));
    }
    absl::SleepFor(absl::Seconds(3));  // for the last ones
    return swarm_.TakeAcknowledged();
  }
  // Returns how many books a peer has listed.
  uint64_t BooksOf(size_t peer) const { return swarm_.options().books + rounds_[peer] % 2; }

 private:
  void Change() {
    const size_t peer = next_++ % rounds_.size();
    const uint64_t number = swarm_.options().books + 1 + rounds_[peer] / 2;
    v1::Statement statement;
    if (rounds_[peer] % 2 == 0) {
      v1::Listing& listing = *statement.mutable_present();
      listing.set_listing_number(number);
      listing.set_name(absl::StrCat("shelf ", peer, "/a new volume of many.epub"));
      *listing.mutable_content() = ToProto(swarm_.peer(peer).content(0));
      listing.mutable_content()->set_size_bytes(next_);
    } else {
      statement.set_gone_listing_number(number);
    }
    if (swarm_.peer(peer).State(std::move(statement))) ++rounds_[peer];
  }

  Swarm& swarm_;
  std::vector<uint64_t> rounds_;  // changes of each peer
  size_t next_ = 0;
};

void TellAcknowledged(const std::string& what, const Acknowledged& acknowledged) {
  std::vector<double> ms;
  for (const auto& [sent, answered] : acknowledged) {
    ms.push_back(absl::ToDoubleMilliseconds(answered - sent));
  }
  Tell(absl::StrCat(what, ", acknowledged"), static_cast<double>(ms.size()));
  Tell(absl::StrCat(what, ", acknowledged after ms, median"), Quantile(ms, 0.5));
  Tell(absl::StrCat(what, ", acknowledged after ms, p99"), Quantile(ms, 0.99));
}

double LongestPause(Acknowledged acknowledged) {
  std::sort(acknowledged.begin(), acknowledged.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  absl::Duration longest;
  for (size_t i = 1; i < acknowledged.size(); ++i) {
    longest = std::max(longest, acknowledged[i].second - acknowledged[i - 1].second);
  }
  return absl::ToDoubleSeconds(longest);
}

// Waits until an index lists `books`. Returns the seconds since `begin`; -1 after a long time.
double AwaitBooks(const std::string& index, uint64_t books, absl::Time begin) {
  Asker asker(index);
  while (Now() < begin + kReplicaPatience) {
    if (asker.Listed().second == books) return absl::ToDoubleSeconds(Now() - begin);
    absl::SleepFor(absl::Milliseconds(20));
  }
  return -1;
}

void JoinSwarm(Swarm& swarm) {
  for (size_t i = 0; i < swarm.options().peers; ++i) {
    swarm.peer(i).Join();
    // 2,000 a second, so that the dial-backs to this process are no load of their own.
    if (i % 20 == 19) absl::SleepFor(absl::Milliseconds(10));
  }
  swarm.WaitOnline(swarm.options().peers, kReplicaPatience);
}

void KillPeers(Swarm& swarm, const std::string& other, std::vector<bool>& gone) {
  Asker asker(other);
  std::vector<double> ms;
  for (size_t i = 0; ms.size() < kKilledPeers && i < swarm.options().peers; ++i) {
    SwarmPeer& peer = swarm.peer(i);
    if (peer.index() != 0 || !peer.online()) continue;
    gone[i] = true;
    const absl::Time begin = Now();
    peer.Leave(Swarm::Leaving::kKill);
    while (asker.Holders(peer.content(0)) != 0 && Now() < begin + kReplicaPatience) {
    }
    ms.push_back(absl::ToDoubleMilliseconds(Now() - begin));
  }
  Tell("killed peer gone at the other replica after ms, median", Quantile(ms, 0.5));
  Tell("killed peer gone at the other replica after ms, p99", Quantile(ms, 0.99));
}

// Kills a replica together with some of its peers.
void KillReplica(Swarm& swarm, LoadIndex& killed, const std::string& other,
                 const SteadyChanges& changes, std::vector<bool>& gone, uint64_t& books) {
  std::vector<SwarmPeer*> with_it;
  uint64_t their_books = 0;
  size_t left = 0;
  for (size_t i = 0; i < swarm.options().peers; ++i) {
    if (gone[i]) continue;
    ++left;
    if (with_it.size() == kKilledWithTheReplica || swarm.peer(i).index() != 0) continue;
    with_it.push_back(&swarm.peer(i));
    their_books += changes.BooksOf(i);
    gone[i] = true;
  }
  left -= with_it.size();
  Asker asker(other);
  const absl::Time begin = Now();
  killed.Kill();
  for (SwarmPeer* peer : with_it) peer->Leave(Swarm::Leaving::kKill);
  double back = -1;
  double they_are_gone = -1;
  uint64_t fewest = books;
  while ((back < 0 || they_are_gone < 0) && Now() < begin + kReplicaPatience) {
    const uint64_t listed = asker.Listed().second;
    const double seconds = absl::ToDoubleSeconds(Now() - begin);
    fewest = std::min(fewest, listed);
    if (back < 0 && swarm.online() >= left) back = seconds;
    if (they_are_gone < 0 && listed <= books - their_books) they_are_gone = seconds;
  }
  books -= their_books;
  Tell("replica killed, all its peers at the other after s", back);
  Tell("replica killed, most books missing at the other",
       static_cast<double>(books - std::min(books, fewest)));
  Tell("peers killed with their replica, gone after s", they_are_gone);
}

}  // namespace

void RunReplicas(const LoadOptions& options) {
  LoadIndex first = StartLoadIndex(options, kReplicaLease, "replicas");
  const LoadIndex second = StartLoadIndex(options, kReplicaLease, "replicas");
  const double cpu = second.CpuSeconds();
  absl::SleepFor(kIdle);
  Tell("idle replica, % of a core",
       100 * (second.CpuSeconds() - cpu) / absl::ToDoubleSeconds(kIdle));

  // Never destroyed, because its streams would still call it.
  Swarm& swarm = *new Swarm({.indexes = {first.address(), second.address()},
                             .peers = options.peers,
                             .books = options.books,
                             .holders = options.holders,
                             .own_addresses = true});
  const absl::Time begin = Now();
  JoinSwarm(swarm);
  uint64_t books = options.peers * options.books;
  Tell("peers online", static_cast<double>(swarm.online()));
  Tell("peers registered, with their books, a second",
       static_cast<double>(swarm.online()) / absl::ToDoubleSeconds(Now() - begin));
  Tell("all books at both replicas after s", std::max(AwaitBooks(first.address(), books, begin),
                                                      AwaitBooks(second.address(), books, begin)));

  SteadyChanges changes(&swarm);
  const double rate = options.changes / 2;
  TellAcknowledged("change", changes.Run(rate, options.time));
  if (options.etcd_leader != 0) {
    Tell("etcd's leader killed, no change acknowledged for s",
         LongestPause(
             changes.Run(rate, options.time, [&options] { kill(options.etcd_leader, SIGKILL); })));
  }
  std::vector<bool> gone(options.peers);
  KillPeers(swarm, second.address(), gone);
  books = 0;
  for (size_t i = 0; i < options.peers; ++i) books += gone[i] ? 0 : changes.BooksOf(i);
  Tell("books differ after all changes", AwaitBooks(second.address(), books, Now()) < 0 ? 1 : 0);
  KillReplica(swarm, first, second.address(), changes, gone, books);

  const absl::Time started = Now();
  const LoadIndex third = StartLoadIndex(options, kReplicaLease, "replicas");
  Tell("new replica has all books after s", AwaitBooks(third.address(), books, started));
  Tell("replica resident, MiB", static_cast<double>(third.ResidentBytes()) / (1 << 20));
  for (const auto& [what, count] : swarm.Counts()) Tell(what, static_cast<double>(count));
}

void RunReplicaAnnounce(const LoadOptions& options) {
  const LoadIndex first = StartLoadIndex(options, kReplicaLease, "announce");
  const LoadIndex second = StartLoadIndex(options, kReplicaLease, "announce");
  // Never destroyed, because its streams would still call it.
  Swarm& swarm = *new Swarm({.indexes = {first.address(), second.address()},
                             .peers = options.peers,
                             .books = options.books,
                             .holders = options.holders,
                             .own_addresses = true,
                             .register_only = true});
  for (size_t i = 0; i < options.peers; ++i) swarm.peer(i).EncodeSnapshot();
  const absl::Time joined = Now();
  for (size_t i = 0; i < options.peers; ++i) swarm.peer(i).Join();
  while (swarm.registered() < options.peers && Now() < joined + kReplicaPatience) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  Tell("peers registered a second",
       static_cast<double>(swarm.registered()) / absl::ToDoubleSeconds(Now() - joined));
  const double cpu = first.CpuSeconds() + second.CpuSeconds();
  const absl::Time begin = Now();
  swarm.Announce();
  const bool all = swarm.WaitOnline(options.peers, kReplicaPatience);
  const double seconds = absl::ToDoubleSeconds(Now() - begin);
  const double books = static_cast<double>(options.peers * options.books);
  Tell("books announced a second", all ? books / seconds : 0);
  Tell("books announced a CPU second of both replicas",
       books / (first.CpuSeconds() + second.CpuSeconds() - cpu));
  Tell("all books at both replicas after s",
       std::max(AwaitBooks(first.address(), options.peers * options.books, begin),
                AwaitBooks(second.address(), options.peers * options.books, begin)));
}

void RunReplicaSearch(const LoadOptions& options) {
  LoadOptions alone = options;
  alone.etcd.clear();
  const LoadIndex single = StartLoadIndex(alone, kReplicaLease);
  const LoadIndex replica = StartLoadIndex(options, kReplicaLease, "search");
  std::vector<std::string> names;
  const LoadBooks books(options.peers, options.books, options.holders);
  for (size_t peer = 0; peer < options.peers; ++peer) {
    for (const BookListing& listing : books.Of(peer)) names.push_back(listing.name.value());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const LoadIndex* index : {&single, &replica}) {
    // Never destroyed, because its streams would still call it.
    Swarm& swarm = *new Swarm({.indexes = {index->address()},
                               .peers = options.peers,
                               .books = options.books,
                               .holders = options.holders,
                               .connections = 16});
    JoinSwarm(swarm);
    AwaitBooks(index->address(), options.peers * options.books, Now());
  }
  bench::SearchLoad at_single(single.address(), names);
  bench::SearchLoad at_replica(replica.address(), names);
  std::vector<double> rates, ratios;
  for (int turn = -2; turn < kSearchTurns; ++turn) {
    const auto rate_of = [](bench::SearchLoad& load) {
      return load.RunOutstanding(bench::What::kExact, kOutstandingSearches, kSearchTurn).per_second;
    };
    const double of_single = rate_of(at_single);
    const double of_replica = rate_of(at_replica);
    if (turn < 0) continue;  // warms up
    rates.push_back(of_replica);
    ratios.push_back(of_replica / of_single);
  }
  Tell("searches of a replica a second", Quantile(rates, 0.5));
  Tell("searches of a replica ÷ of an index by itself", Quantile(ratios, 0.5));
}

}  // namespace arkshare
