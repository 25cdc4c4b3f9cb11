#include "services/index/sessions/wire_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using std::string_literals::operator""s;

struct Field {
  uint64_t number = 0;
  std::string bytes;
  bool operator==(const Field&) const = default;
};

// Returns the fields 1 that hold numbers and the fields 2 that hold bytes; nullopt when malformed.
std::vector<Field> Read(const std::string& bytes, bool* ok) {
  // Copied to the heap at its exact size, so that sanitizers notice a read beyond its end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  std::vector<Field> fields;
  WireReader in({exact.data(), exact.size()});
  while (in.Next()) {
    if (in.IsNumber(1)) fields.push_back({in.number(), ""});
    if (in.IsBytes(2)) fields.push_back({0, std::string(in.bytes())});
  }
  *ok = in.ok();
  return fields;
}

TEST(WireReaderTest, ReadsNumbersAndBytes) {
  bool ok = false;
  EXPECT_EQ(Read("", &ok), std::vector<Field>{});
  EXPECT_TRUE(ok);
  const std::vector<Field> both = {{300, ""}, {0, "abc"}};
  EXPECT_EQ(Read("\x08\xAC\x02\x12\x03"s + "abc", &ok), both);
  EXPECT_TRUE(ok);
  const std::vector<Field> largest = {{~uint64_t{0}, ""}};
  EXPECT_EQ(Read("\x08"s + std::string(9, '\xFF') + "\x01", &ok), largest);
  EXPECT_TRUE(ok);
}

TEST(WireReaderTest, SkipsOtherFields) {
  const std::vector<std::string> unknown = {
      "\x0A\x01x"s,                   // field 1 as bytes
      "\x10\x05"s,                    // field 2 as a number
      "\x09"s + std::string(8, 'x'),  // fixed64
      "\x15"s + std::string(4, 'x'),  // fixed32
      "\xF8\xFF\xFF\xFF\x0F\x01"s,    // the largest field number
      "\x1B\x08\x01\x1C"s,            // a group with a field 1
      "\x1B\x23\x24\x1C"s,            // a group in a group
      "\x1B\x1B\x1C\x1C"s,            // of the same number
  };
  for (const std::string& field : unknown) {
    bool ok = false;
    const std::vector<Field> all = {{7, ""}, {0, "a"}};
    EXPECT_EQ(Read("\x08\x07" + field + "\x12\x01" + "a", &ok), all)
        << testing::PrintToString(field);
    EXPECT_TRUE(ok) << testing::PrintToString(field);
  }
}

TEST(WireReaderTest, RefusesMalformedBytes) {
  const std::vector<std::string> malformed = {
      "\x08"s,                            // no number
      "\x08\x80"s,                        // half a number
      "\x08"s + std::string(10, '\x80'),  // a number without an end
      "\x12"s,                            // no length
      "\x12\x02x"s,                       // longer than what is there
      "\x12\xFF\xFF\xFF\xFF\x0F"s,        // much longer
      "\x12\x80\x80\x80\x80\x80\x01"s,    // a length of six bytes
      "\x09xxxxxxx"s,                     // seven bytes of eight
      "\x15xxx"s,                         // three of four
      "\x00\x00"s,                        // field number 0
      "\x0C"s,                            // the end of no group
      "\x1B"s,                            // a group without an end
      "\x1B\x24"s,                        // the end of another group
      "\x0E\x01"s,                        // wire type 6
      "\x0F\x01"s,                        // wire type 7
      "\x80\x80\x80\x80\x80\x01\x01"s,    // a tag of six bytes
      std::string(200, '\x1B'),           // groups beyond any need
  };
  for (const std::string& field : malformed) {
    bool ok = true;
    const std::vector<Field> before = {{7, ""}};
    EXPECT_EQ(Read("\x08\x07" + field, &ok), before) << testing::PrintToString(field);
    EXPECT_FALSE(ok) << testing::PrintToString(field);
  }
}

}  // namespace
}  // namespace arkshare
