#include "lib/core/key_word.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace arkshare {
namespace {

using testing::HasSubstr;

const PrivateKey& PaperKey() {
  static const PrivateKey key = *PrivateKey::FromSeed("the seed of a key has 32 bytes..");
  return key;
}

std::string WhyNotRead(const std::string& word) {
  const absl::StatusOr<PrivateKey> key = ReadKeyWord(word);
  EXPECT_TRUE(absl::IsInvalidArgument(key.status())) << word;
  return std::string(key.status().message());
}

TEST(KeyWordTest, AKeyIsReadAsItWasWritten) {
  const std::string word = WriteKeyWord(PaperKey());
  EXPECT_EQ(word, "orug kidt mvsw iidp myqg cidl mv4s a2db omqd gmra mj4x izlt fyxf payx")
      << "as on the papers that people keep";
  for (const std::string& typed :
       {word, absl::AsciiStrToUpper(word), absl::StrReplaceAll(word, {{" ", ""}}),
        absl::StrReplaceAll(word, {{" ", "-"}}), "\n " + word + "\n"}) {
    const absl::StatusOr<PrivateKey> key = ReadKeyWord(typed);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->seed(), PaperKey().seed());
  }
}

TEST(KeyWordTest, EachMistypedLetterIsNoticed) {
  const std::string word = WriteKeyWord(PaperKey());
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] == ' ') continue;
    std::string typed = word;
    typed[i] = typed[i] == 'a' ? 'b' : 'a';
    EXPECT_THAT(WhyNotRead(typed), HasSubstr("mistyped"));
    if (i + 1 < word.size() && word[i + 1] != ' ' && word[i] != word[i + 1]) {
      typed = word;
      std::swap(typed[i], typed[i + 1]);
      EXPECT_THAT(WhyNotRead(typed), HasSubstr("mistyped"));
    }
  }
}

TEST(KeyWordTest, AWrongCharacterAndAWrongLengthAreNamed) {
  const std::string word = WriteKeyWord(PaperKey());
  std::string typed = word;
  typed[6] = '0';
  EXPECT_THAT(WhyNotRead(typed), HasSubstr("group 2 has the character 0"));
  EXPECT_THAT(WhyNotRead(word.substr(0, word.size() - 1)), HasSubstr("here are 55"));
  EXPECT_THAT(WhyNotRead(word + "a"), HasSubstr("here are 57"));
  EXPECT_THAT(WhyNotRead(""), HasSubstr("here are 0"));
}

}  // namespace
}  // namespace arkshare
