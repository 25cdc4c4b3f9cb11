#include "lib/core/book_name.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using namespace std::string_literals;

std::string Repeat(absl::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) absl::StrAppend(&all, text);
  return all;
}

// Returns a name of `size` bytes, with parts of at most 250 bytes.
std::string NameOfSize(size_t size) {
  std::string name(size, 'a');
  for (size_t i = 200; i + 1 < size; i += 200) name[i] = '/';
  return name;
}

BookName Name(absl::string_view text) {
  absl::StatusOr<BookName> name = BookName::Parse(text);
  EXPECT_TRUE(name.ok()) << name.status();
  return *name;
}

TEST(BookNameTest, TakesOrdinaryNames) {
  for (const char* text :
       {"195", "name.txt", "a/b/c.epub", "Der Prozeß (1925).txt", "戦争と平和.epub", "trailing.",
        "x..y", "a...b/c", "~", "-rf", "con", "a b  c", " lead and trail ", "🐋.txt",
        "CON:", "arkshare", "x/arkshare.txt"}) {
    absl::StatusOr<BookName> name = BookName::Parse(text);
    ASSERT_TRUE(name.ok()) << name.status();
    EXPECT_EQ(name->value(), text);
  }
}

struct BadName {
  std::string text;
  std::string objection;
};

class BadNameTest : public ::testing::TestWithParam<BadName> {};

TEST_P(BadNameTest, IsRefusedWithAReason) {
  const absl::StatusOr<BookName> name = BookName::Parse(GetParam().text);
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetReason(name.status()), Reason::kInvalidName);
  EXPECT_THAT(std::string(name.status().message()), HasSubstr(GetParam().objection));
  // The message is safe to print for any name.
  EXPECT_EQ(EscapeForDisplay(name.status().message()), std::string(name.status().message()));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadNameTest,
    ::testing::Values(BadName{"", "empty"}, BadName{"../x", "dot"}, BadName{"..", "dot"},
                      BadName{".", "dot"}, BadName{"a/../b", "dot"}, BadName{"a/./b", "dot"},
                      BadName{"a/..", "dot"}, BadName{".hidden", "dot"}, BadName{"x/.y", "dot"},
                      BadName{".ARKSHARE/x", "dot"}, BadName{".arkshare/ledger.db", "dot"},
                      BadName{"/etc/passwd", "empty part"}, BadName{"a//b", "empty part"},
                      BadName{"a/", "empty part"}, BadName{"/", "empty part"},
                      BadName{"a\\b", "backslash"}, BadName{"..\\x", "backslash"},
                      BadName{"a\0b"s, "control"}, BadName{"\0"s, "control"},
                      BadName{"a\nb", "control"}, BadName{"a\x1b[2J", "control"},
                      BadName{"a\x7f", "control"}, BadName{"a\xC2\x80", "control"},
                      BadName{"a\xC2\x9f", "control"}, BadName{"a\u061C", "direction"},
                      BadName{"a\u200E", "direction"}, BadName{"a\u200F", "direction"},
                      BadName{"txt.\u202Egpj", "direction"}, BadName{"a\u202A", "direction"},
                      BadName{"a\u2066", "direction"}, BadName{"a\u2069", "direction"},
                      BadName{"a\u2028", "separator"}, BadName{"a\u2029", "separator"},
                      BadName{"a\uFDD0", "not a character"}, BadName{"a\uFFFE", "not a character"},
                      BadName{"a\xF4\x8F\xBF\xBF", "not a character"}));

