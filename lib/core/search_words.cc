#include "lib/core/search_words.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

// More parts than these in one word are the digits of a hash, not words.
constexpr size_t kMostParts = 4;
// "e02" of "S01E02" is a word, "nd" of "2nd" and "p" of "1080p" are not.
constexpr size_t kShortestPartAfterDigit = 3;
// The most pairs that a query has of one word without spaces.
constexpr size_t kMostPairsInQuery = 16;

constexpr absl::string_view kApostrophes[] = {"'", "\u2019", "\u2018", "\u02BC"};
constexpr absl::string_view kHyphens[] = {"-", "\u2010", "\u2011"};

template <size_t N>
size_t LengthAt(absl::string_view text, const absl::string_view (&marks)[N]) {
  for (const absl::string_view mark : marks) {
    if (absl::StartsWith(text, mark)) return mark.size();
  }
  return 0;
}

size_t ApostropheAt(absl::string_view text) { return LengthAt(text, kApostrophes); }
size_t HyphenAt(absl::string_view text) { return LengthAt(text, kHyphens); }

// True for the bytes of letters and digits, as far as one byte tells.
bool IsWordByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || static_cast<uint8_t>(c) >= 0x80;
}

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

// A word begins within a word: at "P" in "HarryPotter", at "E" in "S01E02".
bool BeginsPart(char before, char c) {
  return (absl::ascii_islower(before) && absl::ascii_isupper(c)) ||
         (absl::ascii_isdigit(before) && absl::ascii_isalpha(c));
}

// Appends the later parts of `word`, which is of ASCII letters and digits.
void AppendParts(absl::string_view word, std::string& more) {
  std::vector<size_t> begins;
  for (size_t i = 1; i < word.size(); ++i) {
    if (BeginsPart(word[i - 1], word[i])) begins.push_back(i);
  }
  if (begins.size() > kMostParts) return;
  for (size_t i = 0; i < begins.size(); ++i) {
    const size_t end = i + 1 < begins.size() ? begins[i + 1] : word.size();
    const absl::string_view part = word.substr(begins[i], end - begins[i]);
    if (absl::ascii_isdigit(word[begins[i] - 1]) && part.size() < kShortestPartAfterDigit) continue;
    absl::StrAppend(&more, " ", part);
  }
}

// A run of words with single apostrophes and hyphens between them.
struct Run {
  // The texts between the hyphens, without their apostrophes.
  std::vector<std::string> segments;
  std::vector<bool> had_apostrophe;  // of the segments
  std::vector<absl::string_view> words;
  size_t bytes = 0;
};

// True when a letter or digit, and not another mark, comes first in `text`.
bool BeginsWord(absl::string_view text) {
  return !text.empty() && IsWordByte(text[0]) && ApostropheAt(text) == 0 && HyphenAt(text) == 0;
}

Run FirstRun(absl::string_view text) {
  Run run;
  bool after_apostrophe = false;
  while (run.bytes < text.size()) {
    absl::string_view rest = text.substr(run.bytes);
    const size_t apostrophe = ApostropheAt(rest);
    const size_t mark = std::max(apostrophe, HyphenAt(rest));
    if (mark > 0) {
      if (run.words.empty() || !BeginsWord(rest.substr(mark))) break;
      after_apostrophe = apostrophe > 0;
      run.bytes += mark;
      continue;
    }
    size_t size = 0;
    while (BeginsWord(rest.substr(size))) ++size;
    if (size == 0) break;
    run.words.push_back(rest.substr(0, size));
    if (after_apostrophe) {
      absl::StrAppend(&run.segments.back(), run.words.back());
      run.had_apostrophe.back() = true;
    } else {
      run.segments.emplace_back(run.words.back());
      run.had_apostrophe.push_back(false);
    }
    run.bytes += size;
  }
  return run;
}

// Returns the words that `name` has beside its plain ones.
std::string MoreWords(absl::string_view name) {
  std::string more;
  while (!name.empty()) {
    const Run run = FirstRun(name);
    name.remove_prefix(std::max<size_t>(run.bytes, 1));
    for (const absl::string_view word : run.words) AppendParts(word, more);
    for (size_t i = 0; i < run.segments.size(); ++i) {
      if (run.had_apostrophe[i]) absl::StrAppend(&more, " ", run.segments[i]);
    }
    if (run.segments.size() == 2 && !AllDigits(run.segments[0]) && !AllDigits(run.segments[1])) {
      absl::StrAppend(&more, " ", run.segments[0], run.segments[1]);
    }
  }
  return more;
}

