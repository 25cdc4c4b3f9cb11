#include "services/peer/owner/sent_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace arkshare {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(SentValuesTest, AValueIsSentWhenItDiffersFromTheLastOne) {
  SentValues<std::string> sent;
  const struct {
    const char* key;
    const char* value;
    bool is_sent;
  } steps[] = {{"a", "1", true}, {"a", "1", false}, {"b", "1", true},
               {"a", "2", true}, {"a", "1", true},  {"a", "1", false}};
  for (const auto& step : steps) {
    EXPECT_EQ(sent.Change(step.key, step.value), step.is_sent) << step.key << step.value;
  }
  EXPECT_EQ(sent.size(), 2U);
}

TEST(SentValuesTest, TellsOnceWhichKeysAreGone) {
  SentValues<std::string> sent;
  for (const char* key : {"a", "b", "c"}) sent.Change(key, "");
  EXPECT_THAT(sent.Retain({"b", "never sent"}), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(sent.Retain({"b"}), IsEmpty());
  EXPECT_TRUE(sent.Change("a", "")) << "it was gone";
}

}  // namespace
}  // namespace arkshare
