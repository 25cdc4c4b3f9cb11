#include "lib/core/base32.h"

#include <cstddef>
#include <cstdint>

namespace arkshare {

std::string ToBase32(absl::string_view bytes) {
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 5; count -= 5) text += kBase32Alphabet[bits >> (count - 5) & 31];
  }
  if (count > 0) text += kBase32Alphabet[bits << (5 - count) & 31];
  return text;
}

std::optional<std::string> FromBase32(absl::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char letter : text) {
    const size_t value = kBase32Alphabet.find(letter);
    if (value == absl::string_view::npos) return std::nullopt;
    bits = bits << 5 | static_cast<uint32_t>(value);
    count += 5;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8));
  }
  if (count >= 5 || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace arkshare
