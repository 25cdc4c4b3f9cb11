#include "lib/core/content_id.h"

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

namespace arkshare {

std::string ToHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

std::string ToHex(const Sha256Digest& digest) { return ToHex(DigestBytes(digest)); }

absl::StatusOr<std::string> FromHex(absl::string_view hex) {
  if (hex.size() % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("hex needs an even number of digits, got ", hex.size()));
  }
  if (!std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError("hex may only contain the digits 0-9 and a-f");
  }
  return absl::HexStringToBytes(hex);
}

std::string DigestBytes(const Sha256Digest& digest) {
  return std::string(digest.begin(), digest.end());
}

absl::StatusOr<Sha256Digest> DigestFromBytes(absl::string_view bytes) {
  Sha256Digest digest;
  if (bytes.size() != digest.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a SHA-256 value has 32 bytes, got ", bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

}  // namespace arkshare
