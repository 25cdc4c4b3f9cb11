#include "services/index/store/touch_ahead.h"

#include <cstddef>
#include <memory>

namespace arkshare {
namespace {

// A thousand books with new names take less than half of it. malloc keeps it after TouchAhead.
constexpr size_t kAhead = size_t{512} * 1024;
constexpr size_t kPage = 4'096;

}  // namespace

void TouchAhead() {
  const auto memory = std::make_unique_for_overwrite<char[]>(kAhead);
  // Volatile, so that the compiler keeps the writes, which no code reads.
  volatile char* const bytes = memory.get();
  for (size_t at = 0; at < kAhead; at += kPage) bytes[at] = 0;
}

}  // namespace arkshare
