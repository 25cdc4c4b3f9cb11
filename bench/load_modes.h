// The modes of index_load. Each prints its figures as "NAME=VALUE" lines.
#ifndef ARKSHARE_BENCH_LOAD_MODES_H_
#define ARKSHARE_BENCH_LOAD_MODES_H_

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace arkshare {

struct LoadOptions {
  std::string program;  // arkshare-index
  size_t peers = 10'000;
  size_t books = 100;      // of each peer
  size_t holders = 10;     // of a book, on average; 1: all peers have different books
  size_t connections = 0;  // shared by all peers; 0: each has its own
  absl::Duration lease = absl::Seconds(30);
  absl::Duration time = absl::Seconds(60);  // to measure
  double churn = 0.1;                       // the share of peers that leave every minute
  std::string state;                        // the index's state file
  std::string etcd;                         // the endpoints of etcd: the index is a replica
  int etcd_leader = 0;                      // its process id; 0: it is not killed
  size_t watchers = 100;
  double changes = 2'000;  // a second
};

// All peers with their heartbeats; then 10 % of them leave and come back every minute.
void RunPeers(const LoadOptions& options);
// The index is killed under all peers, and started again.
void RunRebirth(const LoadOptions& options);
// UpdateOwner, in batches of 100 and one by one.
void RunOwner(const LoadOptions& options);
// Watchers of a catalog that changes all the time, and one more that does not read.
void RunWatch(const LoadOptions& options);

// Two replicas of the index over etcd: changes while all is well, while etcd's leader is killed,
// and while a replica is killed; peers that go; and a replica that comes.
void RunReplicas(const LoadOptions& options);
// Two replicas of the index, whose peers have registered, and announce all their books at once.
void RunReplicaAnnounce(const LoadOptions& options);
// Searches of an index by itself and of a replica, in turns.
void RunReplicaSearch(const LoadOptions& options);

inline void Tell(absl::string_view name, double value) {
  std::printf("%s=%.6g\n", std::string(name).c_str(), value);
  std::fflush(stdout);
}

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_MODES_H_
