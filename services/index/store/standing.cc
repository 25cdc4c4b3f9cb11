#include "services/index/store/standing.h"

namespace arkshare {

// FNV-1a (draft-eastlake-fnv), whose highest bits depend on every character.
uint32_t ShuffleOf(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return static_cast<uint32_t>(hash >> (64 - kShuffleBits));
}

}  // namespace arkshare
