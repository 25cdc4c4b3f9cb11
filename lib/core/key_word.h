// A private key as letters, to keep on paper.
#ifndef ARKSHARE_LIB_CORE_KEY_WORD_H_
#define ARKSHARE_LIB_CORE_KEY_WORD_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>

#include "lib/core/key.h"

namespace arkshare {

// The letters and digits of a key, without the spaces between the groups.
inline constexpr size_t kKeyWordLetters = 56;

// Writes the seed as ToBase32 of seed || check, in groups of four with spaces between them. `check`
// is the first 3 bytes of SHA-256("arkshare-key-v1" || seed).
std::string WriteKeyWord(const PrivateKey& key);

// Reads the word. Ignores white space, dashes, and the case of letters. InvalidArgument, for
// people, says which group has a wrong character, how many are missing, or that a letter was
// mistyped.
absl::StatusOr<PrivateKey> ReadKeyWord(absl::string_view word);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_KEY_WORD_H_
