// SHA-256 of several blocks at once. The leaves of a Merkle tree do not depend on each other, so
// the SHA units of a core can work on two or more at a time, which doubles the speed. Uses
// intel-ipsec-mb, which chooses SSE, SHA-NI, AVX2 or AVX-512 at run time. Its header redefines
// names of OpenSSL, so only multi_hasher_ipsec_mb.cc includes it.
#ifndef ARKSHARE_LIB_CORE_MULTI_HASHER_H_
#define ARKSHARE_LIB_CORE_MULTI_HASHER_H_

#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/core/content_id.h"

namespace arkshare {

// Not thread-safe.
class MultiHasher {
 public:
  // Fewer blocks are faster one by one.
  static constexpr size_t kFewestBlocks = 8;

  // Returns nullptr when arkshare was built without the library, or the processor cannot run it.
  static std::unique_ptr<MultiHasher> Create();
  ~MultiHasher();

  // Hashes each block of `block_bytes` (1 to 65,536) of `data`. Requires: `data` has one block for
  // each of `digests`. False when the library failed; `digests` are then undefined.
  bool HashBlocks(absl::Span<const uint8_t> data, size_t block_bytes,
                  absl::Span<Sha256Digest> digests);

 private:
  struct State;
  explicit MultiHasher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MULTI_HASHER_H_
