#include "lib/core/hasher.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "lib/core/merkle.h"
#include "lib/core/openssl_check.h"

namespace arkshare {
namespace {

// Fetches the algorithm once, because a lookup costs more than hashing a tree node.
const EVP_MD* FetchedSha256() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

}  // namespace

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  RequireOpenSsl(context_ != nullptr);
  RequireOpenSsl(EVP_DigestInit_ex2(context_.get(), FetchedSha256(), nullptr) == 1);
}

Hasher& Hasher::ForThisThread() {
  static thread_local Hasher hasher;
  return hasher;
}

void Hasher::HashInto(const uint8_t* data, size_t size, uint8_t* digest) {
  // Without an algorithm, OpenSSL uses the one that the context already has.
  RequireOpenSsl(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
                 EVP_DigestUpdate(context_.get(), data, size) == 1 &&
                 EVP_DigestFinal_ex(context_.get(), digest, nullptr) == 1);
}

Sha256Digest Hasher::Hash(absl::Span<const uint8_t> data) {
  Sha256Digest digest;
  HashInto(data.data(), data.size(), digest.data());
  return digest;
}

Sha256Digest Hasher::HashPair(const Sha256Digest& left, const Sha256Digest& right) {
  std::array<uint8_t, 64> both;
  std::copy(left.begin(), left.end(), both.begin());
  std::copy(right.begin(), right.end(), both.begin() + left.size());
  return Hash(both);
}

void Hasher::HashBlocks(absl::Span<const uint8_t> data, absl::Span<Sha256Digest> leaves) {
  const size_t whole = data.size() / kBlockBytes;
  size_t done = 0;
  if (whole >= MultiHasher::kFewestBlocks) {
    if (!std::exchange(multi_tried_, true)) multi_ = MultiHasher::Create();
    if (multi_ != nullptr) {
      RequireOpenSsl(multi_->HashBlocks(data, kBlockBytes, leaves.subspan(0, whole)));
      done = whole;
    }
  }
  for (size_t i = done; i < leaves.size(); ++i) {
    const absl::Span<const uint8_t> block = data.subspan(i * kBlockBytes, kBlockBytes);
    HashInto(block.data(), block.size(), leaves[i].data());
  }
}

}  // namespace arkshare
