#include "services/peer/disk/sqlite.h"

#include <gtest/gtest.h>

#include "services/peer/testing/must.h"
#include "services/peer/testing/small_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

class SqliteTest : public testing::Test {
 protected:
  SqliteTest() : db_(Must(SqlDatabase::Open(folder_ / "a.db", /*durable=*/true))) {
    Must(db_->Execute("CREATE TABLE t(a INTEGER, b BLOB NOT NULL)"));
  }

  absl::Status Insert(int64_t a, absl::string_view b) {
    SqlStatement insert(db_.get(), "INSERT INTO t VALUES(?, ?)");
    return insert.Bind(a).BindBlob(b).Run();
  }
  int64_t Count() {
    SqlStatement rows(db_.get(), "SELECT COUNT(*) FROM t");
    EXPECT_TRUE(Must(rows.Step()));
    return rows.Int(0);
  }

  TempFolder folder_;
  std::unique_ptr<SqlDatabase> db_;
};

TEST_F(SqliteTest, GivesBackWhatWasBound) {
  const std::string bytes("a\0b\xff", 4);
  Must(Insert(INT64_MIN, bytes));
  Must(Insert(INT64_MAX, ""));
  SqlStatement rows(db_.get(), "SELECT a, b FROM t ORDER BY rowid");
  ASSERT_TRUE(Must(rows.Step()));
  EXPECT_EQ(rows.Int(0), INT64_MIN);
  EXPECT_EQ(rows.Bytes(1), bytes);
  ASSERT_TRUE(Must(rows.Step()));
  EXPECT_EQ(rows.Int(0), INT64_MAX);
  EXPECT_EQ(rows.Bytes(1), "");
  EXPECT_FALSE(Must(rows.Step()));
}

TEST_F(SqliteTest, EmptyTextAndEmptyBytesAreNotNull) {
  SqlStatement insert(db_.get(), "INSERT INTO t VALUES(1, ?)");
  EXPECT_TRUE(insert.BindText(absl::string_view()).Run().ok());
  SqlStatement other(db_.get(), "INSERT INTO t VALUES(2, ?)");
  EXPECT_TRUE(other.BindBlob(absl::string_view()).Run().ok());
  EXPECT_EQ(Count(), 2);
}

TEST_F(SqliteTest, AMistakeInAStatementIsAnError) {
  SqlStatement wrong(db_.get(), "SELECT nothing FROM nowhere");
  EXPECT_TRUE(absl::IsInternal(wrong.Bind(1).Step().status()));
  EXPECT_TRUE(absl::IsInternal(db_->Execute("NOT SQL")));
}

TEST_F(SqliteTest, AFailedTransactionLeavesNothing) {
  const absl::Status status = db_->Transaction([&] {
    Must(Insert(1, "one"));
    return absl::AbortedError("changed my mind");
  });
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_EQ(Count(), 0);
  // The next transaction works.
  Must(db_->Transaction([&] { return Insert(1, "one"); }));
  EXPECT_EQ(Count(), 1);
}

TEST_F(SqliteTest, AnotherConnectionSeesWhatWasCommitted) {
  Must(Insert(1, "one"));
  std::unique_ptr<SqlDatabase> other = Must(SqlDatabase::Open(folder_ / "a.db", true));
  SqlStatement rows(other.get(), "SELECT b FROM t");
  ASSERT_TRUE(Must(rows.Step()));
  EXPECT_EQ(rows.Bytes(0), "one");
}

TEST_F(SqliteTest, IsInternalWhereNoFileCanBe) {
  EXPECT_TRUE(absl::IsInternal(SqlDatabase::Open(folder_ / "nowhere/a.db", true).status()));
  EXPECT_TRUE(absl::IsInternal(SqlDatabase::Open(folder_.path(), true).status()));
}

TEST_F(SqliteTest, DamageIsDataLoss) {
  WriteFileAt(folder_ / "b.db", std::string(4096, 'x'));
  EXPECT_TRUE(absl::IsDataLoss(SqlDatabase::Open(folder_ / "b.db", false).status()));
}

TEST_F(SqliteTest, AFullDiskIsResourceExhausted) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(2 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  db_ = Must(SqlDatabase::Open((*disk)->path() + "/a.db", true));
  Must(db_->Execute("CREATE TABLE t(a INTEGER, b BLOB NOT NULL)"));
  (*disk)->Fill();
  const std::string much(100'000, 'x');
  EXPECT_TRUE(absl::IsResourceExhausted(Insert(1, much)));
  EXPECT_EQ(Count(), 0);
  (*disk)->MakeRoom();
  Must(Insert(1, much));
  EXPECT_EQ(Count(), 1);
}

TEST_F(SqliteTest, OpeningOnAFullDiskIsResourceExhausted) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(2 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  const std::string path = (*disk)->path() + "/a.db";
  Must(Must(SqlDatabase::Open(path, true))->Execute("CREATE TABLE t(a)"));
  (*disk)->Fill();
  absl::StatusOr<std::unique_ptr<SqlDatabase>> db = SqlDatabase::Open(path, true);
  absl::Status status = db.status();
  if (db.ok()) status = (*db)->Execute("INSERT INTO t VALUES(1)");
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

}  // namespace
}  // namespace arkshare
