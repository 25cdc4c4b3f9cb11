// The attributes of a file that a moved or copied book keeps, besides the bytes.
#ifndef ARKSHARE_LIB_CORE_FILE_ATTRIBUTES_H_
#define ARKSHARE_LIB_CORE_FILE_ATTRIBUTES_H_

#include <absl/time/time.h>

#include <cstdint>

namespace arkshare {

struct FileAttributes {
  absl::Time modified;
  uint32_t permissions = 0;  // the bits 0777 of the mode

  bool operator==(const FileAttributes&) const = default;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_FILE_ATTRIBUTES_H_