std::string WithoutApostrophes(absl::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Run run = FirstRun(text);
    absl::StrAppend(&result, absl::StrJoin(run.segments, " "));
    if (run.bytes == 0) result.push_back(' ');
    text.remove_prefix(std::max<size_t>(run.bytes, 1));
  }
  return result;
}

// The bytes of the first character of UTF-8.
size_t CharacterBytes(absl::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return std::min(bytes, text.size());
}

bool IsWithoutSpaces(absl::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(character[i]));
  };
  if (character.size() == 4) {
    const uint32_t c = (byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6;
    return c >= 0x20000 && c < 0x40000;  // more Han
  }
  if (character.size() != 3) return false;
  const uint32_t c = (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63);
  return (c >= 0x0E00 && c < 0x0F00) ||  // Thai, Lao
         (c >= 0x1000 && c < 0x10A0) ||  // Burmese
         (c >= 0x1780 && c < 0x1800) ||  // Khmer
         (c >= 0x3005 && c < 0x3008) ||  // marks that repeat a character
         (c >= 0x3040 && c < 0x3130) ||  // Hiragana, Katakana, Bopomofo
         (c >= 0x3400 && c < 0xA000) ||  // Han
         (c >= 0xF900 && c < 0xFB00);    // Han that is compatible with older sets
}

// Splits a folded word into the parts of it that are in scripts with and without spaces, and those
// without into characters.
struct Part {
  absl::string_view text;
  std::vector<absl::string_view> characters;  // empty in a script with spaces
};
std::vector<Part> PartsOf(absl::string_view word) {
  std::vector<Part> parts;
  size_t begin = 0;
  for (size_t i = 0; i < word.size();) {
    const absl::string_view character = word.substr(i, CharacterBytes(word.substr(i)));
    const bool pairs = IsWithoutSpaces(character);
    if (parts.empty() || pairs == parts.back().characters.empty()) {
      begin = i;
      parts.emplace_back();
    }
    i += character.size();
    parts.back().text = word.substr(begin, i - begin);
    if (pairs) parts.back().characters.push_back(character);
  }
  return parts;
}

// Appends each pair of characters that follow each other; they do so in memory as well.
void AppendPairs(const std::vector<absl::string_view>& characters, size_t most,
                 std::vector<std::string>& words) {
  for (size_t i = 0; i + 1 < characters.size() && i < most; ++i) {
    words.push_back(absl::StrCat(characters[i], characters[i + 1]));
  }
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isascii(c); });
}

}  // namespace

bool MayHaveMoreWords(absl::string_view name) {
  const auto is_word = [&](size_t i) { return i < name.size() && IsWordByte(name[i]); };
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (static_cast<uint8_t>(c) >= 0x80) return true;
    if (i == 0 || !IsWordByte(name[i - 1])) continue;
    if ((c == '\'' || c == '-') && is_word(i + 1)) return true;
    if (!BeginsPart(name[i - 1], c)) continue;
    if (absl::ascii_isupper(c) && absl::ascii_islower(name[i - 1])) return true;
    if (is_word(i + 1) && is_word(i + kShortestPartAfterDigit - 1)) return true;
  }
  return false;
}

std::string NameWords(absl::string_view name) {
  if (!MayHaveMoreWords(name)) return FoldedText(name);
  std::string folded = FoldedText(absl::StrCat(name, MoreWords(name)));
  if (IsAscii(folded)) return folded;
  std::vector<std::string> words;
  for (const absl::string_view word : absl::StrSplit(folded, ' ', absl::SkipEmpty())) {
    for (const Part& part : PartsOf(word)) {
      if (part.characters.empty()) {
        words.emplace_back(part.text);
        continue;
      }
      AppendPairs(part.characters, part.characters.size(), words);
      words.emplace_back(part.characters.back());
    }
  }
  return absl::StrJoin(words, " ");
}

std::vector<std::string> QueryWords(absl::string_view query) {
  std::vector<std::string> words;
  const std::string folded = FoldedText(WithoutApostrophes(query));
  for (const absl::string_view word : absl::StrSplit(folded, ' ', absl::SkipEmpty())) {
    for (const Part& part : PartsOf(word)) {
      if (part.characters.size() < 2) {
        words.emplace_back(part.text);
      } else {
        AppendPairs(part.characters, kMostPairsInQuery, words);
      }
    }
  }
  return words;
}

}  // namespace arkshare
