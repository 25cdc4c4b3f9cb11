#include "services/index/replica/stored_graves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> GraveKeys(const std::vector<StoredGrave>& graves) {
  std::vector<std::string> keys;
  for (const StoredGrave& grave : graves) keys.push_back(grave.key);
  return keys;
}

class StoredGravesTest : public testing::Test {
 protected:
  StoredGravesTest() {
    graves_.Put({"t/1/b", TestKey(1), 5, {{4, 6}}});
    graves_.Put({"t/1/a", TestKey(1), 8, {{1, 3}, {9, 9}}});
    graves_.Put({"t/2/a", TestKey(2), 6, {{7, 7}}});
  }

  StoredGraves graves_;
};

TEST_F(StoredGravesTest, TheGravesOfASourceAreInTheOrderOfTheirKeys) {
  EXPECT_THAT(GraveKeys(graves_.Of(TestKey(1))), ElementsAre("t/1/a", "t/1/b"));
  EXPECT_THAT(graves_.Of(TestKey(3)), IsEmpty());
  EXPECT_THAT(GraveKeys(graves_.All()), UnorderedElementsAre("t/1/a", "t/1/b", "t/2/a"));
}

TEST_F(StoredGravesTest, NumbersOfSeveralGravesAreJoined) {
  EXPECT_THAT(graves_.NumbersOf(TestKey(1)).Runs(),
              ElementsAre(NumberRange{1, 6}, NumberRange{9, 9}));
  EXPECT_TRUE(graves_.NumbersOf(TestKey(3)).empty());
}

TEST_F(StoredGravesTest, AGraveIsReplacedByOneWithItsKeyAndRemovedByIt) {
  graves_.Put({"t/1/b", TestKey(1), 9, {{20, 20}}});
  EXPECT_FALSE(graves_.NumbersOf(TestKey(1)).Contains(5));
  EXPECT_TRUE(graves_.NumbersOf(TestKey(1)).Contains(20));
  graves_.Remove(TestKey(1), "t/1/b");
  graves_.Remove(TestKey(1), "t/1/b");
  graves_.Remove(TestKey(3), "t/3/a");
  EXPECT_THAT(GraveKeys(graves_.Of(TestKey(1))), ElementsAre("t/1/a"));
}

TEST_F(StoredGravesTest, SomeAreRemovedTogether) {
  graves_.RemoveIf([](const std::string& key) { return key.ends_with("/a"); });
  EXPECT_THAT(GraveKeys(graves_.All()), ElementsAre("t/1/b"));
}

TEST_F(StoredGravesTest, OldOnesAreThoseFromBeforeTheRevisionOfTheirSource) {
  const auto limit = [](const PublicKey& source) {
    return source == TestKey(1) ? std::optional<int64_t>(8) : std::nullopt;
  };
  EXPECT_THAT(GraveKeys(graves_.Before(limit)), ElementsAre("t/1/b"));
}

}  // namespace
}  // namespace arkshare
