#include "lib/core/log.h"

#include <absl/strings/match.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(LogTest, ALineIsAnEventAndItsKeys) {
  EXPECT_EQ(FormatLogLine("stopping", {}), "stopping");
  EXPECT_EQ(FormatLogLine("moved", {{"book", BookName::Parse("195").value()},
                                    {"from", 1},
                                    {"bytes", uint64_t{1048576}},
                                    {"reachable", true},
                                    {"lease", absl::Seconds(10)}}),
            R"(moved book="195" from=1 bytes=1048576 reachable=true lease=10s)");
}

TEST(LogTest, TextCannotForgeALineOrAKey) {
  EXPECT_EQ(FormatLogLine("listed", {{"book", "a\nmoved book=\"b\""}}),
            R"(listed book="a\u{000A}moved book=\"b\"")");
  EXPECT_EQ(FormatLogLine("listed", {{"book", "a\\\" from=1"}}), R"(listed book="a\\\" from=1")");
  EXPECT_EQ(FormatLogLine("listed", {{"book", std::string("\xFF\x1B[2J")}}),
            R"(listed book="\xFF\u{001B}[2J")");
}

TEST(LogTest, AStatusIsItsReasonAndMessage) {
  EXPECT_EQ(FormatLogLine("dropped", {{"why", MakeError(Reason::kBookGone, "it has gone")}}),
            R"(dropped why="BOOK_GONE: it has gone")");
  EXPECT_EQ(FormatLogLine("dropped", {{"why", absl::InternalError("disk \"a\"\n")}}),
            R"(dropped why="INTERNAL: disk \"a\"\u{000A}")");
  EXPECT_EQ(FormatLogLine("dropped", {{"why", absl::OkStatus()}}), R"(dropped why="OK")");
}

TEST(LogTest, KeysAndIdsAreHex) {
  const PublicKey key = PublicKey::FromBytes(std::string(32, '\x5a')).value();
  const TransferId id = TransferId::FromBytes(std::string(16, '\x01')).value();
  ContentId content;
  content.root.fill(0xab);
  EXPECT_EQ(FormatLogLine("released", {{"to", key}, {"transfer", id}}),
            "released to=5a5a5a5a5a5a transfer=01010101010101010101010101010101");
  EXPECT_EQ(FormatLogLine("bad_book", {{"root", content}}), "bad_book root=" + ToHex(content.root));
}

// The types of log.h enforce the format. This test finds lines that bypass log.h.
TEST(LogTest, NoSourceBypassesTheLogHeader) {
  const std::filesystem::path root(ARKSHARE_SOURCE_DIR);
  ASSERT_TRUE(std::filesystem::exists(root / "services")) << "there are no sources in " << root;
  const std::regex other(R"(spdlog::|#include <spdlog|#include <fmt)");
  size_t files = 0, lines = 0;
  for (const char* folder : {"lib", "services", "clients"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h") continue;
      std::ifstream in(entry.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      ++files;
      const std::regex call(R"(\bLog(Debug|Info|Warning|Error|Critical)\()");
      lines += static_cast<size_t>(
          std::distance(std::sregex_iterator(text.begin(), text.end(), call), {}));
      const std::string name = entry.path().filename();
      if (name == "log.cc" || absl::EndsWith(name, "_test.cc")) continue;
      EXPECT_FALSE(std::regex_search(text, other)) << entry.path() << " must use lib/core/log.h";
    }
  }
  EXPECT_GT(files, 100u);
  EXPECT_GT(lines, 40u);
}

}  // namespace
}  // namespace arkshare
