// The one door through which names of books enter, from the wire, the disk and the keyboard.
#ifndef ARKSHARE_LIB_CORE_BOOK_NAME_H_
#define ARKSHARE_LIB_CORE_BOOK_NAME_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <compare>
#include <string>
#include <utility>
#include <vector>

namespace arkshare {

// The name of a book relative to a shared folder, "/" between folders.
//
// UTF-8 in Unicode NFC; 1 to 1,024 bytes, at most 255 a part; no empty part and none that
// starts with "." (so neither ".", ".." nor hidden files); no control character (C0, C1, DEL), no
// bidirectional control (U+061C, U+200E/F, U+202A–E, U+2066–9), no line or paragraph separator
// (U+2028/9), no surrogate or non-character, no backslash. Holding one is the proof that the rules
// hold.
class BookName {
 public:
  // Normalises to NFC and checks. InvalidArgument says which rule is broken, with the name escaped.
  static absl::StatusOr<BookName> Parse(absl::string_view text);

  const std::string& value() const { return value_; }
  // "name.txt" -> "name (2).txt" for n = 2: the name to take when this one is taken. Stays within
  // the limits: a stem that is too long is cut, a folder that leaves no room is left out.
  BookName WithSuffix(int n) const;

  auto operator<=>(const BookName&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const BookName& name) {
    return H::combine(std::move(h), name.value_);
  }

 private:
  explicit BookName(std::string value) : value_(std::move(value)) {}
  std::string value_;
};

// Any bytes made safe to print: bytes that are not UTF-8 as \xNN; control and bidirectional
// characters, line and paragraph separators and non-characters as \u{NNNN}.
std::string EscapeForDisplay(absl::string_view text);

// The words of a text for keyword search: runs of letters and digits, case-folded, accents removed
// (NFKD without marks). In order of appearance, duplicates kept; empty for a text without any.
std::vector<std::string> FoldedWords(absl::string_view text);
// The same words in one string, with a space between them.
std::string FoldedText(absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BOOK_NAME_H_
