// The identity of a book: the root of its Merkle tree and its size, always together.
#ifndef ARKSHARE_LIB_CORE_CONTENT_ID_H_
#define ARKSHARE_LIB_CORE_CONTENT_ID_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace arkshare {

// A SHA-256 value (FIPS 180-4): 32 bytes.
using Sha256Digest = std::array<uint8_t, 32>;

struct ContentId {
  Sha256Digest root{};
  uint64_t size = 0;  // bytes

  auto operator<=>(const ContentId&) const = default;

  template <typename H>
  friend H AbslHashValue(H h, const ContentId& id) {
    return H::combine(std::move(h), id.root, id.size);
  }
};

// Formats bytes as lower-case hex.
std::string ToHex(absl::string_view bytes);
std::string ToHex(const Sha256Digest& digest);
// Parses hex of either case. InvalidArgument unless `hex` is an even number of hex digits.
absl::StatusOr<std::string> FromHex(absl::string_view hex);

// Returns the 32 raw bytes of a digest.
std::string DigestBytes(const Sha256Digest& digest);
// InvalidArgument unless `bytes` is exactly 32 bytes.
absl::StatusOr<Sha256Digest> DigestFromBytes(absl::string_view bytes);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_CONTENT_ID_H_
