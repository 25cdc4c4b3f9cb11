// How much memory the index uses for books unless its operator says otherwise.
#ifndef ARKSHARE_SERVICES_INDEX_BOOK_MEMORY_H_
#define ARKSHARE_SERVICES_INDEX_BOOK_MEMORY_H_

#include <cstdint>

namespace arkshare {

// Returns half of the memory that this process may use, in bytes: of the machine's, or of what its
// control groups (version 2) allow when that is less. At least 64 MiB.
uint64_t DefaultBookMemory();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_BOOK_MEMORY_H_
