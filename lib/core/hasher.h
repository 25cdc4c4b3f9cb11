// The one door to SHA-256 for Merkle trees. Behind it stand OpenSSL, and for many blocks at once
// MultiHasher.
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

// How many blocks are worth giving to HashBlocks at a time: those of a piece of 1 MiB.
inline constexpr size_t kHashBatch = 64;

// Keeps its working memory from call to call: nothing is allocated for a block. Not thread-safe.
class Hasher {
 public:
  // This thread's own; lives as long as the thread.
  static Hasher& ForThisThread();

  Sha256Digest Hash(absl::Span<const uint8_t> data);
  // SHA-256 of left || right.
  Sha256Digest HashPair(const Sha256Digest& left, const Sha256Digest& right);
  // SHA-256 of each block of kBlockBytes of `data`, the last one possibly short. Writes into
  // `leaves`, which has one place for each block, because this is the loop that decides how fast
  // books are hashed.
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
