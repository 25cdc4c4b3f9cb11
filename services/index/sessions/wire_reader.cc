#include "services/index/sessions/wire_reader.h"

namespace arkshare {

bool WireReader::ReadVarint(int most_bytes, uint64_t& value) {
  value = 0;
  for (int i = 0; i < most_bytes && static_cast<size_t>(i) < rest_.size(); ++i) {
    const auto byte = static_cast<uint8_t>(rest_[static_cast<size_t>(i)]);
    value |= uint64_t{byte & 0x7FU} << (7 * i);
    if (byte < 0x80) return Skip(static_cast<size_t>(i) + 1);
  }
  return false;
}

bool WireReader::Skip(size_t bytes) {
  if (bytes > rest_.size()) return false;
  rest_.remove_prefix(bytes);
  return true;
}

bool WireReader::ReadField(int depth) {
  uint64_t value = 0;
  if (!ReadVarint(kMostTagBytes, value)) return false;
  // Drops the bits beyond 32, as protobuf does.
  tag_ = static_cast<uint32_t>(value);
  const uint32_t field = tag_ >> 3;
  if (field == 0) return false;
  switch (tag_ & 7) {
    case kVarint:
      return ReadVarint(kMostVarintBytes, number_);
    case kFixed64:
      return Skip(sizeof(uint64_t));
    case kFixed32:
      return Skip(sizeof(uint32_t));
    case kBytes:
      if (!ReadVarint(kMostTagBytes, value)) return false;
      bytes_ = rest_.substr(0, value);
      return Skip(value);
    case kBeginGroup:
      return SkipGroup(field, depth);
    default:
      return false;
  }
}

bool WireReader::SkipGroup(uint32_t field, int depth) {
  const uint32_t tag = tag_;
  while (depth > 0 && !rest_.empty()) {
    WireReader ahead = *this;
    uint64_t next = 0;
    if (ahead.ReadVarint(kMostTagBytes, next) &&
        static_cast<uint32_t>(next) == (field << 3 | kEndGroup)) {
      rest_ = ahead.rest_;
      tag_ = tag;
      return true;
    }
    if (!ReadField(depth - 1)) return false;
  }
  return false;
}

}  // namespace arkshare
