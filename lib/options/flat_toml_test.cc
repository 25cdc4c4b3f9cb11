#include "lib/options/flat_toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(FlatTomlTest, ReadsEveryKindOfValue) {
  const absl::StatusOr<std::vector<TomlEntry>> entries = ParseFlatToml(
      "# a comment\n"
      "\n"
      "listen = \"127.0.0.1:1\"   # where\r\n"
      "share-dir='C:\\#1 \"best\"'\n"
      "lines = \"a\\\"b\\n\\\\\"\n"
      "  slots = 1_000\n"
      "share = 0.5\n"
      "low = -3\n"
      "table = true\n"
      "index = [\"a:1\", 'b:2', ]\n"
      "none = []\n");
  ASSERT_TRUE(entries.ok()) << entries.status();
  std::vector<std::string> lines;
  for (const TomlEntry& entry : *entries) {
    lines.push_back(entry.key);
    lines.insert(lines.end(), entry.values.begin(), entry.values.end());
  }
  EXPECT_THAT(lines, ElementsAre("listen", "127.0.0.1:1", "share-dir", "C:\\#1 \"best\"", "lines",
                                 "a\"b\n\\", "slots", "1000", "share", "0.5", "low", "-3", "table",
                                 "true", "index", "a:1", "b:2", "none"));
}

TEST(FlatTomlTest, MistakesNameTheirLine) {
  for (const char* text : {"a = \"open", "a = 'open", "a = \"bad \\q\"", "a = \"x\" y", "a = word",
                           "a =", "a", "= 1", "[table]", "a.b = 1", "a = [1, 2", "a = [1 2]",
                           "a = \"\\", "a = 1 2", "b = 1\na = 2\na = 3"}) {
    const absl::StatusOr<std::vector<TomlEntry>> entries = ParseFlatToml(text);
    EXPECT_FALSE(entries.ok()) << text;
    EXPECT_THAT(entries.status().ToString(), HasSubstr("line ")) << text;
  }
}

}  // namespace
}  // namespace arkshare
