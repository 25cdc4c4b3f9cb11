// Memory for many millions of small blocks, without a header for each.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_BLOCK_POOL_H_
#define ARKSHARE_SERVICES_INDEX_STORE_BLOCK_POOL_H_

#include <absl/container/flat_hash_set.h>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace arkshare {

// A freed block is used again for the next one of its size; the caller of Free passes the size.
// malloc would take 8 bytes more for each block and round up to 16. Not thread-safe.
class BlockPool {
 public:
  BlockPool() = default;
  // Frees all blocks.
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Blocks are aligned to this, and as many bytes long as its next multiple.
  static constexpr size_t kStep = 4;

  char* Allocate(size_t bytes);
  // Requires the same `bytes` as in Allocate.
  void Free(char* block, size_t bytes);
  // Returns the size of all blocks that are in use.
  size_t bytes_in_use() const { return bytes_in_use_; }

 private:
  static constexpr size_t kLargest = 512;  // the heap serves larger ones, each by itself
  static constexpr size_t kChunkBytes = size_t{64} * 1024;

  char* AllocateSmall(size_t steps);
  void PutBack(char* block, size_t steps);

  size_t bytes_in_use_ = 0;
  absl::flat_hash_set<char*> large_;
  std::vector<std::unique_ptr<char[]>> chunks_;
  // The rest of the last chunk.
  char* rest_ = nullptr;
  size_t rest_bytes_ = 0;
  // By size in steps; each free block holds the address of the next one.
  std::array<char*, kLargest / kStep + 1> free_{};
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_BLOCK_POOL_H_
