// Names of books. Every name from the wire, the disk or the keyboard passes BookName::Parse.
#ifndef ARKSHARE_LIB_CORE_BOOK_NAME_H_
#define ARKSHARE_LIB_CORE_BOOK_NAME_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <compare>
#include <string>
#include <utility>
#include <vector>

namespace arkshare {

// The name of a book relative to a shared folder, with "/" between folders. A BookName always
// follows these rules:
// - UTF-8 in Unicode NFC (UAX 15), 1 to 1,024 bytes;
// - parts of 1 to 255 bytes between the slashes, none of which starts with "." (so no ".", ".." or
//   hidden file);
// - no control character (C0, C1, DEL), no bidirectional control (U+061C, U+200E/F, U+202A–E,
//   U+2066–9), no line or paragraph separator (U+2028/9), no surrogate or non-character, and no
//   backslash.
class BookName {
 public:
  // Normalises to NFC and checks the rules. InvalidArgument gives the broken rule and the escaped
  // name.
  static absl::StatusOr<BookName> Parse(absl::string_view text);

  const std::string& value() const { return value_; }
  // Returns another name to use when this one is taken: "name.txt" -> "name (2).txt" for n = 2.
  // Keeps to the limits: cuts a stem that is too long, and drops a folder that leaves no room.
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

// Makes any bytes safe to print. Bytes that are not UTF-8 become \xNN. Control and bidirectional
// characters, line and paragraph separators and non-characters become \u{NNNN}.
std::string EscapeForDisplay(absl::string_view text);

// Returns the words of a text for keyword search: runs of letters and digits, case-folded, without
// accents (NFKD without marks; letters such as ø, ł, æ and þ become o, l, ae and th). In order of
// appearance, with duplicates.
std::vector<std::string> FoldedWords(absl::string_view text);
// Returns the same words as one string, with a space between them.
std::string FoldedText(absl::string_view text);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BOOK_NAME_H_
