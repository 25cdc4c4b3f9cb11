// Names and texts as attackers send them: whatever comes out must keep its promises.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/book_name.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

Mutator Texts(uint64_t seed) {
  return Mutator(
      seed,
      {"", "195", "name.txt", "a/b/c.epub", "Der Prozeß (1925).txt", "戦争と平和/第一巻.epub",
       "caf\u00E9/cafe\u0301", "../../etc/passwd", "x/.y", ".ARKSHARE/x", "🐋🐋🐋.txt",
       "\u1100\u1161\u11A8", "q\u0323\u0307", "\uFDFA \uFB01 \u0130 \u2167", std::string(300, 'a'),
       std::string(251, 'b') + ".txt", std::string(200, 'c') + "/" + std::string(200, 'd'), "-- !"},
      {"/",          "//",       "..",     "/../",         ".",        "\\",
       "\0"s,        "\n",       "\x7f",   "\xC2\x85",     "\u202E",   "\u061C",
       "\u2028",     "\uFFFE",   "\uFDD0", "\xED\xA0\x80", "\xC0\xAF", "\xF4\x90\x80\x80",
       "\xff",       "\xE2\x82", "\u0301", "\u0958",       "\u212A",   "\u0344",
       "\U0001D15F", "\u200D",   "\u0E33", "\uAC01",       " (2)",     ".txt",
       "\u1E9E",     "\u03A3",   "\u0345", "\u1FB7",       "\u2126",   "\U000E0041"});
}

// The rules of a name once more, in the words of the contract.
void ExpectKeepsTheRules(const std::string& name) {
  EXPECT_GE(name.size(), 1u);
  EXPECT_LE(name.size(), 1024u);
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  for (const std::string& part : parts) {
    EXPECT_GE(part.size(), 1u);
    EXPECT_LE(part.size(), 255u);
    EXPECT_NE(part.front(), '.');
  }
  for (char c : name) {
    EXPECT_GE(static_cast<uint8_t>(c), 0x20);
    EXPECT_NE(c, 0x7F);
    EXPECT_NE(c, '\\');
  }
  for (const char* forbidden : {"\u0080", "\u009F", "\u202E", "\u2066", "\u200F", "\u061C",
                                "\u2028", "\uFFFF", "\uFDD0", "\xED\xA0"}) {
    EXPECT_THAT(name, ::testing::Not(::testing::HasSubstr(forbidden)));
  }
  EXPECT_EQ(EscapeForDisplay(name), name);
}

TEST(BookNameFuzz, WhatIsANameKeepsTheRules) {
  Mutator texts = Texts(1);
  uint64_t names = 0;
  const uint64_t rounds = FuzzRounds(15'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string text = texts.Next();
    const absl::StatusOr<BookName> name = BookName::Parse(text);
    SCOPED_TRACE(EscapeForDisplay(text));
    if (!name.ok()) {
      const std::string message(name.status().message());
      EXPECT_EQ(EscapeForDisplay(message), message);
      continue;
    }
    ++names;
    ExpectKeepsTheRules(name->value());
    const absl::StatusOr<BookName> again = BookName::Parse(name->value());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, *name);

    const BookName suffixed = name->WithSuffix(static_cast<int>(2 + texts.Below(1'000'000)));
    const absl::StatusOr<BookName> parsed = BookName::Parse(suffixed.value());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, suffixed);
    EXPECT_NE(suffixed, *name);

    // People search for what they see, however it was typed.
    EXPECT_EQ(FoldedWords(text), FoldedWords(name->value()));
  }
  EXPECT_GT(names, rounds / 20) << "too few inputs are names for this to say anything";
  EXPECT_LT(names, rounds);
}

TEST(EscapeForDisplayFuzz, NothingThatDeceivesIsLeft) {
  Mutator texts = Texts(2);
  for (uint64_t i = FuzzRounds(15'000); i > 0 && !HasFailure(); --i) {
    const std::string text = texts.Next();
    const std::string shown = EscapeForDisplay(text);
    EXPECT_EQ(EscapeForDisplay(shown), shown);
    for (char c : shown) EXPECT_TRUE(static_cast<uint8_t>(c) >= 0x20 && c != 0x7F) << shown;
    EXPECT_GE(shown.size(), text.size());
    // As bytes of one part it would be a name, but for what names may not have besides.
    std::string part = "x" + shown.substr(0, 200);
    for (char& c : part) {
      if (c == '/' || c == '\\' || static_cast<uint8_t>(c) >= 0x80) c = '_';
    }
    EXPECT_TRUE(BookName::Parse(part).ok()) << part;
  }
}

TEST(FoldedWordsFuzz, WordsAreWords) {
  Mutator texts = Texts(3);
  for (uint64_t i = FuzzRounds(10'000); i > 0 && !HasFailure(); --i) {
    const std::string a = texts.Next();
    const std::string b = texts.Next();
    std::vector<std::string> words = FoldedWords(a);
    for (const std::string& word : words) {
      EXPECT_FALSE(word.empty());
      EXPECT_EQ(EscapeForDisplay(word), word);
      EXPECT_THAT(FoldedWords(word), ::testing::ElementsAre(word)) << "folding again changes it";
    }
    const std::vector<std::string> more = FoldedWords(b);
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(FoldedWords(absl::StrCat(a, " ", b)), words);
  }
}

}  // namespace
}  // namespace arkshare
