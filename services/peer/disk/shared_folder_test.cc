#include "services/peer/disk/shared_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <set>

#include "services/peer/disk/beneath.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/small_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

void FailOnUnreadable(const std::string& path, const absl::Status& why) {
  ADD_FAILURE() << path << ": " << why;
}

// Runs each test twice: through openat2, and part by part.
class SharedFolderTest : public testing::TestWithParam<bool> {
 protected:
  SharedFolderTest() {
    DisableOpenat2ForTest(GetParam());
    folder_ = Must(SharedFolder::Open(temp_.path()));
  }
  ~SharedFolderTest() override { DisableOpenat2ForTest(false); }

  std::string State(absl::string_view name) const { return folder_->StatePath(name); }
  void Link(const std::string& to, const std::string& at) {
    ASSERT_EQ(::symlink(to.c_str(), (temp_ / at).c_str()), 0);
  }
  SharedFolder::HiddenFile HideBook(const std::string& path) {
    const SharedFolder::HiddenFile hidden{TransferId::Random(), 7};
    Must(folder_->Hide(path, hidden));
    folder_->SyncHidden({path});
    return hidden;
  }
  TransferId Stage(const std::string& bytes) {
    const TransferId id = TransferId::Random();
    const UniqueFd fd = Must(folder_->CreateStaging(id, bytes.size()));
    Must(WriteFully(fd.get(), 0, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    folder_->SyncStaged({fd.get()}, {});
    return id;
  }

  TempFolder temp_;
  std::unique_ptr<SharedFolder> folder_;
};

INSTANTIATE_TEST_SUITE_P(Ways, SharedFolderTest, testing::Bool(), [](const auto& info) {
  return info.param ? std::string("PartByPart") : std::string("Openat2");
});

// --- Opening ---

TEST_P(SharedFolderTest, OnePeerAtATimeHasAFolder) {
  const absl::Status second = SharedFolder::Open(temp_.path()).status();
  EXPECT_TRUE(absl::IsAlreadyExists(second));
  EXPECT_THAT(Message(second), HasSubstr("another peer already shares"));
  // Nor by another name of the same folder.
  EXPECT_TRUE(absl::IsAlreadyExists(SharedFolder::Open(temp_.path() + "/.").status()));
  folder_.reset();
  EXPECT_TRUE(SharedFolder::Open(temp_.path()).ok());
}

TEST_P(SharedFolderTest, AnotherProcessKeepsItsFolderUntilItDies) {
  folder_.reset();
  int locked[2];
  ASSERT_EQ(::pipe2(locked, O_CLOEXEC), 0);
  const std::string lock = temp_ / ".arkshare/lock";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int fd = ::open(lock.c_str(), O_RDWR);
    const char told = fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 'y' : 'n';
    if (::write(locked[1], &told, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(locked[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  EXPECT_TRUE(absl::IsAlreadyExists(SharedFolder::Open(temp_.path()).status()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(SharedFolder::Open(temp_.path()).ok());
  ::close(locked[0]);
  ::close(locked[1]);
}

TEST_P(SharedFolderTest, SaysWhatIsWrongWithAFolder) {
  const absl::Status missing = SharedFolder::Open(temp_ / "none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(Message(missing), HasSubstr("create it or give another with --share"));
  EXPECT_TRUE(absl::IsNotFound(SharedFolder::Open("").status()));

  WriteFileAt(temp_ / "file", "");
  EXPECT_TRUE(absl::IsInvalidArgument(SharedFolder::Open(temp_ / "file").status()));

  // A symlink cannot lead its state elsewhere.
  TempFolder other;
  TempFolder elsewhere;
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), (other / ".arkshare").c_str()), 0);
  const absl::Status led_away = SharedFolder::Open(other.path()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(led_away));
  EXPECT_THAT(Message(led_away), HasSubstr("cannot keep state"));
  EXPECT_THAT(NamesIn(elsewhere.path()), IsEmpty());
}

// Root may read every folder, so these cases run as a user that owns nothing.
class UnprivilegedUser {
 public:
  UnprivilegedUser() : changed_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~UnprivilegedUser() {
    if (changed_ && ::seteuid(0) != 0) ::abort();
  }
  bool powerless() const { return ::geteuid() != 0; }

 private:
  const bool changed_;
};

TEST_P(SharedFolderTest, SaysWhichPermissionIsMissing) {
  TempFolder read_only;
  ASSERT_EQ(::chmod(read_only.path().c_str(), 0555), 0);
  TempFolder closed;
  ASSERT_EQ(::chmod(closed.path().c_str(), 0000), 0);
  const UnprivilegedUser user;
  if (!user.powerless()) GTEST_SKIP() << "cannot stop being root";
  const absl::Status unwritable = SharedFolder::Open(read_only.path()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(unwritable)) << unwritable;
  EXPECT_THAT(Message(unwritable), HasSubstr("must be allowed to write"));
  const absl::Status unreadable = SharedFolder::Open(closed.path()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(unreadable)) << unreadable;
  EXPECT_THAT(Message(unreadable), HasSubstr("cannot be read"));
}

// --- The key ---

TEST_P(SharedFolderTest, TheKeyIsDrawnOnce) {
  const PrivateKey key = Must(folder_->LoadOrCreateKey());
  EXPECT_EQ(Must(folder_->LoadOrCreateKey()).seed(), key.seed());
  folder_.reset();
  folder_ = Must(SharedFolder::Open(temp_.path()));
  EXPECT_EQ(Must(folder_->LoadOrCreateKey()).seed(), key.seed());

  struct stat st;
  ASSERT_EQ(::stat(State("key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  EXPECT_FALSE(Exists(State("key.new")));
  TempFolder other;
  EXPECT_NE(Must(Must(SharedFolder::Open(other.path()))->LoadOrCreateKey()).seed(), key.seed());
}

TEST_P(SharedFolderTest, ADamagedKeyIsNotReplaced) {
  for (const std::string& bytes : {std::string(), std::string(31, 'k'), std::string(33, 'k')}) {
    WriteFileAt(State("key"), bytes);
    const absl::Status status = folder_->LoadOrCreateKey().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(Message(status), HasSubstr("restore it from a backup"));
    EXPECT_EQ(ReadFileAt(State("key")), bytes);
  }
}

TEST_P(SharedFolderTest, AKeyThatWasHalfWrittenIsDrawnAgain) {
  WriteFileAt(State("key.new"), "half a k");
  const PrivateKey key = Must(folder_->LoadOrCreateKey());
  EXPECT_EQ(ReadFileAt(State("key")), key.seed());
}

// --- Looking ---

TEST_P(SharedFolderTest, StatTellsKindsApart) {
  WriteFileAt(temp_ / "sub/book", "12345");
  Link("sub/book", "link");
  ASSERT_EQ(::mkfifo((temp_ / "fifo").c_str(), 0600), 0);
  const FileStat book = Must(folder_->Stat("sub/book"));
  EXPECT_EQ(book.kind, FileKind::kRegular);
  EXPECT_EQ(book.identity.size, 5U);
  EXPECT_EQ(book.links, 1U);
  EXPECT_EQ(Must(folder_->Stat("sub")).kind, FileKind::kFolder);
  EXPECT_EQ(Must(folder_->Stat("link")).kind, FileKind::kSymlink);
  EXPECT_EQ(Must(folder_->Stat("fifo")).kind, FileKind::kOther);
  EXPECT_TRUE(absl::IsNotFound(folder_->Stat("none").status()));
}

TEST_P(SharedFolderTest, StatAndOpenDoNotLeaveTheFolder) {
  TempFolder outside;
  WriteFileAt(outside / "secret", "secret");
  Link(outside.path(), "way");
  WriteFileAt(temp_ / "book", "book");
  for (const char* path : {"..", ".", "", "../x", "sub/..", "/etc/passwd", "/", "way/secret",
                           "way/", "book/.", "book/.."}) {
    SCOPED_TRACE(path);
    EXPECT_FALSE(folder_->Stat(path).ok());
    EXPECT_FALSE(folder_->OpenFile(path).ok());
    EXPECT_FALSE(folder_->Hide(path, {TransferId::Random(), 1}).ok());
    EXPECT_FALSE(folder_->Admit(Stage("x"), path).ok());
  }
  EXPECT_EQ(ReadFileAt(temp_ / "book"), "book");
  EXPECT_THAT(NamesIn(outside.path()), ElementsAre("secret"));
}

TEST_P(SharedFolderTest, OpensRegularFilesOnly) {
  WriteFileAt(temp_ / "sub/book", "12345");
  ASSERT_EQ(::mkfifo((temp_ / "fifo").c_str(), 0600), 0);
  Link("sub/book", "link");
  EXPECT_EQ(Must(folder_->OpenFile("sub/book")).stat.identity,
            Must(folder_->Stat("sub/book")).identity);
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->OpenFile("sub").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->OpenFile("fifo").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->OpenFile("link").status()));
  EXPECT_TRUE(absl::IsNotFound(folder_->OpenFile("none").status()));
}

TEST_P(SharedFolderTest, WalkSeesAllButDotFiles) {
  WriteFileAt(temp_ / "a", "");
  WriteFileAt(temp_ / "sub/b", "");
  WriteFileAt(temp_ / "sub/deep/c", "");
  WriteFileAt(temp_ / "sub/.hidden", "");
  WriteFileAt(temp_ / ".secret/d", "");
  WriteFileAt(temp_ / "\xff\xfe", "");  // not UTF-8: the caller's to judge
  Link("sub", "link");
  std::map<std::string, FileKind> seen;
  const auto entry = [&](const std::string& path, const FileStat& stat) {
    const size_t slash = path.rfind('/');
    if (slash != std::string::npos) {
      EXPECT_TRUE(seen.contains(path.substr(0, slash))) << path << " before its folder";
    }
    EXPECT_TRUE(seen.emplace(path, stat.kind).second) << path << " twice";
    return true;
  };
  EXPECT_TRUE(folder_->Walk("", {entry, FailOnUnreadable}));
  EXPECT_THAT(seen, UnorderedElementsAre(
                        Pair("a", FileKind::kRegular), Pair("sub", FileKind::kFolder),
                        Pair("sub/b", FileKind::kRegular), Pair("sub/deep", FileKind::kFolder),
                        Pair("sub/deep/c", FileKind::kRegular),
                        Pair("\xff\xfe", FileKind::kRegular), Pair("link", FileKind::kSymlink)));
}

TEST_P(SharedFolderTest, AWalkEndsWhenItsVisitorSaysSo) {
  WriteFileAt(temp_ / "sub/a", "");
  WriteFileAt(temp_ / "sub/deep/b", "");
  WriteFileAt(temp_ / "other/c", "");
  std::set<std::string> seen;
  const auto entry = [&](const std::string& path, const FileStat&) {
    seen.insert(path);
    return seen.size() < 2;
  };
  EXPECT_TRUE(folder_->Walk("sub/deep", {entry, FailOnUnreadable}));
  EXPECT_THAT(seen, ElementsAre("sub/deep/b"));
  EXPECT_FALSE(folder_->Walk("", {entry, FailOnUnreadable}));
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_TRUE(folder_->Walk("never", {entry, FailOnUnreadable}));
}

TEST_P(SharedFolderTest, AFolderThatIsNotInItsPlaceIsNoticed) {
  TempFolder other;
  Must(folder_->CheckInPlace());
  const std::string away = temp_.path() + ".away";
  ASSERT_EQ(::rename(temp_.path().c_str(), away.c_str()), 0);
  EXPECT_THAT(Message(folder_->CheckInPlace()), HasSubstr("is gone"));
  ASSERT_EQ(::symlink(other.path().c_str(), temp_.path().c_str()), 0);
  EXPECT_THAT(Message(folder_->CheckInPlace()), HasSubstr("was replaced"));
  ASSERT_EQ(::unlink(temp_.path().c_str()), 0);
  ASSERT_EQ(::rename(away.c_str(), temp_.path().c_str()), 0);
  Must(folder_->CheckInPlace());
  ASSERT_EQ(::rename(State("").c_str(), (temp_ / "state").c_str()), 0);
  EXPECT_THAT(Message(folder_->CheckInPlace()), HasSubstr(".arkshare was removed"));
}

TEST_P(SharedFolderTest, AMarkFollowsAFileAndNoOther) {
  WriteFileAt(temp_ / "a", "bytes");
  const FileMark mark = Must(folder_->Mark("a"));
  WriteFileAt(temp_ / "a", "other bytes");
  ASSERT_EQ(::rename((temp_ / "a").c_str(), (temp_ / "b").c_str()), 0);
  EXPECT_EQ(Must(folder_->Mark("b")), mark);
  WriteFileAt(temp_ / "a", "bytes");
  EXPECT_NE(Must(folder_->Mark("a")), mark);
  EXPECT_TRUE(absl::IsNotFound(folder_->Mark("c").status()));
}

TEST_P(SharedFolderTest, OtherFileSystemsAreNotEntered) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(1 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  WriteFileAt((*disk)->path() + "/book", "elsewhere");
  const std::string inside = temp_ / "mounted";
  ASSERT_EQ(::mkdir(inside.c_str(), 0700), 0);
  ASSERT_EQ(::mount((*disk)->path().c_str(), inside.c_str(), nullptr, MS_BIND, nullptr), 0);
  std::map<std::string, FileKind> seen;
  const auto entry = [&](const std::string& path, const FileStat& stat) {
    seen[path] = stat.kind;
    return true;
  };
  EXPECT_TRUE(folder_->Walk("", {entry, FailOnUnreadable}));
  EXPECT_THAT(seen, ElementsAre(Pair("mounted", FileKind::kOtherFileSystem)));
  EXPECT_EQ(Must(folder_->Stat("mounted/book")).kind, FileKind::kOtherFileSystem);
  // A rename cannot take a book out of another file system.
  EXPECT_TRUE(
      absl::IsInvalidArgument(folder_->Hide("mounted/book", {TransferId::Random(), 1}).status()));
  ASSERT_EQ(::umount(inside.c_str()), 0);
}

TEST_P(SharedFolderTest, ReadFullyEndsWithTheFile) {
  WriteFileAt(temp_ / "book", "12345");
  const SharedFolder::OpenedFile file = Must(folder_->OpenFile("book"));
  uint8_t bytes[6];
  EXPECT_TRUE(ReadFully(file.fd.get(), 2, bytes, 3).ok());
  EXPECT_EQ(std::string(bytes, bytes + 3), "345");
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadFully(file.fd.get(), 2, bytes, 4)));
  EXPECT_TRUE(ReadFully(file.fd.get(), 5, bytes, 0).ok());
}

// --- Receiving ---

TEST_P(SharedFolderTest, AdmitBringsAStagedFileIntoTheLibrary) {
  const TransferId id = Stage("a book");
  EXPECT_THAT(folder_->ListStaging(), ElementsAre(id));
  const FileIdentity staged = Must(folder_->StatStaging(id)).identity;
  Must(folder_->Admit(id, "new/folder/book"));
  EXPECT_EQ(ReadFileAt(temp_ / "new/folder/book"), "a book");
  EXPECT_TRUE(SameButCtime(Must(folder_->Stat("new/folder/book")).identity, staged));
  EXPECT_THAT(folder_->ListStaging(), IsEmpty());
  folder_->SyncAdmitted({"new/folder/book", "gone/since/book"});
  EXPECT_TRUE(absl::IsNotFound(folder_->Admit(id, "again")));
  EXPECT_FALSE(Exists(temp_ / "again"));
}

TEST_P(SharedFolderTest, AdmitNeverReplaces) {
  const TransferId id = Stage("new");
  WriteFileAt(temp_ / "book", "old");
  WriteFileAt(temp_ / "folder/x", "");
  Link("nowhere", "link");
  EXPECT_TRUE(absl::IsAlreadyExists(folder_->Admit(id, "book")));
  EXPECT_TRUE(absl::IsAlreadyExists(folder_->Admit(id, "folder")));
  EXPECT_TRUE(absl::IsAlreadyExists(folder_->Admit(id, "link")));
  // A file where a folder is needed.
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->Admit(id, "book/x")));
  EXPECT_EQ(ReadFileAt(temp_ / "book"), "old");
  EXPECT_THAT(folder_->ListStaging(), ElementsAre(id));
}

TEST_P(SharedFolderTest, AdmitDoesNotLeaveByASymlink) {
  TempFolder outside;
  Link(outside.path(), "way");
  const TransferId id = Stage("book");
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->Admit(id, "way/book")));
  EXPECT_TRUE(absl::IsInvalidArgument(folder_->Admit(id, "way/new/book")));
  EXPECT_THAT(NamesIn(outside.path()), IsEmpty());
}

TEST_P(SharedFolderTest, CreateStagingReplacesALeftOver) {
  const TransferId id = Stage("left over from a crash");
  const UniqueFd fd = Must(folder_->CreateStaging(id, 4));
  // The file is empty, or has room made for it.
  EXPECT_THAT(ReadFileAt(State("staging/" + id.hex())), AnyOf(std::string(4, '\0'), ""));
  Must(folder_->RemoveStaging(id));
  Must(folder_->RemoveStaging(id));
  EXPECT_THAT(folder_->ListStaging(), IsEmpty());
  EXPECT_EQ(Must(StatFd(Must(folder_->CreateStaging(id, 0)).get())).identity.size, 0U);
}

TEST_P(SharedFolderTest, OnlyTransfersAreListedInStaging) {
  WriteFileAt(State("staging/readme"), "");
  WriteFileAt(State("staging/00"), "");
  const TransferId id = Stage("x");
  EXPECT_THAT(folder_->ListStaging(), ElementsAre(id));
}

constexpr auto kGoOn = [](uint64_t) { return true; };

TEST_P(SharedFolderTest, ACopyThatIsEndedLeavesNothing) {
  WriteFileAt(temp_ / "outside", std::string(3 * 1024 * 1024, 'x'));
  UniqueFd from(::open((temp_ / "outside").c_str(), O_RDONLY | O_CLOEXEC));
  for (const uint64_t end_at : {0, 1024 * 1024}) {
    const TransferId id = TransferId::Random();
    uint64_t last = 0;
    const absl::Status ended = folder_
                                   ->StageCopy(from.get(), id,
                                               [&](uint64_t copied) {
                                                 last = copied;
                                                 return copied < end_at;
                                               })
                                   .status();
    EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
    EXPECT_GE(last, end_at);
    EXPECT_FALSE(folder_->StatStaging(id).ok());
  }
}

TEST_P(SharedFolderTest, StageCopyCopies) {
  TempFolder outside;
  const FakeBook book = FakeBook::OfSize((1 << 20) + 7);
  WriteFileAt(outside / "book", book.bytes);
  const UniqueFd from(::open((outside / "book").c_str(), O_RDONLY | O_CLOEXEC));
  const TransferId id = TransferId::Random();
  const FileStat stat = Must(folder_->StageCopy(from.get(), id, kGoOn));
  EXPECT_EQ(stat.identity.size, book.bytes.size());
  EXPECT_EQ(stat.links, 1U);
  EXPECT_EQ(ReadFileAt(State("staging/" + id.hex())), book.bytes);
  EXPECT_EQ(ReadFileAt(outside / "book"), book.bytes);

  const UniqueFd folder(::open(outside.path().c_str(), O_RDONLY | O_CLOEXEC));
  const TransferId wrong = TransferId::Random();
  EXPECT_FALSE(folder_->StageCopy(folder.get(), wrong, kGoOn).ok());
  EXPECT_TRUE(absl::IsNotFound(folder_->StatStaging(wrong).status()));
}

TEST_P(SharedFolderTest, AFullDiskLeavesNothingInStaging) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(4 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  TempFolder outside;
  WriteFileAt(outside / "book", std::string(5 << 20, 'x'));
  const UniqueFd from(::open((outside / "book").c_str(), O_RDONLY | O_CLOEXEC));
  folder_ = Must(SharedFolder::Open((*disk)->path()));
  EXPECT_TRUE(
      absl::IsResourceExhausted(folder_->CreateStaging(TransferId::Random(), 5 << 20).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      folder_->StageCopy(from.get(), TransferId::Random(), kGoOn).status()));
  EXPECT_THAT(folder_->ListStaging(), IsEmpty());
  // A file that fits can still be made.
  EXPECT_TRUE(folder_->CreateStaging(TransferId::Random(), 1 << 20).ok());
}

// --- Giving away ---

TEST_P(SharedFolderTest, HideAndUnhideKeepTheFile) {
  WriteFileAt(temp_ / "sub/book", "the book");
  const FileIdentity before = Must(folder_->Stat("sub/book")).identity;
  const SharedFolder::HiddenFile hidden{TransferId::Random(), 42};
  EXPECT_TRUE(SameButCtime(Must(folder_->Hide("sub/book", hidden)).identity, before));
  folder_->SyncHidden({"sub/book"});
  EXPECT_FALSE(Exists(temp_ / "sub/book"));
  EXPECT_THAT(folder_->ListHidden(), ElementsAre(hidden));
  EXPECT_TRUE(SameButCtime(Must(folder_->StatHidden(hidden)).identity, before));
  EXPECT_EQ(Must(folder_->OpenHidden(hidden)).stat.identity,
            Must(folder_->StatHidden(hidden)).identity);
  EXPECT_TRUE(absl::IsNotFound(folder_->Hide("sub/book", hidden).status()));

  Must(folder_->Unhide(hidden, "sub/book"));
  EXPECT_TRUE(SameButCtime(Must(folder_->Stat("sub/book")).identity, before));
  EXPECT_THAT(folder_->ListHidden(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(folder_->Unhide(hidden, "sub/book")));
}

TEST_P(SharedFolderTest, HideAndUnhideReplaceNothing) {
  WriteFileAt(temp_ / "book", "first");
  const SharedFolder::HiddenFile hidden = HideBook("book");
  WriteFileAt(temp_ / "book", "second");
  EXPECT_TRUE(absl::IsAlreadyExists(folder_->Hide("book", hidden).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(folder_->Unhide(hidden, "book")));
  EXPECT_EQ(ReadFileAt(temp_ / "book"), "second");
  Must(folder_->Unhide(hidden, "new/place/book"));
  EXPECT_EQ(ReadFileAt(temp_ / "new/place/book"), "first");
}

TEST_P(SharedFolderTest, AHiddenFileOutlivesItsFolder) {
  WriteFileAt(temp_ / "sub/book", "the book");
  const SharedFolder::HiddenFile hidden{TransferId::Random(), 1};
  Must(folder_->Hide("sub/book", hidden));
  ASSERT_EQ(::rmdir((temp_ / "sub").c_str()), 0);
  folder_->SyncHidden({"sub/book"});
  Must(folder_->Unhide(hidden, "sub/book"));
  EXPECT_EQ(ReadFileAt(temp_ / "sub/book"), "the book");
}

TEST_P(SharedFolderTest, RemoveHiddenMayBeRepeated) {
  WriteFileAt(temp_ / "a", "a");
  WriteFileAt(temp_ / "b", "b");
  const SharedFolder::HiddenFile a = HideBook("a");
  const SharedFolder::HiddenFile b = HideBook("b");
  Must(folder_->RemoveHidden({a}));
  Must(folder_->RemoveHidden({a, b}));
  EXPECT_THAT(folder_->ListHidden(), IsEmpty());
  Must(folder_->RemoveHidden({}));
  EXPECT_TRUE(absl::IsNotFound(folder_->StatHidden(a).status()));
}

TEST_P(SharedFolderTest, OnlyHiddenBooksAreListed) {
  WriteFileAt(temp_ / "a", "a");
  const SharedFolder::HiddenFile hidden = HideBook("a");
  const std::string id = hidden.transfer_id.hex();
  for (const std::string& name :
       {id, id + "-", id + "-x", id + "-1-2", std::string("00-1"), std::string("readme")}) {
    WriteFileAt(State("released/" + name), "");
  }
  EXPECT_THAT(folder_->ListHidden(), ElementsAre(hidden));
}

TEST_P(SharedFolderTest, TheReserveIsGivenUpOnce) {
  EXPECT_TRUE(Exists(State("reserve")));
  EXPECT_TRUE(folder_->FreeReserve());
  EXPECT_FALSE(folder_->FreeReserve());
  folder_->RestoreReserve();
  EXPECT_TRUE(folder_->FreeReserve());
  folder_.reset();
  folder_ = Must(SharedFolder::Open(temp_.path()));
  EXPECT_TRUE(folder_->FreeReserve());
}

TEST_P(SharedFolderTest, TheReserveIsMadeWhenThereIsRoomForIt) {
  absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(3 << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.status().message();
  folder_ = Must(SharedFolder::Open((*disk)->path()));
  (*disk)->Fill();
  EXPECT_TRUE(folder_->FreeReserve());
  Stage(std::string(1 << 20, 'x'));
  folder_->RestoreReserve();
  EXPECT_FALSE(folder_->FreeReserve());
  (*disk)->MakeRoom();
  folder_->RestoreReserve();
  EXPECT_TRUE(folder_->FreeReserve());
}

TEST_P(SharedFolderTest, HalfAReserveIsMadeWhole) {
  folder_.reset();
  WriteFileAt(temp_ / ".arkshare/reserve", "");  // as after a crash between making and filling it
  folder_ = Must(SharedFolder::Open(temp_.path()));
  struct stat st;
  ASSERT_EQ(::stat(State("reserve").c_str(), &st), 0);
  EXPECT_EQ(st.st_size, 1 << 20);
}

}  // namespace
}  // namespace arkshare
