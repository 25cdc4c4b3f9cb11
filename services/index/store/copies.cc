#include "services/index/store/copies.h"

#include <algorithm>
#include <new>

namespace arkshare {
namespace {

// A Copy::shelf that marks the number as the address of an array.
constexpr uint32_t kMany = ~uint32_t{0};
// Copies after the ordered ones.
constexpr uint32_t kMostUnsorted = 256;

bool ByShelf(const Copy& a, const Copy& b) { return a.shelf < b.shelf; }

}  // namespace

struct Copies::Array {
  uint32_t count;
  uint32_t capacity;
  uint32_t sorted;  // how many of the first copies are in order
  uint32_t gone;    // among those

  Copy* begin() { return reinterpret_cast<Copy*>(this + 1); }
  Copy* end() { return begin() + count; }
  static size_t BytesOf(size_t capacity) { return sizeof(Array) + capacity * sizeof(Copy); }

  void Sort() {
    std::sort(begin() + sorted, end(), ByShelf);
    std::inplace_merge(begin(), begin() + sorted, end(), ByShelf);
    sorted = count;
  }
  void Compact() {
    count = static_cast<uint32_t>(
        std::remove_if(begin(), end(), [](const Copy& copy) { return copy.gone(); }) - begin());
    sorted -= gone;
    gone = 0;
  }
  bool Remove(const Copy& copy) {
    Copy* place = std::lower_bound(begin(), begin() + sorted, copy, ByShelf);
    while (place != begin() + sorted && place->shelf == copy.shelf && *place != copy) ++place;
    if (place != begin() + sorted && *place == copy) {
      *place = Copy(copy.shelf, 0);
      if (++gone > count / 4) Compact();
      return true;
    }
    place = std::find(begin() + sorted, end(), copy);
    if (place == end()) return false;
    *place = begin()[--count];
    return true;
  }
};

Copies::Array* Copies::array() const {
  return only_.shelf == kMany ? reinterpret_cast<Array*>(static_cast<uintptr_t>(only_.number()))
                              : nullptr;
}

void Copies::Prefetch() const {
  const auto* bytes = reinterpret_cast<const char*>(array());
  if (bytes == nullptr) return;
  __builtin_prefetch(bytes);
  __builtin_prefetch(bytes + 64);
}

size_t Copies::count() const {
  const Array* many = array();
  return many == nullptr ? 1 : many->count - many->gone;
}

absl::Span<const Copy> Copies::all() const {
  Array* many = array();
  if (many == nullptr) return {&only_, 1};
  return {many->begin(), many->count};
}

void Copies::Add(const Copy& copy, BlockPool& pool) {
  Array* many = array();
  if (many == nullptr) {
    MoveTo(2, pool);
  } else if (many->count == many->capacity) {
    MoveTo(size_t{many->count} + (many->count + 1) / 2, pool);
  }
  many = array();
  many->begin()[many->count++] = copy;
  if (many->count - many->sorted > kMostUnsorted) many->Sort();
}

bool Copies::Remove(const Copy& copy, BlockPool& pool) {
  Array* many = array();
  if (many == nullptr || !many->Remove(copy)) return false;
  const size_t left = count();
  if (left > 1 && left * 4 > many->capacity) return true;
  many->Compact();
  if (left > 1) {
    MoveTo(left * 2, pool);
    return true;
  }
  only_ = *many->begin();
  pool.Free(reinterpret_cast<char*>(many), Array::BytesOf(many->capacity));
  return true;
}

void Copies::MoveTo(size_t capacity, BlockPool& pool) {
  Array* many = array();
  const absl::Span<const Copy> copies = all();
  auto* moved = new (pool.Allocate(Array::BytesOf(capacity)))
      Array{static_cast<uint32_t>(copies.size()), static_cast<uint32_t>(capacity),
            many == nullptr ? 0 : many->sorted, many == nullptr ? 0 : many->gone};
  std::copy(copies.begin(), copies.end(), moved->begin());
  if (many != nullptr) pool.Free(reinterpret_cast<char*>(many), Array::BytesOf(many->capacity));
  only_ = Copy(kMany, reinterpret_cast<uintptr_t>(moved));
}

}  // namespace arkshare
