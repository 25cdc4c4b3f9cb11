// A peer that states new books to the index of arkshare-bench-index-search.
#ifndef ARKSHARE_BENCH_SEARCH_ANNOUNCER_H_
#define ARKSHARE_BENCH_SEARCH_ANNOUNCER_H_

#include <string>

namespace arkshare::bench {

// Runs in a process of its own: states a million new books as fast as the index takes them. Prints
// "ready", then how many books a second the index took. The messages are encoded before the clock
// starts, because this measures the index and not the peer. Returns the exit code.
int AnnounceBooks(const std::string& address);

}  // namespace arkshare::bench

#endif  // ARKSHARE_BENCH_SEARCH_ANNOUNCER_H_
