// The auditor's own test: real peers make real folders; every kind of damage planted in a copy of
// them must be found, and nothing may be found where there is none.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "lib/core/content_id.h"
#include "tests/audit/peer_disk.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const std::string kMoved = BookBytes(40'000, 1);
const std::string kLimbo = BookBytes(3 * 1024 * 1024, 2);
const std::string kLent = BookBytes(100, 3);
const std::string kOwn = BookBytes(1, 4);

void Sql(const std::string& folder, const std::string& statements) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder + "/.arkshare/ledger.db").c_str(), &db), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, statements.c_str(), nullptr, nullptr, &error), SQLITE_OK)
      << error << " in: " << statements;
  EXPECT_GT(sqlite3_total_changes(db), 0) << "nothing was planted by: " << statements;
  sqlite3_free(error);
  sqlite3_close(db);
}

Finished RunAudit(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), ARKSHARE_AUDIT_BINARY);
  ProcessOptions options;
  options.argv = std::move(arguments);
  absl::StatusOr<Finished> finished = RunToEnd(options);
  EXPECT_TRUE(Ok(finished));
  return finished.value_or(Finished{});
}

std::string Expectation(const std::string& bytes, const std::string& folder) {
  const ContentId id = ContentOf(bytes);
  return absl::StrCat(ToHex(id.root), ":", id.size, "=", folder);
}

// Two peers after some moves, made once: `a` gave "moved" to `b`, lent it "lent" (which has a
// second hard link), and was killed when `b` wanted to confirm that it has "limbo".
struct Made {
  TempDir dir;
  bool whole = false;
};

class AuditTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (made_) return;  // for the suites of derived classes too
    made_ = std::make_unique<Made>();
    Cluster cluster;
    ASSERT_TRUE(Ok(cluster.Start()));
    const std::string a = cluster.Books("a");
    const std::string b = cluster.Books("b");
    WriteBook(a, "moved", kMoved);
    WriteBook(a, "sub/limbo", kLimbo);
    WriteBook(a, "lent", kLent);
    fs::create_hard_link(a + "/lent", cluster.path() + "/link");
    WriteBook(b, "own", kOwn);
    ASSERT_TRUE(Ok(cluster.StartPeer("a")));
    ASSERT_TRUE(Ok(cluster.StartPeer("b")));
    ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kLent), {"a"}));
    ASSERT_TRUE(Ok(cluster.Get("b", "moved")));
    ASSERT_TRUE(Ok(cluster.Get("b", "lent")));
    ASSERT_TRUE(EventuallyTrue([&] {
      return RunAudit({a, b, "--settled"}).exit.code == 0;
    })) << RunAudit({a, b, "--settled"}).output;

    ASSERT_TRUE(Ok(cluster.peer("a").process().Stop()));
    ASSERT_TRUE(Ok(cluster.peer("a").Restart(Cluster::Failpoints("source.confirm_asked=kill"))));
    ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kLimbo), {"a"}));
    ASSERT_TRUE(Ok(cluster.Get("b", "sub/limbo")));
    ASSERT_TRUE(Ok(cluster.peer("a").process().WaitExit()));
    ASSERT_TRUE(Ok(cluster.peer("b").process().Stop()));
    fs::copy(a, made_->dir / "a", fs::copy_options::recursive);
    fs::copy(b, made_->dir / "b", fs::copy_options::recursive);
    made_->whole = true;
  }

  // A copy has other inodes and times than its ledger says.
  static void AdoptFiles(const std::string& folder) {
    absl::StatusOr<PeerDisk> disk = ReadPeerDisk(folder);
    ASSERT_TRUE(Ok(disk));
    const auto adopt = [&](uint64_t listing, const FoundFile& file) {
      Sql(folder, absl::StrCat("UPDATE listings SET inode = ", file.inode,
                               ", mtime_ns = ", file.mtime_ns, " WHERE number = ", listing));
    };
    for (const ListingRow& row : disk->listings) {
      const auto file = disk->visible.find(row.path);
      if (row.state == ListingState::kPresent && file != disk->visible.end()) {
        adopt(row.number, file->second);
      }
    }
    for (const auto& [name, file] : disk->hidden) adopt(name.second, file);
  }

  void SetUp() override {
    ASSERT_TRUE(made_->whole) << "the folders could not be made";
    fs::copy(made_->dir.path(), dir_ / "copy", fs::copy_options::recursive);
    a_ = dir_ / "copy/a";
    b_ = dir_ / "copy/b";
    AdoptFiles(a_);
    AdoptFiles(b_);
  }

  static inline std::unique_ptr<Made> made_;
  TempDir dir_;
  std::string a_, b_;
};

