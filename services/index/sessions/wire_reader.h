// Reads protobuf's wire format field by field, without copies.
#ifndef ARKSHARE_SERVICES_INDEX_SESSIONS_WIRE_READER_H_
#define ARKSHARE_SERVICES_INDEX_SESSIONS_WIRE_READER_H_

#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>

namespace arkshare {

// Reads one message, see https://protobuf.dev/programming-guides/encoding. Accepts and refuses the
// same bytes as protobuf's own parser, except that it does not know the types of fields:
//
//   for (WireReader in(bytes); in.Next();) if (in.IsNumber(2)) size = in.number();
//
// A field of another wire type than expected counts as an unknown field. The caller owns the bytes.
// Not thread-safe.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  // Moves to the next field. Returns false at the end, and where the bytes are malformed.
  bool Next() {
    if (!malformed_ && rest_.empty()) return false;
    malformed_ = malformed_ || !ReadField(kMostDepth);
    return !malformed_;
  }
  // Each returns whether this is the field, and holds a number or bytes.
  bool IsNumber(uint32_t field) const { return tag_ == (field << 3 | kVarint); }
  bool IsBytes(uint32_t field) const { return tag_ == (field << 3 | kBytes); }
  uint64_t number() const { return number_; }
  absl::string_view bytes() const { return bytes_; }

  // Returns, after Next has returned false, whether the end was reached.
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
  static constexpr int kMostDepth = 100;  // of groups, which the protocol does not use
  static constexpr int kMostTagBytes = 5;
  static constexpr int kMostVarintBytes = 10;

  // Returns false when the number does not end within `most_bytes`.
  bool ReadVarint(int most_bytes, uint64_t& value);
  bool Skip(size_t bytes);
  // Returns false when the field is malformed, or ends a group that did not begin.
  bool ReadField(int depth);
  bool SkipGroup(uint32_t field, int depth);

  absl::string_view rest_;
  uint32_t tag_ = 0;
  uint64_t number_ = 0;
  absl::string_view bytes_;
  bool malformed_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SESSIONS_WIRE_READER_H_
