// Values by small numbers.
#ifndef ARKSHARE_SERVICES_INDEX_STORE_ID_POOL_H_
#define ARKSHARE_SERVICES_INDEX_STORE_ID_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace arkshare {

// A number takes half the memory of a pointer, and growing moves no value. Not thread-safe.
template <typename T>
class IdPool {
 public:
  // Returns the value's number: that of a removed value, or the smallest new one.
  uint32_t Add(T value) {
    uint32_t id = next_;
    if (!free_.empty()) {
      id = free_.back();
      free_.pop_back();
    } else {
      if (next_ % kChunk == 0) chunks_.push_back(std::make_unique<T[]>(kChunk));
      ++next_;
    }
    (*this)[id] = std::move(value);
    return id;
  }
  void Remove(uint32_t id) {
    (*this)[id] = T();
    free_.push_back(id);
  }

  T& operator[](uint32_t id) { return chunks_[id / kChunk][id % kChunk]; }
  const T& operator[](uint32_t id) const { return chunks_[id / kChunk][id % kChunk]; }
  size_t size() const { return next_ - free_.size(); }

 private:
  static constexpr uint32_t kChunk = 512;

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<uint32_t> free_;
  uint32_t next_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_STORE_ID_POOL_H_