TEST_F(AuditTest, FindsNothingWhereNothingIs) {
  const Finished finished =
      RunAudit({a_, b_, "--expect", Expectation(kMoved, b_), "--expect",
                Expectation(kLent, a_ + "," + b_), "--expect", Expectation(BookBytes(7, 7), "")});
  EXPECT_EQ(finished.exit.code, 0) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("damage=0"));
  EXPECT_THAT(finished.output, HasSubstr("a hides it; "));
  EXPECT_THAT(finished.output, HasSubstr("b has it as \"sub/limbo\""));
}

TEST_F(AuditTest, OneOfThePeersAloneIsBelieved) {
  for (const std::string& folder : {a_, b_}) {
    const Finished finished = RunAudit({folder});
    EXPECT_EQ(finished.exit.code, 0) << finished.output;
  }
}

TEST_F(AuditTest, AnOpenMoveIsNotSettled) {
  const Finished finished = RunAudit({a_, b_, "--settled"});
  EXPECT_EQ(finished.exit.code, 1);
  EXPECT_THAT(finished.output, HasSubstr("not confirmed"));
  EXPECT_THAT(finished.output, HasSubstr("is not settled"));
}

TEST_F(AuditTest, LeftoversAndUnlistedFilesAreNotSettled) {
  const std::string id(32, 'a');
  WriteBook(b_, ".arkshare/staging/" + id, "x");
  WriteBook(a_, ".arkshare/released/" + id + "-1", "x");
  WriteBook(a_, "new", "x");
  WriteBook(a_, ".hidden", "x");
  const Finished finished = RunAudit({a_, b_});
  EXPECT_EQ(finished.exit.code, 0) << finished.output;
  EXPECT_THAT(finished.output,
              HasSubstr("the waiting book " + id + " belongs to no open transfer"));
  EXPECT_THAT(finished.output, HasSubstr("released/" + id + "-1 belongs to no open release"));
  EXPECT_THAT(finished.output, HasSubstr("\"new\" is in the folder and not listed"));
  EXPECT_THAT(finished.output, testing::Not(HasSubstr(".hidden")));
}

TEST_F(AuditTest, WrongCommandLinesAreRefused) {
  EXPECT_EQ(RunAudit({}).exit.code, 2);
  EXPECT_EQ(RunAudit({dir_ / "nowhere"}).exit.code, 2);
  EXPECT_EQ(RunAudit({a_, "--expect", "00:1=" + a_}).exit.code, 2);
}

// Folders of `a` and `b`.
struct Damage {
  const char* name;
  std::function<void(const std::string& a, const std::string& b)> plant;
  const char* found;  // in a line "damage: ..."
};

std::string OfTransfer(const char* name) { return absl::StrCat(" WHERE name = '", name, "'"); }
// A condition on releases and listings of `a`.
std::string OfListing(const char* column, const char* name) {
  return absl::StrCat(" WHERE ", column, " IN (SELECT number FROM listings WHERE name = '", name,
                      "')");
}
std::string HiddenFile(const std::string& folder) {
  return fs::directory_iterator(folder + "/.arkshare/released")->path();
}

