// What a book is: the root of its Merkle tree and its size, always together.
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

// Lower-case hex of any bytes, and back.
std::string ToHex(absl::string_view bytes);
std::string ToHex(const Sha256Digest& digest);
// InvalidArgument unless `hex` has an even number of hex digits.
absl::StatusOr<std::string> FromHex(absl::string_view hex);

// The raw bytes of a digest, and back: InvalidArgument unless there are exactly 32.
std::string DigestBytes(const Sha256Digest& digest);
absl::StatusOr<Sha256Digest> DigestFromBytes(absl::string_view bytes);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_CONTENT_ID_H_
