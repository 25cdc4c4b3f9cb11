#include "services/peer/library/folder_scanner.h"

#include <absl/functional/function_ref.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/small_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The longest time that a change may take; only a failing test waits for it.
constexpr absl::Duration kPatience = absl::Seconds(60);

// Makes this process a user that owns the folder, because root ignores permissions.
class NotRoot {
 public:
  explicit NotRoot(const std::string& folder) : root_(::geteuid() == 0) {
    if (!root_) return;
    EXPECT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(::seteuid(kNobody), 0);
  }
  ~NotRoot() {
    if (!root_) return;
    EXPECT_EQ(::seteuid(0), 0);
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  const bool root_;
};

class FolderScannerTest : public testing::Test {
 protected:
  ~FolderScannerTest() override { Stop(); }

  void Start(Library::Options options = {}) {
    disk_ = std::make_unique<PeerDisk>(temp_.path(), options);
    Must(disk_->handover->Recover());
    Must(library().Load());
    Must(disk_->scanner->Start());
  }
  void Stop() {
    if (disk_) disk_->scanner->Stop();
    disk_.reset();
  }
  Library& library() { return *disk_->library; }

  // Waits, change by change, until `so` returns true.
  [[nodiscard]] bool Await(absl::FunctionRef<bool()> so) {
    while (!so()) {
      if (library().feed().Next(kPatience, 100).empty()) return so();
    }
    return true;
  }
  [[nodiscard]] bool AwaitBook(const std::string& path, const FakeBook& book) {
    return Await([&] {
      const std::optional<Book> found = library().FindPath(path);
      return found && found->record.content == book.id;
    });
  }
  [[nodiscard]] bool AwaitGone(const std::string& path) {
    return Await([&] { return !library().FindPath(path).has_value(); });
  }
  // Waits until everything that happened in the folder so far has been examined and hashed: paths
  // are examined in order of time, a second of quiet included, and this one is the last.
  [[nodiscard]] bool AwaitAllSeen() {
    const std::string name = absl::StrCat("marker ", ++markers_);
    const UniqueFd fd(::open((temp_ / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return Await([&] {  // still open: no CLOSE_WRITE
      return library().FindPath(name).has_value() && library().GetTotals().pending == 0;
    });
  }
  std::vector<std::string> Books() {
    std::vector<std::string> paths;
    for (const LibraryItem& item : library().Items("", 1000)) {
      if (item.book) paths.push_back(item.path);
    }
    return paths;
  }
  std::string WhyUnshared(const std::string& path) {
    const std::optional<LibraryItem> item = library().FindUnlisted(path);
    return item ? item->unshared_reason : "(not there)";
  }
  // Puts a content into the cache that is not the hash of the file at `path`. A listing with that
  // content shows that the scanner used the cache.
  FakeBook PlantInCache(const std::string& path) {
    const FakeBook planted = FakeBook::OfSize(17, 4711);
    const FileStat stat = Must(disk_->folder->Stat(path));
    FakeBook as_long = planted;
    as_long.id.size = stat.identity.size;
    disk_->cache->Remember(stat.identity, as_long.id, {});
    return as_long;
  }

  // Writes other bytes into a file and gives it the time that it had.
  void PutBackTimeAfterEdit(const std::string& name, const std::string& bytes) {
    struct stat before;
    ASSERT_EQ(::stat((temp_ / name).c_str(), &before), 0);
    const UniqueFd fd(::open((temp_ / name).c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::futimens(fd.get(), times), 0);
  }

  const FakeBook one_ = FakeBook::OfSize(40'000, 1);
  const FakeBook two_ = FakeBook::OfSize(40'000, 2);
  int markers_ = 0;
  TempFolder temp_;
  std::unique_ptr<PeerDisk> disk_;
};

// --- Changes by hand ---

TEST_F(FolderScannerTest, AFileIsAddedChangedAndDeleted) {
  Start();
  WriteFileAt(temp_ / "book", one_.bytes);
  ASSERT_TRUE(AwaitBook("book", one_));
  const uint64_t number = library().FindPath("book")->record.number;
  WriteFileAt(temp_ / "book", two_.bytes);
  ASSERT_TRUE(AwaitBook("book", two_));
  EXPECT_GT(library().FindPath("book")->record.number, number);
  EXPECT_FALSE(library().FindContent(one_.id).has_value());
  ::unlink((temp_ / "book").c_str());
  ASSERT_TRUE(AwaitGone("book"));
  EXPECT_EQ(library().GetTotals().pending, 0U);
}

TEST_F(FolderScannerTest, AFileIsMovedInAndOut) {
  TempFolder outside;
  Start();
  WriteFileAt(outside / "book", one_.bytes);
  ASSERT_EQ(::rename((outside / "book").c_str(), (temp_ / "book").c_str()), 0);
  ASSERT_TRUE(AwaitBook("book", one_));
  ASSERT_EQ(::rename((temp_ / "book").c_str(), (outside / "book").c_str()), 0);
  ASSERT_TRUE(AwaitGone("book"));
}

// A rename and an edit whose time was put back look the same.
TEST_F(FolderScannerTest, ARenamedFileIsANewListingAndIsHashedAgain) {
  WriteFileAt(temp_ / "old", one_.bytes);
  MakeOld(temp_ / "old");
  Start();
  ASSERT_TRUE(AwaitBook("old", one_));
  const uint64_t number = library().FindPath("old")->record.number;
  PlantInCache("old");
  ASSERT_EQ(::rename((temp_ / "old").c_str(), (temp_ / "new").c_str()), 0);
  ASSERT_TRUE(AwaitBook("new", one_));
  ASSERT_TRUE(AwaitGone("old"));
  EXPECT_NE(library().FindPath("new")->record.number, number);
}

TEST_F(FolderScannerTest, TheFilesOfARenamedFolderAreNotHashedAgain) {
  WriteFileAt(temp_ / "old/book", one_.bytes);
  MakeOld(temp_ / "old/book");
  Start();
  ASSERT_TRUE(AwaitBook("old/book", one_));
  const FakeBook planted = PlantInCache("old/book");
  ASSERT_EQ(::rename((temp_ / "old").c_str(), (temp_ / "new").c_str()), 0);
  ASSERT_TRUE(AwaitBook("new/book", planted));
}

// As programs do that write tags into music, or containers with secrets.
TEST_F(FolderScannerTest, AnEditIsNoticedThoughItsTimeIsPutBack) {
  WriteFileAt(temp_ / "book", one_.bytes);
  MakeOld(temp_ / "book");
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  PutBackTimeAfterEdit("book", two_.bytes);
  ASSERT_TRUE(AwaitBook("book", two_));
  // The same while the peer was away.
  Stop();
  PutBackTimeAfterEdit("book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
}

TEST_F(FolderScannerTest, ATouchedFileKeepsItsListing) {
  WriteFileAt(temp_ / "book", one_.bytes);
  MakeOld(temp_ / "book");
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  const uint64_t number = library().FindPath("book")->record.number;
  ASSERT_EQ(::chmod((temp_ / "book").c_str(), 0600), 0);
  disk_->scanner->Examine("book");
  const Book touched = *library().FindPath("book");
  EXPECT_EQ(touched.record.number, number);
  EXPECT_EQ(touched.record.identity, Must(disk_->folder->Stat("book")).identity);
  EXPECT_EQ(Must(disk_->ledger->listings()->Find(number))->identity, touched.record.identity);
}

TEST_F(FolderScannerTest, AFileThatAReceiverDoubtsIsHashedAgain) {
  WriteFileAt(temp_ / "book", one_.bytes);
  MakeOld(temp_ / "book");
  disk_ = std::make_unique<PeerDisk>(temp_.path());
  const FakeBook planted = PlantInCache("book");
  Must(library().Load());
  Must(disk_->scanner->Start());
  ASSERT_EQ(library().FindPath("book")->record.content, planted.id);
  const auto forget = [&](const FileIdentity& identity) { disk_->cache->Forget(identity); };
  library().Doubt(one_.id, forget);  // not here
  library().Doubt(planted.id, forget);
  EXPECT_TRUE(AwaitBook("book", one_));
}

// --- Books that can only be lent ---

TEST_F(FolderScannerTest, AFileThatIsOpenForWritingIsOnlyLent) {
  Start();
  UniqueFd writer(::open((temp_ / "book").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(AwaitBook("book", FakeBook::Of("")));
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_EQ(library().FindPath("book")->lend_reason, kOpenForWriting);
  writer = UniqueFd();
  disk_->scanner->Examine("book");
  EXPECT_EQ(library().FindPath("book")->lend_reason, "");
}

TEST_F(FolderScannerTest, AFileInAFolderThatMayNotBeWrittenIsOnlyLent) {
  WriteFileAt(temp_ / "folder/book", one_.bytes);
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0555), 0);
  {
    const NotRoot not_root(temp_.path());
    disk_ = std::make_unique<PeerDisk>(temp_.path());
    Must(library().Load());
    disk_->scanner->Examine("folder/book");
    EXPECT_THAT(library().FindPath("folder/book")->lend_reason, HasSubstr("may not remove"));
  }
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0755), 0);
  disk_->scanner->Examine("folder/book");
  EXPECT_EQ(library().FindPath("folder/book")->lend_reason, "");
}

// --- More changes by hand ---

TEST_F(FolderScannerTest, AFileIsReplacedByAnother) {
  Start();
  WriteFileAt(temp_ / "book", one_.bytes);
  ASSERT_TRUE(AwaitBook("book", one_));
  // As editors save.
  WriteFileAt(temp_ / ".book.new", two_.bytes);
  ASSERT_EQ(::rename((temp_ / ".book.new").c_str(), (temp_ / "book").c_str()), 0);
  ASSERT_TRUE(AwaitBook("book", two_));
  EXPECT_THAT(Books(), ElementsAre("book"));
}

TEST_F(FolderScannerTest, AnEmptyFileIsABook) {
  Start();
  WriteFileAt(temp_ / "empty", "");
  ASSERT_TRUE(AwaitBook("empty", FakeBook::Of("")));
}

TEST_F(FolderScannerTest, AnOpenFileIsListedAfterASecondOfQuiet) {
  Start();
  const UniqueFd fd(::open((temp_ / "book").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(fd.get(), one_.bytes.data(), one_.bytes.size()),
            static_cast<ssize_t>(one_.bytes.size()));
  ASSERT_TRUE(AwaitBook("book", one_));
}

TEST_F(FolderScannerTest, AFileThatIsBeingEditedIsNotServedUnderItsOldRoot) {
  WriteFileAt(temp_ / "book", one_.bytes);
  MakeOld(temp_ / "book");
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  EXPECT_TRUE(library().OpenForServing(one_.id).ok());
  // One byte changes and the file stays open, so the scanner has no event yet.
  const UniqueFd fd(::open((temp_ / "book").c_str(), O_RDWR | O_CLOEXEC));
  std::string bytes = one_.bytes;
  bytes[20'000] ^= 1;
  ASSERT_EQ(::pwrite(fd.get(), &bytes[20'000], 1, 20'000), 1);
  EXPECT_EQ(ReasonOf(library().OpenForServing(one_.id).status()), "BOOK_CHANGED");
  ASSERT_TRUE(AwaitBook("book", FakeBook::Of(bytes)));
  EXPECT_EQ(ReasonOf(library().OpenForServing(one_.id).status()), "BOOK_GONE");
}

// --- Folders ---

TEST_F(FolderScannerTest, AFolderIsMadeAndFilled) {
  Start();
  WriteFileAt(temp_ / "a/b/c/book", one_.bytes);
  ASSERT_TRUE(AwaitBook("a/b/c/book", one_));
  // The new folder is watched from now on.
  WriteFileAt(temp_ / "a/b/another", two_.bytes);
  ASSERT_TRUE(AwaitBook("a/b/another", two_));
}

TEST_F(FolderScannerTest, AFolderIsRenamed) {
  WriteFileAt(temp_ / "old/deep/book", one_.bytes);
  MakeOld(temp_ / "old/deep/book");
  Start();
  ASSERT_TRUE(AwaitBook("old/deep/book", one_));
  ASSERT_EQ(::rename((temp_ / "old").c_str(), (temp_ / "new").c_str()), 0);
  ASSERT_TRUE(AwaitBook("new/deep/book", one_));
  ASSERT_TRUE(AwaitGone("old/deep/book"));
  // Later changes in the folder have its new name.
  WriteFileAt(temp_ / "new/deep/another", two_.bytes);
  ASSERT_TRUE(AwaitBook("new/deep/another", two_));
  ::unlink((temp_ / "new/deep/book").c_str());
  ASSERT_TRUE(AwaitGone("new/deep/book"));
  EXPECT_THAT(Books(), ElementsAre("new/deep/another"));
}

TEST_F(FolderScannerTest, AFolderIsMovedInAndOut) {
  TempFolder outside;
  Start();
  WriteFileAt(outside / "folder/deep/book", one_.bytes);
  ASSERT_EQ(::rename((outside / "folder").c_str(), (temp_ / "folder").c_str()), 0);
  ASSERT_TRUE(AwaitBook("folder/deep/book", one_));
  ASSERT_EQ(::rename((temp_ / "folder").c_str(), (outside / "folder").c_str()), 0);
  ASSERT_TRUE(AwaitGone("folder/deep/book"));
  // Changes outside the shared folder are not listed.
  WriteFileAt(outside / "folder/deep/another", two_.bytes);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_FALSE(library().FindContent(two_.id).has_value());
}

TEST_F(FolderScannerTest, AFileTakesTheNameOfAFolder) {
  WriteFileAt(temp_ / "name/book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("name/book", one_));
  ::unlink((temp_ / "name/book").c_str());
  ASSERT_EQ(::rmdir((temp_ / "name").c_str()), 0);
  WriteFileAt(temp_ / "name", two_.bytes);
  ASSERT_TRUE(AwaitBook("name", two_));
  ASSERT_TRUE(AwaitGone("name/book"));
}

TEST_F(FolderScannerTest, AFolderTakesTheNameOfABook) {
  WriteFileAt(temp_ / "name", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("name", one_));
  Stop();
  ::unlink((temp_ / "name").c_str());
  WriteFileAt(temp_ / "name/book", two_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("name/book", two_));
  EXPECT_THAT(Books(), ElementsAre("name/book"));
}

TEST_F(FolderScannerTest, ASymlinkTakesThePlaceOfAFolder) {
  TempFolder outside;
  WriteFileAt(temp_ / "folder/book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("folder/book", one_));
  ASSERT_EQ(::rename((temp_ / "folder").c_str(), (outside / "folder").c_str()), 0);
  ASSERT_EQ(::symlink((outside / "folder").c_str(), (temp_ / "folder").c_str()), 0);
  ASSERT_TRUE(AwaitGone("folder/book"));
  EXPECT_THAT(Books(), IsEmpty());
}

// --- Files that cannot be read ---

TEST_F(FolderScannerTest, AFileThatCannotBeReadNowStaysListed) {
  const NotRoot not_root(temp_.path());
  WriteFileAt(temp_ / "folder/book", one_.bytes);
  WriteFileAt(temp_ / "folder/unshared", two_.bytes);
  Start();
  Must(library().unshared().Unshare("folder/unshared"));
  disk_->scanner->Examine("folder/unshared");
  ASSERT_TRUE(AwaitBook("folder/book", one_));
  const uint64_t number = library().FindPath("folder/book")->record.number;
  const auto number_now = [&] {
    const std::optional<Book> book = library().FindPath("folder/book");
    return book ? book->record.number : 0;
  };
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0), 0);
  disk_->scanner->Examine("folder/book");
  EXPECT_EQ(number_now(), number);
  disk_->scanner->Examine("folder/unshared");
  EXPECT_THAT(WhyUnshared("folder/unshared"), HasSubstr("Permission denied"));
  // Two rescans: the first one has ended for certain when the second has begun.
  for (const char* name : {"a/new", "b/new"}) {
    WriteFileAt(temp_ / name, two_.bytes);
    ASSERT_TRUE(AwaitBook(name, two_));
  }
  EXPECT_EQ(number_now(), number);
  Stop();
  Start();
  EXPECT_EQ(number_now(), number);

  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0700), 0);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_EQ(number_now(), number);
  disk_->scanner->Examine("folder/unshared");
  EXPECT_THAT(WhyUnshared("folder/unshared"), HasSubstr("unshared by its owner"));
  ::unlink((temp_ / "folder/book").c_str());
  EXPECT_TRUE(AwaitGone("folder/book"));
  Stop();
}

TEST_F(FolderScannerTest, AListedFileThatCannotBeOpenedSaysSo) {
  const NotRoot not_root(temp_.path());
  WriteFileAt(temp_ / "book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  ASSERT_EQ(::chmod((temp_ / "book").c_str(), 0), 0);
  disk_->scanner->Examine("book");
  ASSERT_TRUE(library().FindPath("book").has_value());
  EXPECT_THAT(library().FindPath("book")->trouble, HasSubstr("Permission denied"));
  ASSERT_EQ(::chmod((temp_ / "book").c_str(), 0600), 0);
  disk_->scanner->Examine("book");
  EXPECT_EQ(library().FindPath("book")->trouble, "");
  Stop();
}

TEST_F(FolderScannerTest, AFolderThatCannotBeReadIsNamed) {
  const NotRoot not_root(temp_.path());
  WriteFileAt(temp_ / "closed/book", one_.bytes);
  ASSERT_EQ(::chmod((temp_ / "closed").c_str(), 0), 0);
  Start();
  EXPECT_THAT(WhyUnshared("closed"), HasSubstr("Permission denied"));
  EXPECT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("closed"), HasSubstr("Permission denied"));
  ASSERT_EQ(::chmod((temp_ / "closed").c_str(), 0700), 0);
  EXPECT_TRUE(AwaitBook("closed/book", one_));
  EXPECT_TRUE(AwaitAllSeen());
  EXPECT_EQ(WhyUnshared("closed"), "(not there)");
  Stop();
}

TEST_F(FolderScannerTest, AFolderWithTooLongAPathIsNamed) {
  const std::string part(250, 'd');
  std::string path;
  ASSERT_EQ(::chdir(temp_.path().c_str()), 0);
  while (path.size() < 4096) {
    ASSERT_EQ(::mkdir(part.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(part.c_str()), 0);
    path += (path.empty() ? "" : "/") + part;
  }
  WriteFileAt("book", one_.bytes);
  ASSERT_EQ(::chdir("/"), 0);
  Start();
  EXPECT_THAT(WhyUnshared(path), HasSubstr("longer than the 4095 bytes"));
}

// --- The folder itself ---

TEST_F(FolderScannerTest, NothingEndsWhileTheFolderIsAway) {
  const std::string share = temp_ / "share";
  const std::string away = temp_ / "away";
  WriteFileAt(share + "/sub/book", one_.bytes);
  disk_ = std::make_unique<PeerDisk>(share);
  Must(library().Load());
  Must(disk_->scanner->Start());
  ASSERT_TRUE(AwaitBook("sub/book", one_));
  EXPECT_EQ(disk_->scanner->Trouble(), "");
  const uint64_t number = library().FindPath("sub/book")->record.number;

  ASSERT_EQ(::rename(share.c_str(), away.c_str()), 0);
  EXPECT_THAT(disk_->scanner->Trouble(), HasSubstr("is gone"));
  // Another folder in its place is not taken for it, nor is its lack of files.
  ASSERT_EQ(::mkdir(share.c_str(), 0700), 0);
  EXPECT_THAT(disk_->scanner->Trouble(), HasSubstr("was replaced"));
  ASSERT_EQ(::rename((away + "/sub").c_str(), (temp_ / "sub").c_str()), 0);
  disk_->scanner->Examine("sub/book");
  EXPECT_THAT(Books(), ElementsAre("sub/book"));
  EXPECT_EQ(ReasonOf(library().ReserveName(Must(BookName::Parse("another")))), "INTERNAL");

  ASSERT_EQ(::rename((temp_ / "sub").c_str(), (away + "/sub").c_str()), 0);
  ASSERT_EQ(::rmdir(share.c_str()), 0);
  ASSERT_EQ(::rename(away.c_str(), share.c_str()), 0);
  EXPECT_EQ(disk_->scanner->Trouble(), "");
  disk_->scanner->Examine("sub/book");
  EXPECT_EQ(library().FindPath("sub/book")->record.number, number);
  Must(library().ReserveName(Must(BookName::Parse("another"))));
}

TEST_F(FolderScannerTest, NothingEndsWithoutThePeersOwnState) {
  WriteFileAt(temp_ / "book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  ASSERT_EQ(::rename((temp_ / ".arkshare").c_str(), (temp_ / ".away").c_str()), 0);
  EXPECT_THAT(disk_->scanner->Trouble(), HasSubstr(".arkshare was removed"));
  ::unlink((temp_ / "book").c_str());
  disk_->scanner->Examine("book");
  EXPECT_THAT(Books(), ElementsAre("book"));
  ASSERT_EQ(::rename((temp_ / ".away").c_str(), (temp_ / ".arkshare").c_str()), 0);
  disk_->scanner->Examine("book");
  EXPECT_THAT(Books(), IsEmpty());
}

TEST_F(FolderScannerTest, WithoutDescriptorsEverythingStaysListed) {
  Start();
  WriteFileAt(temp_ / "book", one_.bytes);
  ASSERT_TRUE(AwaitBook("book", one_));
  const uint64_t number = library().FindPath("book")->record.number;
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};  // no descriptor beyond these three
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  disk_->scanner->Examine("book");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  disk_->scanner->Examine("book");
  ASSERT_TRUE(library().FindPath("book").has_value());
  EXPECT_EQ(library().FindPath("book")->record.number, number);
}

// --- Files that cannot be shared ---

TEST_F(FolderScannerTest, SaysWhyAFileIsNotShared) {
  std::string deep;
  for (int i = 0; i < 6; ++i) deep += std::string(200, 'd') + "/";
  TempFolder outside;
  WriteFileAt(outside / "secret", one_.bytes);
  // Part by part, because the whole path is longer than a system call takes.
  ASSERT_EQ(::chdir(temp_.path().c_str()), 0);
  for (int i = 0; i < 6; ++i) {
    const std::string part(200, 'd');
    ASSERT_EQ(::mkdir(part.c_str(), 0700), 0);
    ASSERT_EQ(::chdir(part.c_str()), 0);
  }
  WriteFileAt("book", one_.bytes);
  ASSERT_EQ(::chdir("/"), 0);
  WriteFileAt(temp_ / "line\nbreak", one_.bytes);
  WriteFileAt(temp_ / "override\u202e", one_.bytes);
  WriteFileAt(temp_ / "back\\slash", one_.bytes);
  WriteFileAt(temp_ / "latin\xe9", one_.bytes);
  WriteFileAt(temp_ / ".hidden", one_.bytes);
  WriteFileAt(temp_ / ".folder/book", one_.bytes);
  ASSERT_EQ(::symlink((outside / "secret").c_str(), (temp_ / "link").c_str()), 0);
  ASSERT_EQ(::symlink(outside.path().c_str(), (temp_ / "folder link").c_str()), 0);
  ASSERT_EQ(::mkfifo((temp_ / "fifo").c_str(), 0600), 0);
  WriteFileAt(temp_ / "good", two_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("good", two_));
  EXPECT_THAT(Books(), ElementsAre("good"));
  EXPECT_THAT(WhyUnshared(deep + "book"), HasSubstr("1,024"));
  EXPECT_THAT(WhyUnshared("line\nbreak"), HasSubstr("control"));
  EXPECT_THAT(WhyUnshared("override\u202e"), HasSubstr("direction of text"));
  EXPECT_THAT(WhyUnshared("back\\slash"), HasSubstr("backslash"));
  EXPECT_THAT(WhyUnshared("latin\xe9"), HasSubstr("UTF-8"));
  EXPECT_THAT(WhyUnshared("link"), HasSubstr("symbolic link"));
  EXPECT_THAT(WhyUnshared("folder link"), HasSubstr("symbolic link"));
  EXPECT_THAT(WhyUnshared("fifo"), HasSubstr("not a regular file"));
  EXPECT_EQ(WhyUnshared(".hidden"), "(not there)");
  EXPECT_EQ(WhyUnshared(".folder/book"), "(not there)");
  EXPECT_EQ(WhyUnshared("folder link/secret"), "(not there)");
  EXPECT_EQ(library().GetTotals().pending, 0U);
}

TEST_F(FolderScannerTest, NoticesFilesThatCannotBeSharedWhileItRuns) {
  Start();
  WriteFileAt(temp_ / "target", one_.bytes);
  ASSERT_TRUE(AwaitBook("target", one_));
  ASSERT_EQ(::symlink("target", (temp_ / "link").c_str()), 0);
  ASSERT_EQ(::mkfifo((temp_ / "fifo").c_str(), 0600), 0);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("link"), HasSubstr("symbolic link"));
  EXPECT_THAT(WhyUnshared("fifo"), HasSubstr("not a regular file"));
  // A book that a symlink replaces is no longer listed.
  ASSERT_EQ(::rename((temp_ / "link").c_str(), (temp_ / "target").c_str()), 0);
  ASSERT_TRUE(AwaitGone("target"));
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("target"), HasSubstr("symbolic link"));
  EXPECT_EQ(WhyUnshared("link"), "(not there)");
  ::unlink((temp_ / "fifo").c_str());
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_EQ(WhyUnshared("fifo"), "(not there)");
}

TEST_F(FolderScannerTest, OnlyOneOfTwoFilesWithOneNameIsListed) {
  WriteFileAt(temp_ / "caf\u00e9", one_.bytes);
  WriteFileAt(temp_ / "cafe\u0301", two_.bytes);
  Start();
  ASSERT_TRUE(AwaitAllSeen());
  const bool first = library().FindPath("caf\u00e9").has_value();
  const std::string listed = first ? "caf\u00e9" : "cafe\u0301";
  const std::string other = first ? "cafe\u0301" : "caf\u00e9";
  EXPECT_FALSE(library().FindPath(other).has_value());
  EXPECT_THAT(WhyUnshared(other), HasSubstr("Unicode NFC"));
  // When the first is gone, the next look, a rescan for example, lists the second.
  ::unlink((temp_ / listed).c_str());
  ASSERT_TRUE(AwaitGone(listed));
  disk_->scanner->Examine(other);
  EXPECT_EQ(library().FindPath(other)->record.content, first ? two_.id : one_.id);
}

TEST_F(FolderScannerTest, ABookThatTheOwnerUnsharedStaysUnshared) {
  Start();
  WriteFileAt(temp_ / "book", one_.bytes);
  ASSERT_TRUE(AwaitBook("book", one_));
  Must(library().unshared().Unshare("book"));
  disk_->scanner->Examine("book");
  EXPECT_THAT(WhyUnshared("book"), HasSubstr("unshared by its owner"));
  Stop();
  Start();
  EXPECT_THAT(Books(), IsEmpty());
  EXPECT_THAT(WhyUnshared("book"), HasSubstr("unshared by its owner"));
  Must(library().unshared().Share("book"));
  disk_->scanner->Examine("book");
  EXPECT_TRUE(library().FindPath("book").has_value());
}

TEST_F(FolderScannerTest, AnUnsharedFileStaysPrivateWhenItIsRenamed) {
  WriteFileAt(temp_ / "private/diary", one_.bytes);
  WriteFileAt(temp_ / "public", two_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("private/diary", one_));
  Must(library().unshared().Unshare("private/diary"));
  disk_->scanner->Examine("private/diary");
  // Its folder is renamed, then the file itself.
  ASSERT_EQ(::rename((temp_ / "private").c_str(), (temp_ / "own").c_str()), 0);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("own/diary"), HasSubstr("unshared by its owner"));
  ASSERT_EQ(::rename((temp_ / "own/diary").c_str(), (temp_ / "diary").c_str()), 0);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("diary"), HasSubstr("unshared by its owner"));
  // While the peer is away, too.
  Stop();
  ASSERT_EQ(::rename((temp_ / "diary").c_str(), (temp_ / "moved on").c_str()), 0);
  Start();
  EXPECT_THAT(WhyUnshared("moved on"), HasSubstr("unshared by its owner"));
  // As many editors save: the earlier file gets another name, and a new one takes its place.
  ASSERT_EQ(::rename((temp_ / "moved on").c_str(), (temp_ / "backup").c_str()), 0);
  WriteFileAt(temp_ / "moved on", two_.bytes);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_THAT(WhyUnshared("backup"), HasSubstr("unshared by its owner"));
  EXPECT_THAT(WhyUnshared("moved on"), HasSubstr("unshared by its owner"));
  EXPECT_THAT(Books(), testing::Contains("public"));
  // Shared again under its new name, it stays shared.
  Must(library().unshared().Share("backup"));
  disk_->scanner->Examine("backup");
  EXPECT_TRUE(library().FindPath("backup").has_value());
  Stop();
  Start();
  EXPECT_TRUE(library().FindPath("backup").has_value());
}

TEST_F(FolderScannerTest, AnUnsharedFolderStaysPrivateWithAllThatComesIntoIt) {
  WriteFileAt(temp_ / "private/deep/diary", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("private/deep/diary", one_));
  Must(library().unshared().Unshare("private"));
  disk_->scanner->ExamineAll(library().PathsBeneath("private"));
  EXPECT_THAT(Books(), IsEmpty());
  WriteFileAt(temp_ / "private/new", two_.bytes);
  ASSERT_EQ(::rename((temp_ / "private").c_str(), (temp_ / "own").c_str()), 0);
  WriteFileAt(temp_ / "own/deep/newer", two_.bytes);
  ASSERT_TRUE(AwaitAllSeen());
  for (const char* path : {"own/deep/diary", "own/new", "own/deep/newer"}) {
    EXPECT_THAT(WhyUnshared(path), HasSubstr("unshared by its owner")) << path;
  }
  // A file that leaves the folder is no longer in it.
  ASSERT_EQ(::rename((temp_ / "own/new").c_str(), (temp_ / "published").c_str()), 0);
  EXPECT_TRUE(AwaitBook("published", two_));
  Must(library().unshared().ShareBeneath("own"));
  disk_->scanner->ExamineAll(library().PathsBeneath("own"));
  EXPECT_TRUE(library().FindPath("own/deep/diary").has_value());
}

TEST_F(FolderScannerTest, AFileWithTwoLinksIsOnlyLent) {
  WriteFileAt(temp_ / "book", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("book", one_));
  EXPECT_FALSE(library().FindPath("book")->lend_only);
  ASSERT_EQ(::link((temp_ / "book").c_str(), (temp_ / "same book").c_str()), 0);
  ASSERT_TRUE(AwaitBook("same book", one_));
  EXPECT_TRUE(library().FindPath("same book")->lend_only);
  // The next look, a rescan for example, notices the other name.
  disk_->scanner->Examine("book");
  EXPECT_TRUE(library().FindPath("book")->lend_only);
  ::unlink((temp_ / "same book").c_str());
  ASSERT_TRUE(AwaitGone("same book"));
  disk_->scanner->Examine("book");
  EXPECT_FALSE(library().FindPath("book")->lend_only);
}

// --- Starting again ---

TEST_F(FolderScannerTest, ARestartHashesNothingAgain) {
  for (int i = 0; i < 5; ++i) WriteFileAt(temp_ / absl::StrCat("sub/", i), one_.bytes);
  Start();
  ASSERT_TRUE(AwaitAllSeen());
  ASSERT_EQ(library().GetTotals().books, 6U);
  std::vector<uint64_t> numbers;
  for (const LibraryItem& item : library().Items("", 100)) {
    numbers.push_back(item.book->record.number);
  }
  Stop();
  Start();
  EXPECT_EQ(library().GetTotals().pending, 0U);
  std::vector<uint64_t> again;
  for (const LibraryItem& item : library().Items("", 100))
    again.push_back(item.book->record.number);
  EXPECT_EQ(again, numbers);
  EXPECT_TRUE(library().feed().Next(absl::ZeroDuration(), 100).empty());
}

TEST_F(FolderScannerTest, FilesInTheCacheAreListedBeforeStartReturns) {
  WriteFileAt(temp_ / "book", one_.bytes);
  MakeOld(temp_ / "book");
  disk_ = std::make_unique<PeerDisk>(temp_.path());
  const FakeBook planted = PlantInCache("book");
  Must(library().Load());
  Must(disk_->scanner->Start());
  ASSERT_TRUE(library().FindPath("book").has_value());
  EXPECT_EQ(library().FindPath("book")->record.content, planted.id) << "it was hashed";
}

TEST_F(FolderScannerTest, NoticesChangesFromBeforeItsStart) {
  for (const char* name : {"kept", "changed", "deleted", "renamed"}) {
    WriteFileAt(temp_ / name, FakeBook::OfSize(100, name[0]).bytes);
  }
  Start();
  ASSERT_TRUE(AwaitAllSeen());
  const uint64_t kept = library().FindPath("kept")->record.number;
  Stop();
  ::unlink((temp_ / "marker 1").c_str());
  WriteFileAt(temp_ / "changed", two_.bytes);
  ::unlink((temp_ / "deleted").c_str());
  ASSERT_EQ(::rename((temp_ / "renamed").c_str(), (temp_ / "renamed since").c_str()), 0);
  WriteFileAt(temp_ / "new", one_.bytes);
  Start();
  // Old listings are not announced, even before the new content is hashed.
  for (const BookListing& listing : library().feed().Start()) {
    EXPECT_THAT(listing.name.value(), testing::AnyOf("kept", "renamed since", "changed", "new"));
    EXPECT_TRUE(listing.name.value() != "changed" || listing.content == two_.id);
  }
  ASSERT_TRUE(AwaitBook("changed", two_));
  ASSERT_TRUE(AwaitBook("new", one_));
  ASSERT_TRUE(AwaitBook("renamed since", FakeBook::OfSize(100, 'r')));
  EXPECT_THAT(Books(), ElementsAre("changed", "kept", "new", "renamed since"));
  EXPECT_EQ(library().FindPath("kept")->record.number, kept);
}

TEST_F(FolderScannerTest, AClaimedPathWaitsForItsHolder) {
  Start();
  library().ClaimPath("book");
  WriteFileAt(temp_ / "book", one_.bytes);
  ASSERT_TRUE(AwaitAllSeen());
  EXPECT_FALSE(library().FindPath("book").has_value());
  library().UnclaimPath("book");
  EXPECT_TRUE(AwaitBook("book", one_));
}

TEST_F(FolderScannerTest, StopsWithWorkLeft) {
  for (int i = 0; i < 50; ++i) WriteFileAt(temp_ / absl::StrCat(i), one_.bytes);
  Start();
  Stop();
  Start();
  EXPECT_TRUE(AwaitAllSeen());
  EXPECT_EQ(library().GetTotals().books, 51U);
}

TEST_F(FolderScannerTest, AHugeFileKeepsNothingWaiting) {
  WriteFileAt(temp_ / "deleted", one_.bytes);
  Start();
  ASSERT_TRUE(AwaitBook("deleted", one_));
  WriteFileAt(temp_ / "huge", "");
  // Hashing this hole takes longer than all tests together.
  ASSERT_EQ(::truncate((temp_ / "huge").c_str(), off_t{1} << 42), 0);
  WriteFileAt(temp_ / "small", two_.bytes);
  ::unlink((temp_ / "deleted").c_str());
  EXPECT_TRUE(AwaitBook("small", two_));
  EXPECT_TRUE(AwaitGone("deleted"));
  Stop();  // in the middle of the file
}

TEST_F(FolderScannerTest, ManyFilesComeAndGoTogether) {
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) {
    WriteFileAt(temp_ / absl::StrCat("folder ", i % 10, "/", i), absl::StrCat(i));
  }
  Start();
  ASSERT_TRUE(Await([&] { return library().GetTotals().books == kFiles; }));
  // The folder went with all that was in it.
  ASSERT_EQ(::rename((temp_ / "folder 3").c_str(), (temp_ / ".hidden").c_str()), 0);
  ASSERT_TRUE(Await([&] { return library().GetTotals().books == kFiles - kFiles / 10; }));
  EXPECT_EQ(library().GetTotals().pending, 0U);
}

TEST_F(FolderScannerTest, TwoThreadsThatExamineOneFileListItOnce) {
  WriteFileAt(temp_ / "book", FakeBook::OfSize(3 << 20).bytes);
  MakeOld(temp_ / "book");
  disk_ = std::make_unique<PeerDisk>(temp_.path());
  Must(library().Load());
  const auto examine = [&] {
    disk_->scanner->Examine("book");
    EXPECT_TRUE(library().FindPath("book").has_value()) << "listed when Examine returns";
  };
  std::thread a(examine);
  std::thread b(examine);
  a.join();
  b.join();
  EXPECT_EQ(library().feed().Next(absl::ZeroDuration(), 10).size(), 1U);
}

// Where times have whole seconds, two saves of one second leave the same identity.
TEST(CoarseTimesTest, TheSecondSaveOfASecondIsNoticed) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> small = SmallDisk::MountWithWholeSeconds();
  if (!small.ok()) GTEST_SKIP() << small.status().message();
  const FakeBook first = FakeBook::OfSize(1000, 1);
  const FakeBook second = FakeBook::OfSize(1000, 2);
  PeerDisk disk((*small)->path());
  EXPECT_GE(disk.folder->traits().grain, absl::Seconds(1));
  Must(disk.library->Load());
  WriteFileAt(disk.PathOf("book"), first.bytes);
  disk.scanner->Examine("book");  // waits until the second is over
  EXPECT_EQ(disk.library->FindPath("book")->record.content, first.id);
  WriteFileAt(disk.PathOf("book"), second.bytes);
  disk.scanner->Examine("book");
  EXPECT_EQ(disk.library->FindPath("book")->record.content, second.id);
}

}  // namespace
}  // namespace arkshare
