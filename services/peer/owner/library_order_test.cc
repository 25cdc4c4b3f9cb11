#include "services/peer/owner/library_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/search_words.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> PageOf(v1::LibraryOrder order, bool reverse, absl::string_view words = "",
                                size_t skip = 0, size_t most = 9) {
  LibraryOrder all(QueryWords(words), order, reverse);
  all.Add({"b/Old Man.txt", 30, 1});
  all.Add({"a/Young Woman.txt", 10, 3});
  all.Add({"d/not shared", 99, 0});
  all.Add({"c/Older Sea.pdf", 20, 2});
  return all.Page(skip, most);
}

TEST(LibraryOrderTest, SortsByNameSizeAndAge) {
  const std::string a = "a/Young Woman.txt", b = "b/Old Man.txt", c = "c/Older Sea.pdf",
                    d = "d/not shared";
  const struct {
    v1::LibraryOrder order;
    bool reverse;
    std::vector<std::string> paths;
  } cases[] = {{v1::LIBRARY_ORDER_UNSPECIFIED, false, {a, b, c, d}},
               {v1::LIBRARY_ORDER_NAME, true, {d, c, b, a}},
               {v1::LIBRARY_ORDER_SIZE, false, {d, b, c, a}},
               {v1::LIBRARY_ORDER_SIZE, true, {a, c, b, d}},
               {v1::LIBRARY_ORDER_NEWEST, false, {a, c, b, d}},
               {v1::LIBRARY_ORDER_NEWEST, true, {d, b, c, a}}};
  for (const auto& one : cases) {
    EXPECT_EQ(PageOf(one.order, one.reverse), one.paths) << one.order << one.reverse;
  }
}

TEST(LibraryOrderTest, EachWordBeginsAWordOfTheName) {
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_NAME, false, "OLD"),
              ElementsAre("b/Old Man.txt", "c/Older Sea.pdf"));
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_NAME, false, "old se"), ElementsAre("c/Older Sea.pdf"));
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_NAME, false, "man old sea"), IsEmpty());
}

TEST(LibraryOrderTest, APageIsAPartOfTheOrder) {
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_SIZE, false, "", 1, 2),
              ElementsAre("b/Old Man.txt", "c/Older Sea.pdf"));
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_SIZE, false, "", 3, 9), ElementsAre("a/Young Woman.txt"));
  EXPECT_THAT(PageOf(v1::LIBRARY_ORDER_SIZE, false, "", 4, 9), IsEmpty());
}

}  // namespace
}  // namespace arkshare
