// The options of an index.
#ifndef ARKSHARE_SERVICES_INDEX_INDEX_OPTIONS_H_
#define ARKSHARE_SERVICES_INDEX_INDEX_OPTIONS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "lib/core/clock.h"
#include "lib/rpc/tls_options.h"
#include "services/index/overview/overview.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

struct IndexOptions {
  std::string listen = "127.0.0.1:50051";
  TlsOptions tls;         // of the port, and for dialling peers back
  bool insecure = false;  // plaintext on a non-loopback address
  // The folder of the group, see Group; empty: the index has none. Excludes `tls` and `insecure`.
  std::string home;
  absl::Duration lease = absl::Seconds(10);  // a peer that is silent for this long is gone
  std::string state_file;  // keeps numbers and sessions over restarts; empty: not kept
  // The log that this index shares with its replicas, not started; null: it has none. Excludes
  // `state_file`.
  std::shared_ptr<SharedLog> log;
  bool print_table = false;
  uint64_t max_books = 1'000'000;    // of one peer
  uint64_t max_watches = 256;        // open Watch streams of one network; see NetworkOfCaller
  uint64_t max_memory = 0;           // bytes for the books of all peers; 0: DefaultBookMemory
  size_t connections = 4'000;        // from one network, 0: no limit
  std::string metrics;               // where Prometheus reads metrics; empty: nowhere
  bool metrics_public = false;       // metrics on a non-loopback address
  Overview::Options page{};          // without an address: no web page
  std::string relay;                 // where the relay listens; empty: there is none
  int relay_port = 0;                // of the relay, for peers; 0: the port of `relay`
  std::string relay_advertised;      // "HOST:PORT", where the replicas of this index reach its
                                     // relay; empty: `relay`
  uint64_t relay_limit = 0;          // bytes a second that the relay carries, 0: no limit
  size_t relay_connections = 1'024;  // that the relay carries at a time
  absl::Duration dial_back_timeout = absl::Seconds(2);
  absl::Duration refusal_pause = absl::Seconds(1);  // before a Watch too many is refused
  const Clock* clock = Clock::Real();

  // InvalidArgument, for people: options that do not go together, or that would open the index to
  // other machines without encryption.
  absl::Status Check() const;
  // Whether other machines than this one can call the index.
  bool ServesOtherMachines() const;
  // Returns the "IP:PORT" at which the replicas of this index reach its relay, which listens at
  // `address`, "IP:PORT". A name is resolved, which blocks for up to 10 s. Errors, for people:
  // InvalidArgument, Unavailable.
  absl::StatusOr<std::string> RelayForReplicas(const std::string& address) const;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_INDEX_OPTIONS_H_
