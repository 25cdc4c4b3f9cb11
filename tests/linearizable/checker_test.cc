// Small histories with a known verdict.
#include "tests/linearizable/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/linearizable/book_model.h"

namespace arkshare {
namespace {

using Kind = IndexCall::Kind;
using ::testing::HasSubstr;

// A model of a register that is written and read.
struct Access {
  bool write = false;
  int value = 0;
};

Verdict Check(const std::vector<Timed<Access>>& history) {
  return CheckLinearizable(0, history, [](int state, const Access& access) -> std::optional<int> {
    if (access.write) return access.value;
    if (access.value != state) return std::nullopt;
    return state;
  });
}
Access Write(int value) { return {true, value}; }
Access Read(int value) { return {false, value}; }

TEST(CheckerTest, OperationsThatDoNotOverlapHaveOneOrder) {
  EXPECT_TRUE(Check({}).linearizable);
  EXPECT_TRUE(Check({{1, 2, Write(1)}, {3, 4, Read(1)}}).linearizable);
  const Verdict stale = Check({{1, 2, Write(1)}, {3, 4, Read(0)}});
  EXPECT_FALSE(stale.linearizable);
  EXPECT_EQ(stale.order, std::vector<size_t>{0});
  EXPECT_EQ(stale.culprit, 1u);
}

TEST(CheckerTest, OperationsThatOverlapMayTakeEffectInAnyOrder) {
  EXPECT_TRUE(Check({{1, 6, Write(1)}, {2, 3, Read(0)}, {4, 5, Read(1)}}).linearizable);
  EXPECT_FALSE(Check({{1, 6, Write(1)}, {2, 3, Read(1)}, {4, 5, Read(0)}}).linearizable);
  // Only the order in which the later call came first explains the reads.
  EXPECT_TRUE(Check({{1, 4, Write(1)}, {2, 3, Write(2)}, {5, 6, Read(1)}}).linearizable);
  EXPECT_TRUE(Check({{1, 4, Write(1)}, {2, 3, Write(2)}, {5, 6, Read(2)}}).linearizable);
}

TEST(CheckerTest, ReadersMustAgreeOnTheOrder) {
  EXPECT_FALSE(
      Check(
          {{1, 20, Write(1)}, {2, 19, Write(2)}, {3, 4, Read(1)}, {5, 6, Read(2)}, {7, 8, Read(1)}})
          .linearizable);
  EXPECT_TRUE(
      Check(
          {{1, 20, Write(1)}, {2, 19, Write(2)}, {3, 4, Read(1)}, {5, 6, Read(2)}, {7, 8, Read(2)}})
          .linearizable);
}

// Two peers, p0 with listing 7 of book 0 and p1, both there from the beginning.
class BookModelTest : public testing::Test {
 protected:
  BookModelTest() {
    for (size_t peer = 0; peer < 2; ++peer) {
      Then({.kind = Kind::kRegister, .peer = peer, .session = peer + 1});
      Then({.kind = Kind::kShow, .peer = peer, .session = peer + 1});
    }
    Then({.kind = Kind::kState, .peer = 0, .session = 1, .items = {{0, 7, {}}}});
  }

  // Adds a call after all others so far.
  void Then(IndexCall call) {
    now_ += 2;
    history_.push_back({now_ - 1, now_, std::move(call)});
  }
  // Adds a call while p1 receives the book as its listing 3.
  void DuringMove(std::vector<IndexCall> calls) {
    const uint64_t begin = ++now_;
    for (IndexCall& call : calls) Then(std::move(call));
    history_.push_back({begin, ++now_, Move()});
  }
  static IndexCall Move(uint64_t session = 2, bool refused = false) {
    return {.kind = Kind::kUpdateOwner,
            .peer = 1,
            .session = session,
            .items = {{0, 3, Holding(0, 7)}},
            .refused = refused};
  }
  static IndexCall Found(std::vector<Holding> found, size_t book = 0) {
    return {.kind = Kind::kSearch, .items = {}, .book = book, .found = std::move(found)};
  }
  bool Linearizable() const { return !FindViolation(history_, 2, 2).has_value(); }

  uint64_t now_ = 0;
  std::vector<Timed<IndexCall>> history_;
};

constexpr Holding kOld{0, 7};
constexpr Holding kNew{1, 3};

TEST_F(BookModelTest, AMoveIsOneStep) {
  DuringMove({Found({kOld}), Found({kNew})});
  Then(Found({kNew}));
  EXPECT_TRUE(Linearizable());
}

TEST_F(BookModelTest, AtNoMomentHasNeitherOrBothTheBook) {
  for (const std::vector<Holding>& found : {std::vector<Holding>{}, {kOld, kNew}}) {
    const auto before = history_;
    DuringMove({Found(found)});
    EXPECT_FALSE(Linearizable());
    history_ = before;
  }
}

TEST_F(BookModelTest, AMoveIsNotUndone) {
  DuringMove({Found({kNew}), Found({kOld})});
  EXPECT_FALSE(Linearizable());
}

TEST_F(BookModelTest, AnAnsweredMoveIsSeen) {
  Then(Move());
  Then(Found({kOld}));
  EXPECT_FALSE(Linearizable());
  const std::optional<std::string> why = FindViolation(history_, 2, 2);
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr("p1 session 2 moved book 0: -p0#7 +p1#3"));
  EXPECT_THAT(*why, HasSubstr("search for book 0 found p0#7"));
}

TEST_F(BookModelTest, GoneIsFinal) {
  Then(Move());
  Then({.kind = Kind::kState, .peer = 0, .session = 1, .items = {{0, 7, {}}}});
  const auto before = history_;
  Then(Found({kNew}));
  EXPECT_TRUE(Linearizable());
  history_ = before;
  Then(Found({kOld, kNew}));
  EXPECT_FALSE(Linearizable());
}

TEST_F(BookModelTest, AnEndedSessionHasNoBooksAndTakesNone) {
  Then({.kind = Kind::kRegister, .peer = 1, .session = 5});
  const auto before = history_;
  Then(Move(2, /*refused=*/true));
  Then(Found({kOld}));
  EXPECT_TRUE(Linearizable());
  history_ = before;
  Then(Move(2, /*refused=*/false));
  EXPECT_FALSE(Linearizable());
  history_ = before;
  Then(Move(5, /*refused=*/true));
  EXPECT_FALSE(Linearizable());
  history_ = before;
  Then(Move(5));
  Then(Found({}));  // its stream is not open yet
  Then({.kind = Kind::kShow, .peer = 1, .session = 5});
  Then(Found({kNew}));
  Then({.kind = Kind::kUnregister, .peer = 1, .session = 5});
  Then(Found({}));
  EXPECT_TRUE(Linearizable());
}

TEST_F(BookModelTest, OneBookSaysNothingOfAnother) {
  Then({.kind = Kind::kState, .peer = 0, .session = 1, .items = {{1, 8, {}}}});
  Then(Found({kOld}));
  Then(Found({{0, 8}}, 1));
  EXPECT_TRUE(Linearizable());
  Then(Found({kOld}, 1));
  EXPECT_FALSE(Linearizable());
}

}  // namespace
}  // namespace arkshare