INSTANTIATE_TEST_SUITE_P(NotUtf8, BadNameTest,
                         ::testing::Values(BadName{"a\xff", "UTF-8"}, BadName{"\x80", "UTF-8"},
                                           BadName{"a\xC3", "UTF-8"}, BadName{"a\xE2\x82", "UTF-8"},
                                           // Overlong forms of "/", "." and NUL.
                                           BadName{"a\xC0\xAF"
                                                   "b",
                                                   "UTF-8"},
                                           BadName{"\xC0\xAE\xC0\xAE/x", "UTF-8"},
                                           BadName{"a\xE0\x80\xAF", "UTF-8"},
                                           BadName{"a\xF0\x80\x80\xAF", "UTF-8"},
                                           BadName{"a\xC0\x80", "UTF-8"},
                                           // Surrogates, single and as a pair; beyond U+10FFFF.
                                           BadName{"a\xED\xA0\x80", "UTF-8"},
                                           BadName{"a\xED\xA0\xBD\xED\xB0\x8B", "UTF-8"},
                                           BadName{"a\xF4\x90\x80\x80", "UTF-8"},
                                           BadName{"a\xF8\x88\x80\x80\x80", "UTF-8"}));

INSTANTIATE_TEST_SUITE_P(TooLong, BadNameTest,
                         ::testing::Values(BadName{std::string(256, 'a'), "255"},
                                           BadName{"x/" + std::string(256, 'a') + "/y", "255"},
                                           BadName{Repeat("\u00E9", 128), "255"},
                                           BadName{NameOfSize(1025), "1,024"},
                                           BadName{NameOfSize(100'000), "1,024"}));

TEST(BookNameTest, TakesNamesUpToTheLimits) {
  EXPECT_TRUE(BookName::Parse(std::string(255, 'a')).ok());
  EXPECT_TRUE(BookName::Parse(Repeat("\u00E9", 127) + "a").ok());
  EXPECT_TRUE(BookName::Parse(NameOfSize(1024)).ok());
}

TEST(BookNameTest, IsNormalizedToNfc) {
  const BookName composed = Name("caf\u00E9");
  const BookName decomposed = Name("cafe\u0301");
  EXPECT_EQ(composed, decomposed);
  EXPECT_EQ(decomposed.value(), "caf\u00E9");
  EXPECT_EQ(Name("\u212B").value(), "\u00C5");              // the sign of the angstrom
  EXPECT_EQ(Name("\u1100\u1161\u11A8").value(), "\uAC01");  // Hangul
  EXPECT_EQ(Name("\uAC00\u11A7").value(), "\uAC00\u11A7");  // not Hangul, but similar
  EXPECT_EQ(Name("\u11A7\u11A7e\u0301").value(), "\u11A7\u11A7\u00E9");
  // Marks in a different order.
  EXPECT_EQ(Name("q\u0323\u0307"), Name("q\u0307\u0323"));
}

TEST(BookNameTest, TheLimitsHoldForTheNormalizedName) {
  // U+0958 has no composed form in NFC: 3 bytes become 6.
  EXPECT_TRUE(BookName::Parse(Repeat("\u0958", 42)).ok());
  EXPECT_FALSE(BookName::Parse(Repeat("\u0958", 43)).ok()) << "258 bytes in NFC";
  // A text that is too long can become short enough: "e" with an accent shrinks from 3 bytes to 2.
  EXPECT_TRUE(BookName::Parse(Repeat("e\u0301", 127)).ok());
  const std::string part = Repeat("e\u0301", 125);
  EXPECT_TRUE(BookName::Parse(absl::StrCat(part, "/", part, "/", part, "/", part)).ok());
}

TEST(BookNameTest, LongRunsOfMarksAreRefusedQuickly) {
  EXPECT_FALSE(BookName::Parse("a" + Repeat("\u0301\u0323", 1'000'000)).ok());
  EXPECT_FALSE(BookName::Parse("a" + Repeat("\u0301\u0323", 1'000)).ok());
}

TEST(BookNameTest, OrdersAndHashesByItsBytes) {
  EXPECT_LT(Name("a"), Name("b"));
  EXPECT_LT(Name("Z"), Name("a"));
  EXPECT_NE(Name("a"), Name("A"));
}

TEST(WithSuffixTest, GoesBeforeTheExtension) {
  EXPECT_EQ(Name("name.txt").WithSuffix(2).value(), "name (2).txt");
  EXPECT_EQ(Name("name").WithSuffix(2).value(), "name (2)");
  EXPECT_EQ(Name("195").WithSuffix(17).value(), "195 (17)");
  EXPECT_EQ(Name("a.b/name").WithSuffix(2).value(), "a.b/name (2)");
  EXPECT_EQ(Name("a/b.tar.gz").WithSuffix(3).value(), "a/b.tar (3).gz");
  EXPECT_EQ(Name("name.").WithSuffix(2).value(), "name (2).");
  EXPECT_EQ(Name("Dr. No").WithSuffix(2).value(), "Dr. No (2)");
  EXPECT_EQ(Name("a.averyveryverylongextension").WithSuffix(2).value(),
            "a.averyveryverylongextension (2)");
}

TEST(WithSuffixTest, CutsTheStemBetweenCodePoints) {
  const std::string long_part = Repeat("\u00E9", 125) + ".txt";  // 254 bytes
  const std::string suffixed = Name(long_part).WithSuffix(2).value();
  // 255 - 8 for " (2).txt" leaves 247: 123 whole letters.
  EXPECT_EQ(suffixed, Repeat("\u00E9", 123) + " (2).txt");
  EXPECT_EQ(Name(std::string(255, 'a')).WithSuffix(2).value(), std::string(251, 'a') + " (2)");
  EXPECT_EQ(Name(std::string(251, 'a') + ".txt").WithSuffix(1'000'000).value(),
            std::string(241, 'a') + " (1000000).txt");
}

TEST(WithSuffixTest, StaysWithinTheWholeName) {
  const std::string folder = NameOfSize(900) + "/";
  const std::string suffixed = Name(folder + std::string(123, 'x')).WithSuffix(2).value();
  EXPECT_EQ(suffixed, folder + std::string(119, 'x') + " (2)");
}

TEST(WithSuffixTest, DropsAFolderThatLeavesNoRoom) {
  const std::string name = NameOfSize(1022) + "/x";
  ASSERT_EQ(name.size(), 1024u);
  const std::string parent = name.substr(0, 1001);  // up to and with the last slash but one
  ASSERT_EQ(parent.back(), '/');
  EXPECT_EQ(Name(name).WithSuffix(2).value(), parent + "x (2)");
}

TEST(WithSuffixTest, IsAlwaysAName) {
  for (const std::string& text :
       {"a"s, "a.txt"s, std::string(255, 'a'), Repeat("🐋", 63), NameOfSize(1024),
        NameOfSize(1022) + "/x", NameOfSize(1000) + "/🐋.epub", "e\u0301."s}) {
    for (int n : {2, 10, 999, 2'147'483'647}) {
      const BookName suffixed = Name(text).WithSuffix(n);
      EXPECT_EQ(Name(suffixed.value()), suffixed);
      EXPECT_NE(suffixed, Name(text));
      EXPECT_THAT(suffixed.value(), HasSubstr(absl::StrCat(" (", n, ")")));
    }
  }
}

TEST(EscapeForDisplayTest, LeavesPrintableTextAlone) {
  for (const char* text : {"", "195", "戦争 \u00E9 e\u0301 🐋", "a\\b \"c\" 'd'"}) {
    EXPECT_EQ(EscapeForDisplay(text), text);
  }
}

TEST(EscapeForDisplayTest, EscapesDeceptiveCharacters) {
  EXPECT_EQ(EscapeForDisplay("a\nb\x1b[2J"), "a\\u{000A}b\\u{001B}[2J");
  EXPECT_EQ(EscapeForDisplay("\0"s), "\\u{0000}");
  EXPECT_EQ(EscapeForDisplay("\u0085\x7f"), "\\u{0085}\\u{007F}");
  EXPECT_EQ(EscapeForDisplay("txt.\u202Egpj"), "txt.\\u{202E}gpj");
  EXPECT_EQ(EscapeForDisplay("\u2028\u2029\u061C"), "\\u{2028}\\u{2029}\\u{061C}");
  EXPECT_EQ(EscapeForDisplay("\U0010FFFF"), "\\u{10FFFF}");
  EXPECT_EQ(EscapeForDisplay("a\xff\xC3z"), "a\\xFF\\xC3z");
  EXPECT_EQ(EscapeForDisplay("\xED\xA0\x80"), "\\xED\\xA0\\x80");
}

TEST(FoldedWordsTest, SplitsAtOtherCharactersThanLettersAndDigits) {
  EXPECT_THAT(FoldedWords("The Time-Machine_(1895).txt"),
              ElementsAre("the", "time", "machine", "1895", "txt"));
  EXPECT_THAT(FoldedWords("a/b//c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(FoldedWords("one one"), ElementsAre("one", "one"));
  EXPECT_THAT(FoldedWords("戦争と平和 2"), ElementsAre("戦争と平和", "2"));
  EXPECT_THAT(FoldedWords(" -- 🐋 !"), IsEmpty());
  EXPECT_THAT(FoldedWords(""), IsEmpty());
}

TEST(FoldedWordsTest, FoldsCaseAndAccents) {
  EXPECT_THAT(FoldedWords("\u00C9COLE"), ElementsAre("ecole"));
  EXPECT_THAT(FoldedWords("E\u0301cole"), ElementsAre("ecole"));
  EXPECT_THAT(FoldedWords("Stra\u00DFe STRASSE"), ElementsAre("strasse", "strasse"));
  EXPECT_THAT(FoldedWords("\u0130stanbul"), ElementsAre("istanbul"));
  EXPECT_THAT(FoldedWords("\u03A3\u03C3\u03C2"), ElementsAre("\u03C3\u03C3\u03C3"));
  EXPECT_THAT(FoldedWords("\uFB01n \u212A \u2167"), ElementsAre("fin", "k", "viii"));
  EXPECT_THAT(FoldedWords("\U0001D400\u00B2"), ElementsAre("a2"));
}

TEST(FoldedWordsTest, FoldsLettersThatDoNotDecompose) {
  EXPECT_THAT(FoldedWords("\u0110\u00E0 N\u1EB5ng"), ElementsAre("da", "nang"));
  EXPECT_THAT(FoldedWords("\u0141\u00F3d\u017A \u00D8rsted"), ElementsAre("lodz", "orsted"));
  EXPECT_THAT(FoldedWords("\u0153uvre \u00C6sop"), ElementsAre("oeuvre", "aesop"));
  EXPECT_THAT(FoldedWords("DI\u015EI d\u0131\u015F\u0131"), ElementsAre("disi", "disi"));
  EXPECT_THAT(FoldedWords("\u00DEorir \u01FF"), ElementsAre("thorir", "o"));
}

TEST(FoldedWordsTest, ComposedAndDecomposedTextsHaveTheSameWords) {
  EXPECT_THAT(FoldedWords("\u1FFC"), ElementsAre("\u03C9"));
  EXPECT_THAT(FoldedWords("\u03A9\u0345"), ElementsAre("\u03C9"));
  EXPECT_EQ(FoldedWords("\uAC01"), FoldedWords("\u1100\u1161\u11A8"));
}

TEST(FoldedWordsTest, TakesAnyBytes) {
  EXPECT_THAT(FoldedWords("ab\xff"
                          "cd\0ef\xC3"s),
              ElementsAre("ab", "cd", "ef"));
  EXPECT_THAT(FoldedWords("\xED\xA0\x80"), IsEmpty());
  EXPECT_THAT(FoldedWords("\u0301\u0301"), IsEmpty());
  // The longest decomposition of all.
  EXPECT_THAT(FoldedWords("\uFDFA"), ::testing::SizeIs(4));
}

}  // namespace
}  // namespace arkshare
