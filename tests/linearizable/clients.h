// Concurrent clients of an index that record their calls and the answers.
#ifndef ARKSHARE_TESTS_LINEARIZABLE_CLIENTS_H_
#define ARKSHARE_TESTS_LINEARIZABLE_CLIENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/linearizable/book_model.h"

namespace arkshare {

struct Workload {
  size_t peers = 4;
  size_t books = 3;
  size_t searchers = 2;
  int steps = 40;  // of each peer: it states, leaves, comes back …
  uint64_t seed = 1;
};

// Runs the clients and returns their history. Each peer has one thread for its sessions and one
// that receives books. With several addresses, those of replicas, peers are shared between them,
// and each search goes to another one and is linearizable. An answer that the index must never give
// ends the process.
std::vector<Timed<IndexCall>> RunClients(const std::vector<std::string>& index_addresses,
                                         const Workload& workload);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_CLIENTS_H_
