// Texts in a BlockPool: one address each; the length is stored before the bytes.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_STORED_TEXT_H_
#define ARKSHARE_SERVICES_INDEX_STORE_STORED_TEXT_H_

#include <absl/strings/string_view.h>

#include <cstdint>
#include <cstring>

#include "services/index/store/block_pool.h"

namespace arkshare {

// Requires at most 65,535 bytes.
inline char* StoreText(absl::string_view text, BlockPool& pool) {
  const auto length = static_cast<uint16_t>(text.size());
  char* stored = pool.Allocate(sizeof(length) + text.size());
  std::memcpy(stored, &length, sizeof(length));
  std::memcpy(stored + sizeof(length), text.data(), text.size());
  return stored;
}

inline absl::string_view ReadText(const char* stored) {
  uint16_t length = 0;
  std::memcpy(&length, stored, sizeof(length));
  return {stored + sizeof(length), length};
}

inline void FreeText(char* stored, BlockPool& pool) {
  pool.Free(stored, sizeof(uint16_t) + ReadText(stored).size());
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_STORED_TEXT_H_
