// The index under load: a process on loopback.
#ifndef ARKSHARE_BENCH_LOAD_INDEX_H_
#define ARKSHARE_BENCH_LOAD_INDEX_H_

#include <absl/time/time.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/load_modes.h"

namespace arkshare {

// Ends the whole program, with a message, when the index cannot be started.
class LoadIndex {
 public:
  // `command` is the program and its options, without --listen.
  explicit LoadIndex(std::vector<std::string> command);
  ~LoadIndex();

  const std::string& address() const { return address_; }
  // Kills the index and starts it again at the same address. Returns how long it took until it
  // served.
  double KillAndRestart();
  void Kill();

  // The resources that it has used since its last start.
  double CpuSeconds() const;
  uint64_t ResidentBytes() const;
  int Threads() const;

 private:
  void Start(const std::string& listen);
  std::string Status(const std::string& key) const;

  const std::vector<std::string> command_;
  std::string address_;
  pid_t pid_ = -1;
};

// Starts the index of a mode. With LoadOptions::etcd it is a replica, under `prefix` in etcd;
// otherwise it has LoadOptions::state.
LoadIndex StartLoadIndex(const LoadOptions& options, absl::Duration lease,
                         const std::string& prefix = "");

}  // namespace arkshare

#endif  // ARKSHARE_BENCH_LOAD_INDEX_H_
