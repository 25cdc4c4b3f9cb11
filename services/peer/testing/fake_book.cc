#include "services/peer/testing/fake_book.h"

#include <absl/types/span.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "lib/core/merkle.h"
#include "services/peer/testing/must.h"

namespace arkshare {

FakeBook FakeBook::Of(std::string bytes) {
  BookHasher hasher(bytes.size());
  hasher.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  BookHasher::Result result = Must(hasher.Finish());
  return {std::move(bytes), result.id, std::move(result.pieces)};
}

FakeBook FakeBook::OfSize(uint64_t size, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(&bytes[at], &word, std::min<size_t>(sizeof word, size - at));
  }
  return Of(std::move(bytes));
}

}  // namespace arkshare
