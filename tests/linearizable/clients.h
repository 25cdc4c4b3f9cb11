// Concurrent clients of an index that write down what they called and what they were told.
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
  int steps = 40;  // of each peer: states, leaves, comes back …
  uint64_t seed = 1;
};

// Returns what all clients saw. Each peer lives by one thread and receives books by another.
// Anything that the index may not answer at all ends the process.
std::vector<Timed<IndexCall>> RunClients(const std::string& index_address,
                                         const Workload& workload);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_LINEARIZABLE_CLIENTS_H_
