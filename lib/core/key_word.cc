#include "lib/core/key_word.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include "lib/core/base32.h"
#include "lib/core/book_name.h"
#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/hasher.h"

namespace arkshare {
namespace {

constexpr size_t kKeyCheckBytes = 3;
constexpr size_t kLettersOfGroup = 4;

std::string KeyCheck(absl::string_view seed) {
  const std::string text = absl::StrCat("arkshare-key-v1", seed);
  return DigestBytes(Hasher::ForThisThread().Hash(AsBytes(text))).substr(0, kKeyCheckBytes);
}

}  // namespace

std::string WriteKeyWord(const PrivateKey& key) {
  const std::string letters = ToBase32(absl::StrCat(key.seed(), KeyCheck(key.seed())));
  std::string word;
  for (size_t i = 0; i < letters.size(); ++i) {
    if (i > 0 && i % kLettersOfGroup == 0) word += ' ';
    word += letters[i];
  }
  return word;
}

absl::StatusOr<PrivateKey> ReadKeyWord(absl::string_view word) {
  std::string letters;
  for (const char c : word) {
    if (c == '-' || absl::ascii_isspace(static_cast<unsigned char>(c))) continue;
    const char letter = absl::ascii_tolower(static_cast<unsigned char>(c));
    if (kBase32Alphabet.find(letter) == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("group ", letters.size() / kLettersOfGroup + 1, " has the character ",
                       EscapeForDisplay(absl::string_view(&c, 1)),
                       ", which is in no key: a key has the letters a to z and the digits 2 to 7"));
    }
    letters += letter;
  }
  if (letters.size() != kKeyWordLetters) {
    return absl::InvalidArgumentError(absl::StrCat("a key has ", kKeyWordLetters,
                                                   " letters and digits, in groups of ",
                                                   kLettersOfGroup, "; here are ", letters.size()));
  }
  // Each word of this length is 35 bytes.
  const std::string bytes = *FromBase32(letters);
  const std::string seed = bytes.substr(0, bytes.size() - kKeyCheckBytes);
  if (KeyCheck(seed) != bytes.substr(seed.size())) {
    return absl::InvalidArgumentError(
        "the key was mistyped: a letter is wrong, or two have changed places; compare it with your "
        "copy");
  }
  return PrivateKey::FromSeed(seed);
}

}  // namespace arkshare
