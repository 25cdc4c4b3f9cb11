#include "lib/core/book_name.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr size_t kMaxNameBytes = 1'024;
constexpr size_t kMaxPartBytes = 255;
// A longer text is refused without composing it: composing shortens a name to no less than a
// quarter, and takes time that grows with the square of a run of marks.
constexpr size_t kMaxRawBytes = 4 * kMaxNameBytes;
// An extension is the text after the last dot, if it has no space and is at most this long.
constexpr size_t kMaxExtensionBytes = 16;

struct CodePoint {
  utf8proc_int32_t value = -1;  // -1: not UTF-8
  size_t bytes = 1;
};

// Returns the first code point of `text`, which must not be empty.
CodePoint FirstCodePoint(absl::string_view text) {
  CodePoint first;
  const utf8proc_ssize_t bytes =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &first.value);
  if (bytes <= 0) return CodePoint();
  first.bytes = static_cast<size_t>(bytes);
  return first;
}

bool IsControl(utf8proc_int32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

bool IsBidiControl(utf8proc_int32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

bool IsSeparator(utf8proc_int32_t c) { return c == 0x2028 || c == 0x2029; }

bool IsNonCharacter(utf8proc_int32_t c) {
  return (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

// Returns why `c` is not allowed in a name; "" when it is allowed.
absl::string_view Objection(utf8proc_int32_t c) {
  if (c < 0) return "it is not UTF-8";
  if (IsControl(c)) return "it has a control character";
  if (IsBidiControl(c)) return "it has a character that changes the direction of text";
  if (IsSeparator(c)) return "it has a line or paragraph separator";
  if (IsNonCharacter(c)) return "it has a code that is not a character";
  if (c == '\\') return "it has a backslash";
  return "";
}

absl::string_view CharacterObjection(absl::string_view text) {
  while (!text.empty()) {
    const CodePoint c = FirstCodePoint(text);
    const absl::string_view objection = Objection(c.value);
    if (!objection.empty()) return objection;
    text.remove_prefix(c.bytes);
  }
  return "";
}

absl::string_view PartObjection(absl::string_view name) {
  for (absl::string_view part : absl::StrSplit(name, '/')) {
    if (part.empty()) return "it has an empty part (a slash at an end, or two in a row)";
    if (part[0] == '.') return "a part of it starts with a dot";
    if (part.size() > kMaxPartBytes) return "a part of it is longer than 255 bytes";
  }
  return "";
}

absl::Status NameError(absl::string_view text, absl::string_view objection) {
  return MakeError(
      Reason::kInvalidName,
      absl::StrCat("\"", EscapeForDisplay(text.substr(0, kMaxPartBytes)),
                   text.size() > kMaxPartBytes ? "..." : "", "\" cannot name a book: ", objection));
}

std::string ComposedByUtf8proc(absl::string_view text) {
  struct Free {
    void operator()(utf8proc_uint8_t* p) const { std::free(p); }
  };
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, Free> bytes(raw);
  if (size < 0) std::abort();  // out of memory: `text` was checked
  return std::string(reinterpret_cast<const char*>(bytes.get()), static_cast<size_t>(size));
}

// Returns `text`, which must be UTF-8, in Unicode NFC.
std::string Normalized(absl::string_view text) {
  // utf8proc drops U+11A7 after a Hangul syllable, as if it were the empty trailing consonant. It
  // composes with no character, so the texts before and after it can be composed separately.
  constexpr absl::string_view kSwallowed = "\u11A7";
  return absl::StrJoin(
      absl::StrSplit(text, kSwallowed), kSwallowed,
      [](std::string* out, absl::string_view part) { out->append(ComposedByUtf8proc(part)); });
}

// Returns the longest prefix of `text` of at most `limit` bytes that ends between code points.
absl::string_view CutAtCodePoint(absl::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<uint8_t>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

bool IsWordCharacter(utf8proc_int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

// Returns how people without the letter on their keyboard write it, for letters that Unicode does
// not decompose; "" for others. `c` is folded.
absl::string_view PlainLetters(utf8proc_int32_t c) {
  switch (c) {
    case 0x00E6:  // æ
      return "ae";
    case 0x00F0:  // ð
    case 0x0111:  // đ
      return "d";
    case 0x00F8:  // ø
      return "o";
    case 0x00FE:  // þ
      return "th";
    case 0x0127:  // ħ
      return "h";
    case 0x0131:  // ı
      return "i";
    case 0x0142:  // ł
      return "l";
    case 0x0153:  // œ
      return "oe";
    case 0x0167:  // ŧ
      return "t";
    default:
      return "";
  }
}

// NFKD without marks.
constexpr auto kNoMarks = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                                                         UTF8PROC_COMPAT | UTF8PROC_STRIPMARK);

// A range of code points on the stack.
struct Decomposition {
  // The longest decomposition in Unicode has 18.
  std::array<utf8proc_int32_t, 32> code_points;
  utf8proc_ssize_t count = 0;

  const utf8proc_int32_t* begin() const { return code_points.data(); }
  const utf8proc_int32_t* end() const {
    return code_points.data() + std::max<utf8proc_ssize_t>(count, 0);
  }
};

Decomposition Decomposed(utf8proc_int32_t c, utf8proc_option_t options) {
  Decomposition all;
  int bound_class = 0;
  all.count = utf8proc_decompose_char(c, all.code_points.data(),
                                      static_cast<utf8proc_ssize_t>(all.code_points.size()),
                                      options, &bound_class);
  return all;
}

// True for a character that is its own NFC and allowed in a name; the rules of parts are separate.
bool IsPlain(char c) { return c >= 0x20 && c < 0x7F && c != '\\'; }

// For each ASCII character, its letter or digit in folded words; 0 for a separator.
constexpr std::array<char, 128> kFoldedAscii = [] {
  std::array<char, 128> folded{};
  for (char c = '0'; c <= '9'; ++c) folded[static_cast<size_t>(c)] = c;
  for (char c = 'a'; c <= 'z'; ++c) {
    folded[static_cast<size_t>(c)] = folded[static_cast<size_t>(c - 'a' + 'A')] = c;
  }
  return folded;
}();

void AppendCodePoint(std::string& out, utf8proc_int32_t c) {
  if (c < 0x80) return out.push_back(static_cast<char>(c));
  std::array<utf8proc_uint8_t, 4> bytes;
  const utf8proc_ssize_t size = utf8proc_encode_char(c, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
}

}  // namespace

absl::StatusOr<BookName> BookName::Parse(absl::string_view text) {
  if (text.empty()) return NameError(text, "it is empty");
  if (text.size() > kMaxRawBytes) return NameError(text, "it is longer than 1,024 bytes");
  // The fast path: most names are their own NFC.
  if (text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), IsPlain)) {
    const absl::string_view objection = PartObjection(text);
    if (!objection.empty()) return NameError(text, objection);
    return BookName(std::string(text));
  }
  absl::string_view objection = CharacterObjection(text);
  if (!objection.empty()) return NameError(text, objection);
  std::string name = Normalized(text);
  if (name.size() > kMaxNameBytes) return NameError(name, "it is longer than 1,024 bytes");
  objection = PartObjection(name);
  if (!objection.empty()) return NameError(name, objection);
  return BookName(std::move(name));
}

BookName BookName::WithSuffix(int n) const {
  const size_t slash = value_.rfind('/');
  absl::string_view folder = absl::string_view(value_).substr(0, slash + 1);
  const absl::string_view last = absl::string_view(value_).substr(slash + 1);
  if (slash == std::string::npos) folder = "";

  absl::string_view extension = last.substr(std::min(last.rfind('.'), last.size()));
  if (extension.size() > kMaxExtensionBytes || extension.find(' ') != absl::string_view::npos) {
    extension = "";
  }
  absl::string_view stem = last.substr(0, last.size() - extension.size());
  const std::string tail = absl::StrCat(" (", n, ")", extension);

  // The folders leave no room for even one character of the stem: drop the last folder.
  constexpr size_t kLongestCodePoint = 4;
  while (folder.size() + kLongestCodePoint + tail.size() > kMaxNameBytes) {
    const size_t parent = folder.rfind('/', folder.size() - 2);
    folder = parent == absl::string_view::npos ? "" : folder.substr(0, parent + 1);
  }
  const size_t room = std::min(kMaxPartBytes, kMaxNameBytes - folder.size()) - tail.size();
  return BookName(absl::StrCat(folder, CutAtCodePoint(stem, room), tail));
}

std::string EscapeForDisplay(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = FirstCodePoint(text);
    if (c.value < 0) {
      absl::StrAppendFormat(&out, "\\x%02X", static_cast<uint8_t>(text[0]));
    } else if (c.value != '\\' && !Objection(c.value).empty()) {
      absl::StrAppendFormat(&out, "\\u{%04X}", static_cast<uint32_t>(c.value));
    } else {
      absl::StrAppend(&out, text.substr(0, c.bytes));
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string FoldedText(absl::string_view text) {
  std::string words(text.size(), '\0');
  // The fast path for ASCII. The folded text is never longer than the original.
  bool in_word = false;
  size_t size = 0;
  while (!text.empty() && absl::ascii_isascii(static_cast<unsigned char>(text[0]))) {
    const char letter = kFoldedAscii[static_cast<unsigned char>(text[0])];
    text.remove_prefix(1);
    if (letter != 0) {
      words[size] = ' ';
      size += !in_word && size > 0 ? 1 : 0;
      words[size++] = letter;
    }
    in_word = letter != 0;
  }
  words.resize(size);
  const auto append = [&](utf8proc_int32_t letter) {
    if (!in_word && !words.empty()) words.push_back(' ');
    in_word = true;
    AppendCodePoint(words, letter);
  };
  // Works on one character at a time: without marks, NFKD has no characters to reorder.
  while (!text.empty()) {
    if (absl::ascii_isascii(static_cast<unsigned char>(text[0]))) {
      const char letter = kFoldedAscii[static_cast<unsigned char>(text[0])];
      if (letter != 0) {
        append(letter);
      } else {
        in_word = false;
      }
      text.remove_prefix(1);
      continue;
    }
    const CodePoint c = FirstCodePoint(text);
    text.remove_prefix(c.bytes);
    if (c.value < 0) {
      in_word = false;
      continue;
    }
    // Removes marks before folding case: folding turns the iota under a composed omega into a
    // letter.
    for (utf8proc_int32_t letter : Decomposed(c.value, kNoMarks)) {
      for (utf8proc_int32_t folded :
           Decomposed(letter, static_cast<utf8proc_option_t>(kNoMarks | UTF8PROC_CASEFOLD))) {
        if (const absl::string_view plain = PlainLetters(folded); !plain.empty()) {
          for (const char ascii : plain) append(ascii);
        } else if (IsWordCharacter(folded)) {
          append(folded);
        } else {
          in_word = false;
        }
      }
    }
  }
  return words;
}

std::vector<std::string> FoldedWords(absl::string_view text) {
  return absl::StrSplit(FoldedText(text), ' ', absl::SkipEmpty());
}

}  // namespace arkshare
