#include "services/index/admin/qr_code.h"

#include <absl/strings/match.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

// Returns the rows of a drawing, without its escape sequences: '#' for dark, ' ' for light.
std::vector<std::string> Modules(const std::string& drawn) {
  std::vector<std::string> rows;
  for (absl::string_view line : absl::StrSplit(drawn, '\n', absl::SkipEmpty())) {
    EXPECT_TRUE(absl::ConsumePrefix(&line, "\x1b[30;107m"));
    EXPECT_TRUE(absl::ConsumeSuffix(&line, "\x1b[0m"));
    std::string upper;
    std::string lower;
    while (!line.empty()) {
      const bool full = absl::ConsumePrefix(&line, "█");
      const bool top = !full && absl::ConsumePrefix(&line, "▀");
      const bool bottom = !full && !top && absl::ConsumePrefix(&line, "▄");
      if (!full && !top && !bottom && !absl::ConsumePrefix(&line, " ")) {
        ADD_FAILURE() << "another character: " << line;
        return {};
      }
      upper += full || top ? '#' : ' ';
      lower += full || bottom ? '#' : ' ';
    }
    rows.push_back(upper);
    rows.push_back(lower);
  }
  return rows;
}

// The finder pattern of three corners.
bool HasFinder(const std::vector<std::string>& rows, size_t row, size_t column) {
  constexpr const char* kFinder[] = {"#######", "#     #", "# ### #", "# ### #",
                                     "# ### #", "#     #", "#######"};
  for (size_t i = 0; i < 7; ++i) {
    if (rows[row + i].substr(column, 7) != kFinder[i]) return false;
  }
  return true;
}

TEST(QrCodeTest, ACodeHasItsFindersInAQuietZone) {
  // Version 4 has 33 modules and takes 90 of these characters at level M.
  const auto drawn = DrawQrCode(std::string(73, 'A'));
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  const std::vector<std::string> rows = Modules(*drawn);
  constexpr size_t kModules = 33;
  constexpr size_t kSize = kModules + 8;
  ASSERT_EQ(rows.size(), kSize + 1) << "an even number, because a line has two";
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), kSize);
    EXPECT_TRUE((i >= 4 && i < kModules + 4) || rows[i] == std::string(kSize, ' ')) << i;
    EXPECT_EQ(rows[i].substr(0, 4), "    ");
    EXPECT_EQ(rows[i].substr(kSize - 4), "    ");
  }
  EXPECT_TRUE(HasFinder(rows, 4, 4));
  EXPECT_TRUE(HasFinder(rows, 4, 4 + kModules - 7));
  EXPECT_TRUE(HasFinder(rows, 4 + kModules - 7, 4));
  EXPECT_FALSE(HasFinder(rows, 4 + kModules - 7, 4 + kModules - 7));
}

TEST(QrCodeTest, CapitalsMakeASmallerCode) {
  const std::string capitals = *DrawQrCode(std::string(73, 'A'));
  EXPECT_LT(Modules(capitals).size(), Modules(*DrawQrCode(std::string(73, 'a'))).size());
  EXPECT_NE(capitals, *DrawQrCode(std::string(73, 'B')));
}

TEST(QrCodeTest, TextThatDoesNotFitIsRefused) {
  EXPECT_FALSE(DrawQrCode(std::string(10'000, 'A')).ok());
  EXPECT_FALSE(DrawQrCode("").ok());
}

}  // namespace
}  // namespace arkshare
