#include "services/peer/transfer/transfer_table.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "services/peer/testing/fakes.h"
#include "services/peer/transfer/transfer_group.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class TransferTableTest : public testing::Test {
 protected:
  TransferTable::EntryPtr Add(const std::string& name,
                              TransferRecord::State state = TransferRecord::State::kIntent) {
    TransferRecord record{.id = TransferId::Random(),
                          .source = PublicKey(),
                          .content = ContentId(),
                          .name = Must(BookName::Parse(name)),
                          .state = state};
    auto entry = std::make_shared<TransferTable::Entry>(
        TransferTable::Entry{nullptr, TransferView{.record = std::move(record)}});
    table_.Add(entry);
    return entry;
  }
  static std::vector<std::string> NamesOf(const std::vector<TransferView>& views) {
    std::vector<std::string> names;
    for (const TransferView& view : views) names.push_back(view.record.name.value());
    return names;
  }

  TransferTable table_;
};

TEST_F(TransferTableTest, FindsWhatIsRemembered) {
  const TransferTable::EntryPtr a = Add("a");
  EXPECT_EQ(table_.Find(a->view.record.id), a);
  EXPECT_EQ(table_.Find(TransferId::Random()), nullptr);
  table_.Forget(a);
  EXPECT_EQ(table_.Find(a->view.record.id), nullptr);
  EXPECT_THAT(table_.entries(), IsEmpty());
}

TEST_F(TransferTableTest, EachChangeGivesAViewAnotherVersion) {
  const TransferTable::EntryPtr a = Add("a");
  const TransferTable::EntryPtr b = Add("b");
  const uint64_t version = a->version;
  table_.CountChange(*b);
  EXPECT_EQ(a->version, version);
  table_.CountChange(*a);
  EXPECT_GT(a->version, version);
  EXPECT_GT(a->changed, b->changed);
}

TEST_F(TransferTableTest, ForgetsTheOldestThatIsOver) {
  Add("open");
  Add("done", TransferRecord::State::kDone);
  Add("dropped", TransferRecord::State::kDropped);
  for (int i = 0; i < 997; ++i) Add(absl::StrCat(i));
  const uint64_t mark = table_.ChangesSince(0, 2000).mark;
  Add("one more");
  EXPECT_THAT(table_.entries(), SizeIs(1000));
  EXPECT_EQ(table_.entries()[1]->view.record.name.value(), "dropped");
  EXPECT_THAT(table_.ChangesSince(mark, 9).remaining, Optional(SizeIs(1000)));
  Add("and one more");
  Add("that cannot be helped");
  EXPECT_THAT(table_.entries(), SizeIs(1001)) << "the open ones are kept";
  EXPECT_THAT(table_.List(), SizeIs(1000));
}

TEST_F(TransferTableTest, TheListBeginsWithTheNewest) {
  Add("a");
  const TransferTable::EntryPtr b = Add("b");
  Add("c");
  table_.CountChange(*b);
  EXPECT_THAT(NamesOf(table_.List()), ElementsAre("c", "b", "a"));
}

TEST_F(TransferTableTest, TheMarkOfAPartIsThatOfItsLastView) {
  const TransferTable::EntryPtr a = Add("a");
  Add("b");
  Add("c");
  table_.CountChange(*a);
  TransferTable::Changes changes = table_.ChangesSince(0, 1);
  EXPECT_THAT(NamesOf(changes.views), ElementsAre("b"));
  EXPECT_TRUE(changes.more);
  changes = table_.ChangesSince(changes.mark, 2);
  EXPECT_THAT(NamesOf(changes.views), ElementsAre("c", "a"));
  EXPECT_FALSE(changes.more);
  EXPECT_THAT(table_.ChangesSince(changes.mark, 2).views, IsEmpty());
}

}  // namespace
}  // namespace arkshare
