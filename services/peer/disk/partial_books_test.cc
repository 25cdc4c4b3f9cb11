#include "services/peer/disk/partial_books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "lib/core/merkle.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ContentId OfPieces(uint64_t pieces) { return {.root = {}, .size = pieces << 20}; }

TEST(PartialBookTest, TellsEachPieceOnceInOrder) {
  PartialBook book(OfPieces(3), UniqueFd());
  EXPECT_FALSE(book.Has(2));
  book.Add(2);
  book.Add(2);
  book.Add(0);
  EXPECT_TRUE(book.Has(2));
  EXPECT_FALSE(book.Has(1));
  EXPECT_FALSE(book.Has(3));
  PartialBook::News news = book.Await(0, 1, absl::ZeroDuration());
  EXPECT_THAT(news.pieces, ElementsAre(2, 0));
  EXPECT_FALSE(news.whole);
  book.Add(1);
  news = book.Await(2, 5, absl::InfiniteDuration());
  EXPECT_THAT(news.pieces, ElementsAre(1));
  EXPECT_TRUE(news.whole);
}

TEST(PartialBookTest, HasNoManifestUntilItIsSet) {
  PartialBook book(OfPieces(3), UniqueFd());
  EXPECT_EQ(book.manifest(), std::nullopt);
  const std::vector<Sha256Digest> pieces(3, Sha256({}));
  book.SetManifest(pieces);
  EXPECT_EQ(book.manifest(), pieces);
}

TEST(PartialBookTest, AWaitEndsWithAPieceOrWithTheBook) {
  PartialBook book(OfPieces(2), UniqueFd());
  std::thread later([&] { book.Add(1); });
  EXPECT_THAT(book.Await(0, 1, absl::Minutes(1)).pieces, ElementsAre(1));
  later.join();
  std::thread end([&] { book.Close(); });
  const PartialBook::News news = book.Await(1, 1, absl::Minutes(1));
  end.join();
  EXPECT_THAT(news.pieces, IsEmpty());
  EXPECT_TRUE(news.closed);
}

TEST(PartialBooksTest, FindsTheBooksThatAreBeingReceived) {
  PartialBooks books;
  EXPECT_EQ(books.Find(OfPieces(1)), nullptr);
  const std::shared_ptr<PartialBook> first = books.Begin(OfPieces(1), UniqueFd());
  const std::shared_ptr<PartialBook> other = books.Begin(OfPieces(2), UniqueFd());
  EXPECT_EQ(books.Find(OfPieces(1)), first);
  const std::shared_ptr<PartialBook> second = books.Begin(OfPieces(1), UniqueFd());
  EXPECT_TRUE(first->Await(0, 1, absl::ZeroDuration()).closed);
  books.End(first);
  EXPECT_EQ(books.Find(OfPieces(1)), second) << "the second book has its place";
  books.End(second);
  EXPECT_EQ(books.Find(OfPieces(1)), nullptr);
  books.Stop();
  EXPECT_TRUE(other->Await(0, 1, absl::ZeroDuration()).closed);
}

}  // namespace
}  // namespace arkshare
