#include "services/peer/transfer/transfer_rules.h"

#include <gtest/gtest.h>

#include <string>

#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using StoredState = TransferRecord::State;
using ShownState = TransferView::State;

TransferView ViewOf(StoredState record, ShownState state, bool move = true, bool kept = false) {
  return {.record = {.id = TransferId(),
                     .move = move,
                     .kept = kept,
                     .source = PublicKey(),
                     .content = ContentId(),
                     .name = Must(BookName::Parse("book")),
                     .state = record},
          .state = state};
}

TEST(TransferRulesTest, TheStatesSayWhatTheOwnerMayAsk) {
  const struct {
    StoredState record;
    ShownState state;
    bool may_end, may_forget, may_keep, interrupted;
  } cases[] = {
      {StoredState::kIntent, ShownState::kQueued, true, false, false, false},
      {StoredState::kIntent, ShownState::kFetching, true, false, false, false},
      {StoredState::kIntent, ShownState::kFailed, true, false, false, true},
      {StoredState::kPrepared, ShownState::kHandingOver, false, false, true, false},
      {StoredState::kPrepared, ShownState::kFailed, false, false, true, false},
      {StoredState::kOwned, ShownState::kHandingOver, false, false, false, false},
      {StoredState::kOwned, ShownState::kDone, false, false, false, false},
      {StoredState::kDone, ShownState::kDone, false, true, false, false},
      {StoredState::kDropped, ShownState::kFailed, false, true, false, false},
  };
  for (const auto& [record, state, may_end, may_forget, may_keep, interrupted] : cases) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(record) << " " << static_cast<int>(state));
    const TransferView view = ViewOf(record, state);
    EXPECT_EQ(ReasonOf(MayEnd(view)), may_end ? "OK" : "TRANSFER_NOT_ENDABLE");
    EXPECT_EQ(ReasonOf(MayForget(view)), may_forget ? "OK" : "TRANSFER_NOT_ENDABLE");
    EXPECT_EQ(ReasonOf(MayKeep(view)), may_keep ? "OK" : "TRANSFER_NOT_WAITING");
    EXPECT_EQ(IsInterrupted(view), interrupted);
  }
}

TEST(TransferRulesTest, OnlyAPreparedMoveWaitsForItsSource) {
  EXPECT_TRUE(WaitsForSource(ViewOf(StoredState::kPrepared, ShownState::kHandingOver)));
  const TransferView copy =
      ViewOf(StoredState::kPrepared, ShownState::kHandingOver, /*move=*/false);
  EXPECT_FALSE(WaitsForSource(copy));
  EXPECT_EQ(ReasonOf(MayKeep(copy)), "TRANSFER_NOT_WAITING");
  const TransferView kept =
      ViewOf(StoredState::kOwned, ShownState::kDone, /*move=*/false, /*kept=*/true);
  EXPECT_FALSE(WaitsForSource(kept));
  EXPECT_EQ(ReasonOf(MayKeep(kept)), "OK") << "it is kept already";
}

TEST(TransferRulesTest, AWishAsksForTheNameUnderWhichTheBookIsSaved) {
  const TransferView view = ViewOf(StoredState::kIntent, ShownState::kFailed);
  const BookName book = Must(BookName::Parse("book"));
  const BookName other = Must(BookName::Parse("other"));
  EXPECT_TRUE(AsksForName(view, {.name = book}));
  EXPECT_TRUE(AsksForName(view, {.name = other, .save_as = book}));
  EXPECT_TRUE(AsksForName(view, {.content = ContentId(), .save_as = book}));
  EXPECT_FALSE(AsksForName(view, {.name = book, .save_as = other}));
  EXPECT_FALSE(AsksForName(view, {.content = ContentId()}));
  EXPECT_FALSE(AsksForName(view, {.save_as = book})) << "it names no book";
}

}  // namespace
}  // namespace arkshare
