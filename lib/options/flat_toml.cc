#include "lib/options/flat_toml.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace arkshare {
namespace {

constexpr absl::string_view kEscapes = "\"\\bfnrt";
constexpr absl::string_view kEscaped = "\"\\\b\f\n\r\t";

// Reads one line from left to right.
class Line {
 public:
  explicit Line(absl::string_view text) : rest_(text) { SkipSpace(); }

  // True when only a comment or no text is left.
  bool AtEnd() const { return rest_.empty() || rest_.front() == '#'; }

  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    SkipSpace();
    return true;
  }

  // Takes the characters of a bare key or a number; possibly none.
  std::string TakeBare() {
    size_t n = 0;
    while (n < rest_.size() && (absl::ascii_isalnum(static_cast<unsigned char>(rest_[n])) ||
                                absl::StrContains("_-+.", rest_.substr(n, 1)))) {
      ++n;
    }
    std::string bare(rest_.substr(0, n));
    rest_.remove_prefix(n);
    SkipSpace();
    return bare;
  }

  absl::StatusOr<std::string> TakeValue() {
    if (!rest_.empty() && (rest_.front() == '"' || rest_.front() == '\'')) return TakeString();
    std::string bare = TakeBare();
    if (bare == "true" || bare == "false") return bare;
    std::string number = absl::StrReplaceAll(bare, {{"_", ""}});
    int64_t whole = 0;
    double real = 0;
    if (absl::SimpleAtoi(number, &whole) || absl::SimpleAtod(number, &real)) return number;
    return absl::InvalidArgumentError(
        "the value is not a number, true or false; put a text in quotes");
  }

 private:
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  absl::StatusOr<std::string> TakeString() {
    const char quote = rest_.front();
    std::string value;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        SkipSpace();
        return value;
      }
      if (quote == '"' && rest_[i] == '\\') {
        const size_t escape = ++i < rest_.size() ? kEscapes.find(rest_[i]) : kEscapes.npos;
        if (escape == kEscapes.npos) {
          return absl::InvalidArgumentError("an escape is unknown; use '…' for plain text");
        }
        value.push_back(kEscaped[escape]);
      } else {
        value.push_back(rest_[i]);
      }
    }
    return absl::InvalidArgumentError("a quote is not closed; add the closing quote");
  }

  absl::string_view rest_;
};

absl::StatusOr<TomlEntry> ParseEntry(Line& line) {
  TomlEntry entry;
  entry.key = line.TakeBare();
  if (entry.key.empty() || absl::StrContains(entry.key, ".") || !line.Take('=')) {
    return absl::InvalidArgumentError("expected `key = value`");
  }
  const bool is_array = line.Take('[');
  while (!is_array || !line.Take(']')) {
    absl::StatusOr<std::string> value = line.TakeValue();
    if (!value.ok()) return value.status();
    entry.values.push_back(*std::move(value));
    if (!is_array) break;
    if (!line.Take(',')) {
      if (line.Take(']')) break;
      return absl::InvalidArgumentError("expected a comma or a closing bracket");
    }
  }
  if (!line.AtEnd()) return absl::InvalidArgumentError("a text follows the value; remove it");
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<TomlEntry>> ParseFlatToml(absl::string_view text) {
  std::vector<TomlEntry> entries;
  int number = 0;
  for (absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    Line line(raw);
    if (line.AtEnd()) continue;
    absl::StatusOr<TomlEntry> entry = ParseEntry(line);
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", entry.status().message()));
    }
    if (std::any_of(entries.begin(), entries.end(),
                    [&](const TomlEntry& other) { return other.key == entry->key; })) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", entry->key, " is given twice; remove one"));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace arkshare
