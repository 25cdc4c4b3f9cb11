#include "services/peer/web/book_view.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/strip.h>
#include <utf8proc.h>

#include <algorithm>

namespace arkshare {
namespace {

constexpr char kUnknown[] = "application/octet-stream";

// A type that a browser shows without running anything.
struct Magic {
  size_t at;
  absl::string_view bytes;
  const char* name;
};
constexpr Magic kMagic[] = {
    {0, absl::string_view("\x89PNG\r\n\x1a\n", 8), "image/png"},
    {0, absl::string_view("\xff\xd8\xff", 3), "image/jpeg"},
    {0, "GIF87a", "image/gif"},
    {0, "GIF89a", "image/gif"},
    {8, "WEBP", "image/webp"},
    {8, "WAVE", "audio/wav"},
    {4, "ftypavif", "image/avif"},
    {4, "ftypM4A ", "audio/mp4"},
    {4, "ftypM4B ", "audio/mp4"},
    {4, "ftypisom", "video/mp4"},
    {4, "ftypiso2", "video/mp4"},
    {4, "ftypmp41", "video/mp4"},
    {4, "ftypmp42", "video/mp4"},
    {4, "ftypavc1", "video/mp4"},
    {0, absl::string_view("\x1a\x45\xdf\xa3", 4), "video/webm"},
    {0, "ID3", "audio/mpeg"},
    {0, absl::string_view("\xff\xfb", 2), "audio/mpeg"},
    {0, "OggS", "audio/ogg"},
    {0, "fLaC", "audio/flac"},
    {0, "%PDF-", "application/pdf"},
};

bool StartsLikeMarkup(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  return absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "<");
}

// Text is UTF-8 without control characters. The last character may be cut off.
bool IsText(absl::string_view bytes) {
  constexpr size_t kLongest = 4;  // bytes of a character
  while (!bytes.empty()) {
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t size =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                         static_cast<utf8proc_ssize_t>(bytes.size()), &character);
    if (size <= 0) return bytes.size() < kLongest && static_cast<unsigned char>(bytes[0]) >= 0xc0;
    const bool blank =
        character == '\n' || character == '\r' || character == '\t' || character == '\f';
    if (character < ' ' && !blank) return false;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

bool ParseNumber(absl::string_view text, uint64_t* number) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, number);
}

}  // namespace

MediaType MediaTypeOf(absl::string_view first_bytes) {
  for (const Magic& magic : kMagic) {
    const bool fits = first_bytes.size() >= magic.at + magic.bytes.size() &&
                      first_bytes.substr(magic.at, magic.bytes.size()) == magic.bytes;
    if (fits && (magic.at != 8 || absl::StartsWith(first_bytes, "RIFF"))) {
      return {magic.name, true};
    }
  }
  if (!first_bytes.empty() && IsText(first_bytes) && !StartsLikeMarkup(first_bytes)) {
    return {"text/plain; charset=utf-8", true};
  }
  return {kUnknown, false};
}

std::variant<std::optional<ByteRange>, NoSuchRange> ParseRange(absl::string_view header,
                                                               uint64_t size) {
  const std::optional<ByteRange> whole;
  if (!absl::ConsumePrefix(&header, "bytes=")) return whole;
  const size_t dash = header.find('-');
  if (dash == absl::string_view::npos) return whole;
  const absl::string_view first_text = header.substr(0, dash);
  const absl::string_view last_text = header.substr(dash + 1);
  uint64_t first = 0;
  uint64_t last = 0;
  if (first_text.empty()) {
    // The last bytes of the book.
    if (!ParseNumber(last_text, &last)) return whole;
    if (last == 0 || size == 0) return NoSuchRange();
    const uint64_t count = std::min(last, size);
    return std::optional<ByteRange>({size - count, count});
  }
  if (!ParseNumber(first_text, &first)) return whole;
  if (!last_text.empty() && (!ParseNumber(last_text, &last) || last < first)) return whole;
  if (first >= size) return NoSuchRange();
  const uint64_t end = last_text.empty() ? size - 1 : std::min(last, size - 1);
  return std::optional<ByteRange>({first, end - first + 1});
}

}  // namespace arkshare
