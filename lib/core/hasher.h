// SHA-256 (FIPS 180-4) for Merkle trees: OpenSSL, and MultiHasher for many blocks at once.
#ifndef ARKSHARE_LIB_CORE_HASHER_H_
#define ARKSHARE_LIB_CORE_HASHER_H_

#include <absl/types/span.h>
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lib/core/content_id.h"
#include "lib/core/multi_hasher.h"

namespace arkshare {

// A good number of blocks for one call of HashBlocks: those of a piece of 1 MiB.
inline constexpr size_t kHashBatch = 64;

// Reuses its working memory, so hashing a block allocates nothing. Not thread-safe.
class Hasher {
 public:
  // Returns the hasher of this thread, which lives as long as the thread.
  static Hasher& ForThisThread();

  Sha256Digest Hash(absl::Span<const uint8_t> data);
  // Returns SHA-256 of left || right.
  Sha256Digest HashPair(const Sha256Digest& left, const Sha256Digest& right);
  // Hashes each block of kBlockBytes of `data`; the last one can be short. `leaves` must have one
  // element for each block. This loop decides how fast books are hashed, so it allocates nothing.
  void HashBlocks(absl::Span<const uint8_t> data, absl::Span<Sha256Digest> leaves);

 private:
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  Hasher();
  void HashInto(const uint8_t* data, size_t size, uint8_t* digest);

  std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
  std::unique_ptr<MultiHasher> multi_;  // made for the first large batch
  bool multi_tried_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_HASHER_H_