const Damage kDamages[] = {
    {"FileMissing", [](const std::string&, const std::string& b) { fs::remove(b + "/moved"); },
     "\"moved\" is present, but there is no such file"},
    {"FileWithOtherContent",
     [](const std::string&, const std::string& b) { WriteBook(b, "own", "other"); },
     "\"own\" is present, but the file has another content"},
    {"TwoListingsOfOnePath",
     [](const std::string&, const std::string& b) {
       Sql(b,
           "INSERT INTO listings(name, path, root, size, inode, mtime_ns, state, unsettled) SELECT "
           "name, path, root, size, inode, mtime_ns, state, unsettled FROM listings WHERE name = "
           "'own'");
     },
     "two listings of one path"},
    {"ReleasedTwice",
     [](const std::string& a, const std::string&) {
       Sql(a,
           "DROP INDEX releases_once; INSERT INTO releases SELECT "
           "x'00112233445566778899aabbccddeeff',"
           " listing, root, size, receiver, state, ticket, reason, message, metadata, time FROM "
           "releases" +
               OfListing("listing", "moved"));
     },
     "was released twice"},
    {"TicketAndRefusal",
     [](const std::string& a, const std::string&) {
       Sql(a, "UPDATE releases SET state = 0, ticket = x'', reason = 'BOOK_GONE'" +
                  OfListing("listing", "moved"));
     },
     "refused, but the receiver has a ticket"},
    {"RefusalWithATicket",
     [](const std::string& a, const std::string&) {
       Sql(a, "UPDATE releases SET state = 0" + OfListing("listing", "moved"));
     },
     "is a refusal with a ticket"},
    {"ReleaseWithoutATicket",
     [](const std::string& a, const std::string&) {
       Sql(a, "UPDATE releases SET ticket = x''" + OfListing("listing", "moved"));
     },
     "has no ticket"},
    {"ReleaseNotRecorded",
     [](const std::string& a, const std::string&) {
       Sql(a, "DELETE FROM releases" + OfListing("listing", "moved"));
     },
     "owned, but its source has not released it"},
    {"ListingReleasedByNobody",
     [](const std::string& a, const std::string&) {
       Sql(a, "DELETE FROM releases" + OfListing("listing", "moved"));
     },
     "says that it was released, but no release does"},
    {"ReleasedListingStillPresent",
     [](const std::string& a, const std::string&) {
       Sql(a, "UPDATE listings SET state = 1 WHERE name = 'moved'");
     },
     "the listing does not say so"},
    {"OwnedWithoutListing",
     [](const std::string&, const std::string& b) {
       Sql(b, "DELETE FROM listings WHERE name = 'moved'");
     },
     "owned, but without a listing"},
    {"OwnedWithoutTicket",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET ticket = x''" + OfTransfer("moved"));
     },
     "moved without a ticket"},
    {"ForgedTicket",
     [](const std::string&, const std::string& b) {
       Sql(b,
           "UPDATE transfers SET ticket = CAST(substr(ticket, 1, length(ticket) - 1) || "
           "iif(substr(ticket, -1) = x'00', x'01', x'00') AS BLOB)" +
               OfTransfer("moved"));
     },
     "its ticket is not valid for it"},
    {"CounterSetBack",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'listings'");
     },
     "the counter of listing numbers is 1"},
    {"NumberReusedForOtherContent",
     [](const std::string& a, const std::string&) {
       Sql(a, "UPDATE listings SET root = zeroblob(32) WHERE name = 'moved'");
     },
     "so its number was reused"},
    {"NumberReusedForTwoTransfers",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET listing = (SELECT listing FROM transfers" + OfTransfer("lent") +
                  ")" + OfTransfer("moved"));
     },
     "was used for two transfers"},
    {"ReceiverDoesNotOwn",
     [](const std::string&, const std::string& b) {
       Sql(b, "DELETE FROM transfers" + OfTransfer("moved"));
     },
     "the hidden copy is gone, but the receiver does not own the book"},
    {"ReceiverKeepsACopyOfWhatWasReleased",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET move = 0, ticket = x''" + OfTransfer("moved"));
     },
     "released, but the receiver keeps it as a copy"},
    {"HiddenCopyGoneThoughOnlyKept",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET move = 2, ticket = x''" + OfTransfer("moved"));
     },
     "the hidden copy is gone, but the receiver does not own the book"},
    {"HiddenCopyGoneTooEarly",
     [](const std::string& a, const std::string& b) {
       fs::remove(HiddenFile(a));
       Sql(b,
           "UPDATE transfers SET state = 2, listing = 0, ticket = x''" + OfTransfer("sub/limbo"));
     },
     "there is no hidden copy"},
    {"HiddenCopyWithOtherContent",
     [](const std::string& a, const std::string&) {
       const std::string hidden = HiddenFile(a);
       WriteBook(a, ".other", "x");
       fs::rename(a + "/.other", hidden);
     },
     "the hidden copy has another content"},
    {"ReleasedFileVisibleAgain",
     [](const std::string& a, const std::string&) { fs::rename(HiddenFile(a), a + "/again"); },
     "the released file is visible as \"again\""},
    {"ReceiverDropsWhatWasReleased",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET state = 5, ticket = x''" + OfTransfer("sub/limbo"));
     },
     "the receiver has dropped the transfer"},
    {"ConfirmedButHidden",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET confirmed = 1" + OfTransfer("sub/limbo"));
     },
     "the receiver thinks that it is confirmed"},
    {"DoneButNotTold",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE transfers SET index_told = 0" + OfTransfer("moved"));
     },
     "done, but not everybody was told"},
    {"UnsettledForEver",
     [](const std::string&, const std::string& b) {
       Sql(b, "UPDATE listings SET unsettled = 1 WHERE name = 'moved'");
     },
     "waits for an answer of the index that its peer does not ask for"},
    {"PreparedButNotStaged",
     [](const std::string&, const std::string& b) {
       Sql(b,
           "UPDATE transfers SET state = 2, listing = 0, ticket = x''" + OfTransfer("sub/limbo"));
     },
     "prepared, but its book waits nowhere"},
    {"PreparedWithOtherContent",
     [](const std::string&, const std::string& b) {
       absl::StatusOr<PeerDisk> disk = ReadPeerDisk(b);
       ASSERT_TRUE(Ok(disk));
       for (const TransferRow& row : disk->transfers) {
         if (row.content == ContentOf(kLimbo)) {
           WriteBook(b, ".arkshare/staging/" + row.id.hex(), "half of it");
         }
       }
       Sql(b,
           "UPDATE transfers SET state = 2, listing = 0, ticket = x''" + OfTransfer("sub/limbo"));
     },
     "prepared, but the staged file has another content"},
};

class DamageTest : public AuditTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamageTest, IsFound) {
  GetParam().plant(a_, b_);
  const Finished finished = RunAudit({a_, b_});
  EXPECT_EQ(finished.exit.code, 1) << finished.output;
  std::vector<std::string> damage;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(finished.output, '\n'))) {
    if (line.starts_with("damage: ")) damage.push_back(line);
  }
  EXPECT_THAT(damage, testing::Contains(HasSubstr(GetParam().found))) << finished.output;
}

INSTANTIATE_TEST_SUITE_P(Planted, DamageTest, testing::ValuesIn(kDamages),
                         [](const auto& info) { return info.param.name; });

TEST_F(AuditTest, AnUnexpectedHolderIsDamage) {
  for (const std::string& holders : {a_, std::string(), a_ + "," + b_}) {
    const Finished finished = RunAudit({a_, b_, "--expect", Expectation(kMoved, holders)});
    EXPECT_EQ(finished.exit.code, 1) << finished.output;
    EXPECT_THAT(finished.output, HasSubstr("visible copies of"));
  }
}

}  // namespace
}  // namespace arkshare
