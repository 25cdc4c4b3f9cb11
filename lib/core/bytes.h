// Text as the bytes that it consists of: protobuf and the standard library have strings, hashers
// and files have bytes.
#ifndef ARKSHARE_LIB_CORE_BYTES_H_
#define ARKSHARE_LIB_CORE_BYTES_H_

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstdint>

namespace arkshare {

// Valid as long as `text` is.
inline absl::Span<const uint8_t> AsBytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BYTES_H_
