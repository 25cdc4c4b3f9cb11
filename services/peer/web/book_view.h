// The type of a book, as a browser may show it, and the range of its bytes that one asks for.
#ifndef ARKSHARE_SERVICES_PEER_WEB_BOOK_VIEW_H_
#define ARKSHARE_SERVICES_PEER_WEB_BOOK_VIEW_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace arkshare {

// The bytes at the front of a book by which its type is known.
inline constexpr size_t kTypeBytes = 4096;

struct MediaType {
  std::string name;
  bool is_inline = false;  // a browser may show it; otherwise it may only save it
};
// Finds out the type of a book by its first bytes, never by its name. HTML, SVG and XML, which can
// have scripts, are only for saving. Pure.
MediaType MediaTypeOf(absl::string_view first_bytes);

struct ByteRange {
  uint64_t first = 0;
  uint64_t size = 0;

  bool operator==(const ByteRange&) const = default;
};
struct NoSuchRange {};
// Reads a Range header (RFC 9110) for a book of `size` bytes. nullopt: the whole book, which also
// answers what is not understood, such as several ranges.
std::variant<std::optional<ByteRange>, NoSuchRange> ParseRange(absl::string_view header,
                                                               uint64_t size);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_BOOK_VIEW_H_
