#include "services/index/store/block_pool.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace arkshare {
namespace {

// A free block has room for an address.
size_t StepsOf(size_t bytes) {
  return (std::max(bytes, sizeof(char*)) + BlockPool::kStep - 1) / BlockPool::kStep;
}

}  // namespace

BlockPool::~BlockPool() {
  for (char* block : large_) ::operator delete(block);
}

char* BlockPool::Allocate(size_t bytes) {
  if (bytes > kLargest) {
    bytes_in_use_ += bytes;
    return *large_.insert(static_cast<char*>(::operator new(bytes))).first;
  }
  const size_t steps = StepsOf(bytes);
  bytes_in_use_ += steps * kStep;
  return AllocateSmall(steps);
}

char* BlockPool::AllocateSmall(size_t steps) {
  if (char* block = free_[steps]; block != nullptr) {
    std::memcpy(&free_[steps], block, sizeof(char*));
    return block;
  }
  const size_t size = steps * kStep;
  if (rest_bytes_ < size) {
    if (rest_bytes_ >= sizeof(char*)) PutBack(rest_, rest_bytes_ / kStep);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
    rest_ = chunks_.back().get();
    rest_bytes_ = kChunkBytes;
  }
  char* block = rest_;
  rest_ += size;
  rest_bytes_ -= size;
  return block;
}

void BlockPool::Free(char* block, size_t bytes) {
  if (bytes > kLargest) {
    bytes_in_use_ -= bytes;
    large_.erase(block);
    return ::operator delete(block);
  }
  bytes_in_use_ -= StepsOf(bytes) * kStep;
  PutBack(block, StepsOf(bytes));
}

void BlockPool::PutBack(char* block, size_t steps) {
  char*& first = free_[steps];
  std::memcpy(block, &first, sizeof(char*));
  first = block;
}

}  // namespace arkshare
