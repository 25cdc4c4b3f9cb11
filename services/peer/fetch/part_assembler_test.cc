#include "services/peer/fetch/part_assembler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "services/peer/testing/fake_book.h"

namespace arkshare {
namespace {

class PartAssemblerTest : public testing::Test {
 protected:
  // Returns "INDEX=BYTES" for a whole book, "" for none, otherwise the reason of the error.
  std::string Take(uint32_t index, const std::string& data, bool last = true) {
    v1::DownloadManyResponse::Part part;
    part.set_index(index);
    part.set_data(data);
    part.set_last(last);
    return Take(part);
  }
  std::string TakeError(uint32_t index) {
    v1::DownloadManyResponse::Part part;
    part.set_index(index);
    part.mutable_error()->set_reason("BOOK_GONE");
    return Take(part);
  }
  std::string Take(v1::DownloadManyResponse::Part& part) {
    absl::StatusOr<std::optional<PartAssembler::Whole>> whole = assembler_->Take(part);
    if (!whole.ok()) return std::string(ReasonName(GetReason(whole.status())));
    if (!whole->has_value()) return "";
    return std::to_string((*whole)->index) + "=" + (*whole)->bytes;
  }
  void Begin() { assembler_.emplace(contents_); }

  const std::vector<ContentId> contents_ = {FakeBook::Of("aaaa").id, FakeBook::Of("").id,
                                            FakeBook::Of("bbbb").id};
  std::optional<PartAssembler> assembler_{contents_};
};

TEST_F(PartAssemblerTest, BooksComeInOrderAndInParts) {
  EXPECT_EQ(Take(0, "a", false), "");
  EXPECT_EQ(Take(0, "aa", false), "");
  EXPECT_EQ(Take(0, "a"), "0=aaaa");
  EXPECT_EQ(Take(1, ""), "1=");
  EXPECT_EQ(Take(2, "bbbb", false), "");
  EXPECT_EQ(Take(2, ""), "2=bbbb") << "the end may come by itself";
  EXPECT_EQ(Take(2, ""), "ANSWER_INVALID");
}

TEST_F(PartAssemblerTest, ABookThatIsMissingOrCutOffDoesNotKeepOutTheNext) {
  EXPECT_EQ(TakeError(0), "");
  EXPECT_EQ(TakeError(1), "");
  EXPECT_EQ(Take(2, "bbbb"), "2=bbbb");
}

TEST_F(PartAssemblerTest, NoPartIsForNothing) {
  EXPECT_EQ(Take(0, "", false), "ANSWER_INVALID") << "neither bytes nor an end";
  Begin();
  EXPECT_EQ(TakeError(1), "");
  EXPECT_EQ(TakeError(1), "ANSWER_INVALID") << "again";
  Begin();
  EXPECT_EQ(TakeError(0), "");
  EXPECT_EQ(Take(0, "aaaa"), "ANSWER_INVALID") << "after its error";
  EXPECT_EQ(Take(3, "x"), "ANSWER_INVALID") << "of no book";
  Begin();
  EXPECT_EQ(Take(2, "bb", false), "");
  EXPECT_EQ(Take(0, "aaaa"), "ANSWER_INVALID") << "backwards";
}

TEST_F(PartAssemblerTest, OnlyTheBookIsTheBook) {
  EXPECT_EQ(Take(0, "aaaaa"), "ANSWER_INVALID") << "too long";
  Begin();
  EXPECT_EQ(Take(0, "aaab"), "CONTENT_MISMATCH");
  Begin();
  EXPECT_EQ(Take(0, "aaa"), "CONTENT_MISMATCH") << "too short";
  Begin();
  EXPECT_EQ(Take(0, "aaa", false), "");
  EXPECT_EQ(Take(0, "aa", false), "ANSWER_INVALID");
}

}  // namespace
}  // namespace arkshare
