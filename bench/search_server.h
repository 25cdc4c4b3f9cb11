// The index that arkshare-bench-index-search asks, in a process of its own.
#ifndef ARKSHARE_BENCH_SEARCH_SERVER_H_
#define ARKSHARE_BENCH_SEARCH_SERVER_H_

#include "bench/book_generator.h"

namespace arkshare::bench {

// Serves an index of generated books on a free port, prints its address on a line, and returns the
// exit code of the process once it is told to stop. FileService.Ping answers at once, and
// FileService.GetManifest with the ready answer of a search.
int ServeSearches(const BookGenerator::Options& options);

}  // namespace arkshare::bench

#endif  // ARKSHARE_BENCH_SEARCH_SERVER_H_
