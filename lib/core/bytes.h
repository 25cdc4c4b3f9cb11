// Views a text as bytes: protobuf and the standard library use strings, hashers and files use
// bytes.
#ifndef ARKSHARE_LIB_CORE_BYTES_H_
#define ARKSHARE_LIB_CORE_BYTES_H_

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>

namespace arkshare {

// The result is valid as long as `text`.
inline absl::Span<const uint8_t> AsBytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BYTES_H_
