// Protobuf's wire format, field by field, where the bytes are.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_WIRE_READER_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_WIRE_READER_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>

namespace arkshare {

// Reads one message, see https://protobuf.dev/programming-guides/encoding. What is taken and what
// is refused is what protobuf's own parser takes and refuses, except that it knows of no types:
//
//   for (WireReader in(bytes); in.Next();) if (in.IsNumber(2)) size = in.number();
//
// A field of another wire type than is asked for is like one of an unknown number. Not thread-safe;
// the bytes are the caller's.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  // To the next field; false at the end, and at what is malformed.
  bool Next() {
    if (!malformed_ && rest_.empty()) return false;
    malformed_ = malformed_ || !ReadField(kMostDepth);
    return !malformed_;
  }
  // Of the field: whether it is this one, and holds a number or bytes.
  bool IsNumber(uint32_t field) const { return tag_ == (field << 3 | kVarint); }
  bool IsBytes(uint32_t field) const { return tag_ == (field << 3 | kBytes); }
  uint64_t number() const { return number_; }
  absl::string_view bytes() const { return bytes_; }

  // Once Next has said false: whether the end was reached.
  bool ok() const { return !malformed_; }

 private:
  enum WireType : uint32_t {
    kVarint = 0,
    kFixed64 = 1,
    kBytes = 2,
    kBeginGroup = 3,
    kEndGroup = 4,
    kFixed32 = 5
  };
  static constexpr int kMostDepth = 100;  // of groups, none of which we have
  static constexpr int kMostTagBytes = 5;
  static constexpr int kMostVarintBytes = 10;

  // False when it does not end within so many bytes.
  bool ReadVarint(int most_bytes, uint64_t& value);
  bool Skip(size_t bytes);
  // False when it is malformed, or the end of a group that did not begin.
  bool ReadField(int depth);
  bool SkipGroup(uint32_t field, int depth);

  absl::string_view rest_;
  uint32_t tag_ = 0;
  uint64_t number_ = 0;
  absl::string_view bytes_;
  bool malformed_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_WIRE_READER_H_
