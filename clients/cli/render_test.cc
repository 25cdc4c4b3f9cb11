#include "clients/cli/render.h"

#include <gtest/gtest.h>

#include <sstream>

#include "clients/cli/testing/cli_fixture.h"

namespace arkshare {
namespace {

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Bücher"), 6);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("u\u0308"), 1);
  EXPECT_EQ(DisplayWidth(""), 0);
}

TEST(FitToWidthTest, CutsBetweenCharacters) {
  EXPECT_EQ(FitToWidth("abc", 3), "abc");
  EXPECT_EQ(FitToWidth("abcd", 3), "ab…");
  EXPECT_EQ(FitToWidth("日本語", 5), "日本…");
  EXPECT_EQ(FitToWidth("日本語", 4), "日…");
  EXPECT_EQ(FitToWidth("abc", 1), "…");
  EXPECT_EQ(FitToWidth("abc", 0), "");
}

TEST(IsUtf8Test, TellsTextFromBytes) {
  EXPECT_TRUE(IsUtf8("日本"));
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_FALSE(IsUtf8("a\xff"));
  EXPECT_FALSE(IsUtf8("\xe6\x97"));
}

TEST(TableTest, AlignsByDisplayWidth) {
  std::ostringstream out;
  {
    Table table(out, {{"NAME"}, {"SIZE", true}, {"NOTE"}});
    table.Add({"日本", "1 B", ""});
    table.Add({"abc", "10.0 KiB", "lent"});
    EXPECT_EQ(table.row_count(), 2u);
  }
  EXPECT_EQ(out.str(),
            "NAME      SIZE  NOTE\n"
            "日本       1 B\n"
            "abc   10.0 KiB  lent\n");
}

TEST(TableTest, IsNothingWithoutRows) {
  std::ostringstream out;
  { Table table(out, {{"NAME"}}); }
  EXPECT_EQ(out.str(), "");
}

TEST(TableTest, WritesManyRowsAsTheyComeWithTheTitlesOnce) {
  std::ostringstream out;
  Table table(out, {{"N"}, {"X"}});
  for (int i = 0; i < 1000; ++i) table.Add({"a", "b"});
  EXPECT_EQ(out.str().substr(0, 10), "N  X\na  b\n");
  EXPECT_EQ(out.str().size(), 1001u * 5);
  EXPECT_EQ(out.str().rfind("N"), 0u);
}

TEST(PythonListTest, QuotesAsPythonDoes) {
  EXPECT_EQ(PythonList({}), "[]");
  EXPECT_EQ(PythonList({"164", "144"}), "['164', '144']");
  EXPECT_EQ(PythonList({"it's"}), "[\"it's\"]");
  EXPECT_EQ(PythonList({"it's \"x\""}), "['it\\'s \"x\"']");
  EXPECT_EQ(PythonList({"日本"}), "['日本']");
  EXPECT_EQ(PythonString("a\x1b[31m"), "'a\\u{001B}[31m'");
}

TEST(HolderTuplesTest, SplitsHostAndPort) {
  EXPECT_EQ(HolderTuples({}), "[]");
  EXPECT_EQ(HolderTuples({MakeHolder(1, "127.0.0.1:41931"), MakeHolder(22, "[2001:db8::1]:5")}),
            "[(1, '127.0.0.1', 41931), (22, '2001:db8::1', 5)]");
  EXPECT_EQ(HolderTuples({MakeHolder(1, "nonsense")}), "[(1, 'nonsense', 0)]");
}

TEST(PeersInWordsTest, CountsThoseThatAreNotShown) {
  const std::vector<v1::Holder> two = {MakeHolder(1, "a:1"), MakeHolder(4, "b:2")};
  EXPECT_EQ(PeersInWords({two[0]}, 1, {}), "peer 1");
  EXPECT_EQ(PeersInWords(two, 2, {}), "peers 1, 4");
  EXPECT_EQ(PeersInWords(two, 32, {}), "peers 1, 4 and 30 more");
}

TEST(WordsTest, LimitsAndCounts) {
  EXPECT_EQ(LimitInWords(0), "none");
  EXPECT_EQ(LimitInWords(20 * 1024 * 1024), "20.0 MiB/s");
  EXPECT_EQ(Count(1, "book", "books"), "1 book");
  EXPECT_EQ(Count(0, "book", "books"), "0 books");
}

TEST(RenderTest, AReplicaIsOneLine) {
  v1::ReplicaState replica;
  replica.set_store(v1::ReplicaState::STORE_LIVE);
  replica.set_revision(81);
  replica.set_transactions(1);
  replica.mutable_reconciles()->set_start(1);
  EXPECT_EQ(ReplicaInWords(replica),
            "live at revision 81, 0 B queued, 1 transaction, 1 reconcile (start 1)");
  replica.set_store(v1::ReplicaState::STORE_CUT_OFF);
  replica.mutable_behind()->set_seconds(72);
  replica.mutable_behind()->set_nanos(900'000'000);
  replica.set_queued_bytes(2048);
  replica.set_transactions(12);
  v1::ReplicaState::Reconciles& reconciles = *replica.mutable_reconciles();
  reconciles.set_compacted(2);
  reconciles.set_gap(3);
  reconciles.set_replicas(4);
  reconciles.set_refounded(5);
  EXPECT_EQ(ReplicaInWords(replica),
            "cut off for 1m12s at revision 81, 2.0 KiB queued, 12 transactions, 15 reconciles "
            "(start 1, compacted 2, gap 3, replicas 4, refounded 5)");
}

}  // namespace
}  // namespace arkshare
