// SHA-256 of several blocks at once: the leaves of a Merkle tree do not depend on each other, so a
// core's SHA units can work on two or more of them together, which doubles what one block after the
// other gives. Behind it stands intel-ipsec-mb, which picks SSE, SHA-NI, AVX2 or AVX-512 when it
// runs. Its header redefines names of OpenSSL's, so no other source includes it.
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
  // Fewer blocks than this are hashed faster one by one.
  static constexpr size_t kFewestBlocks = 8;

  // nullptr where the library was not there to build with, or cannot run on this processor.
  static std::unique_ptr<MultiHasher> Create();
  ~MultiHasher();

  // SHA-256 of each block of `block_bytes` (1 to 65,536) of `data`, which holds one for each of
  // `digests`. False when the library failed; `digests` are of no use then.
  bool HashBlocks(absl::Span<const uint8_t> data, size_t block_bytes,
                  absl::Span<Sha256Digest> digests);

 private:
  struct State;
  explicit MultiHasher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_MULTI_HASHER_H_
