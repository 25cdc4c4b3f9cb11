// Base32 (RFC 4648) in lower case and without padding, for words that people copy.
#ifndef ARKSHARE_LIB_CORE_BASE32_H_
#define ARKSHARE_LIB_CORE_BASE32_H_

#include <absl/strings/string_view.h>

#include <optional>
#include <string>

namespace arkshare {

inline constexpr absl::string_view kBase32Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

std::string ToBase32(absl::string_view bytes);
// Returns nothing for a letter that is not in kBase32Alphabet, and for bits at the end that
// ToBase32 does not write.
std::optional<std::string> FromBase32(absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BASE32_H_
