#include "services/peer/library/file_examiner.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <limits.h>

#include "lib/core/book_name.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

std::string UnsharedReason(FileKind kind) {
  switch (kind) {
    case FileKind::kSymlink:
      return "a symbolic link; only the files themselves are shared";
    case FileKind::kOtherFileSystem:
      return "on another file system than the shared folder; move it there to share it";
    default:
      return "not a regular file";
  }
}

// Returns true when the path has no book: it has no file, or a symlink or a file is on the way. Any
// other error says nothing about the book.
bool IsNoBook(const absl::Status& stat) {
  return absl::IsNotFound(stat) || absl::IsInvalidArgument(stat);
}

// Returns the folder of a path with a slash at the end; "" for the shared folder itself.
std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::string CannotBeRead(const absl::Status& why) {
  return absl::StrCat("cannot be read: ", why.message());
}

FileExaminer::Result NoBook(const std::string& path) { return {.finding = Finding{.path = path}}; }

FileExaminer::Result NotShared(const std::string& path, uint64_t size, std::string reason) {
  return {.finding = Finding{.path = path, .unlisted = Finding::Unlisted{size, std::move(reason)}}};
}

}  // namespace

std::string UnreadableFolder(const std::string& path, const absl::Status& why) {
  if (path.size() >= PATH_MAX) {
    return absl::StrCat("a folder whose path is longer than the ", PATH_MAX - 1,
                        " bytes that the system allows; shorten the names of the folders above it");
  }
  return absl::StrCat("a folder that cannot be read: ", why.message(),
                      "; allow the user of the peer to read it");
}

FileExaminer::FileExaminer(const SharedFolder* folder, HashCache* cache, Library* library,
                           const Clock* clock)
    : folder_(folder),
      cache_(cache),
      library_(library),
      clock_(clock),
      lend_reasons_(folder, clock) {}

FileExaminer::Result FileExaminer::Look(const std::string& path,
                                        const absl::StatusOr<FileHash>* hashed,
                                        LendReasons::Depth lending) {
  // Its holder requests another look at the end of the claim.
  if (library_->Claimed(path)) return {};
  const absl::StatusOr<FileStat> stat = folder_->Stat(path);
  if (!stat.ok() && !IsNoBook(stat.status())) {
    KeepUnreadable(path, stat.status());
    return {};
  }
  {
    MutexLock lock(&mutex_);
    unreadable_.erase(path);
  }
  if (!stat.ok()) return NoBook(path);
  if (stat->kind == FileKind::kFolder) {
    const absl::Status opened = folder_->OpenFolder(path).status();
    if (opened.ok() || absl::IsNotFound(opened)) return NoBook(path);
    LogUnreadable(path, opened);
    return NotShared(path, 0, UnreadableFolder(path, opened));
  }
  if (stat->kind != FileKind::kRegular) {
    return NotShared(path, stat->identity.size, UnsharedReason(stat->kind));
  }
  return LookAtFile(path, *stat, hashed, lending);
}

std::vector<std::string> FileExaminer::Confirm(absl::Span<const Library::SeenFile> files) {
  const std::vector<std::optional<std::string>> reasons = library_->ConfirmAll(files);
  std::vector<std::string> others;
  for (size_t i = 0; i < files.size(); ++i) {
    if (reasons[i]) {
      NoteLending(files[i].path, *reasons[i], LendReasons::Depth::kFolder);
    } else {
      others.push_back(files[i].path);
    }
  }
  return others;
}

void FileExaminer::NoteLending(const std::string& path, const std::string& known,
                               LendReasons::Depth depth) {
  // A reason that lies in the file itself is looked for again.
  if (!known.empty()) depth = LendReasons::Depth::kFile;
  const std::string reason = lend_reasons_.Find(path, depth);
  if (reason != known) library_->SetLendReason(path, reason);
}

FileExaminer::Result FileExaminer::LookAtFile(const std::string& path, const FileStat& stat,
                                              const absl::StatusOr<FileHash>* hashed,
                                              LendReasons::Depth lending) {
  const uint64_t size = stat.identity.size;
  const absl::StatusOr<BookName> name = BookName::Parse(path);
  if (!name.ok()) return NotShared(path, size, std::string(name.status().message()));
  if (library_->unshared().Follow(path, stat))
    return NotShared(path, size, "unshared by its owner");

  const std::optional<Book> known = library_->FindPath(path);
  if (known && known->record.identity == stat.identity) {
    const absl::Status opened = folder_->OpenFile(path).status();
    const bool readable = opened.ok() || IsNoBook(opened);
    if (!readable) LogUnreadable(path, opened);
    library_->Confirm(path, stat.links > 1, readable ? "" : CannotBeRead(opened));
    NoteLending(path, known->lend_reason, lending);
    return {};
  }
  std::optional<ContentId> content;
  if (hashed != nullptr && hashed->ok() && (*hashed)->stat.identity == stat.identity) {
    content = (*hashed)->hashed.id;
  } else {
    content = cache_->FindContent(stat.identity);
  }
  const bool touched = known && SameButCtime(known->record.identity, stat.identity);
  if (content) {
    Result result;
    result.finding = Finding{
        .path = path,
        .book =
            ListingRecord{
                .name = *name, .path = path, .content = *content, .identity = stat.identity},
        .lend_only = stat.links > 1,
        .lend_reason = lend_reasons_.Find(path, lending)};
    return result;
  }
  if (hashed != nullptr && !hashed->ok() && !absl::IsFailedPrecondition(hashed->status()) &&
      !absl::IsNotFound(hashed->status()) && !absl::IsCancelled(hashed->status())) {
    if (touched) {
      KeepUnreadable(path, hashed->status());
      return {};
    }
    LogUnreadable(path, hashed->status());
    return NotShared(path, size, CannotBeRead(hashed->status()));
  }
  Result result;
  // Touched, linked, renamed, or changed by a program that has put the mtime back: the book is
  // served until its bytes are known, because its receivers check them.
  if (!touched) {
    // Otherwise the old listing is wrong already, before the new content is known.
    result = NotShared(path, size, "");
    result.finding->ended = ListingRecord::State::kChanged;
  }
  result.size = size;
  // A hash that is taken too early may be that of other bytes with the same identity.
  const absl::Duration young = folder_->traits().UntilSettled(stat.identity, clock_->Now());
  if (young > absl::ZeroDuration()) {
    result.again = young;
  } else {
    result.hash = true;
  }
  return result;
}

void FileExaminer::KeepUnreadable(const std::string& path, const absl::Status& why) {
  LogUnreadable(path, why);
  if (const std::optional<Book> known = library_->FindPath(path)) {
    library_->Confirm(path, known->lend_only, CannotBeRead(why));
    return;
  }
  const std::optional<LibraryItem> item = library_->FindUnlisted(path);
  library_->NoteUnshared(path, item ? item->size : 0, CannotBeRead(why));
}

void FileExaminer::LogUnreadable(const std::string& path, const absl::Status& why) {
  const std::string folder = FolderOf(path);
  {
    MutexLock lock(&mutex_);
    const auto other = unreadable_.lower_bound(folder);
    const bool told = other != unreadable_.end() && absl::StartsWith(*other, folder);
    unreadable_.insert(path);
    if (told) return;
  }
  LogWarning("not_readable",
             {{"book", path},
              {"why", why},
              {"hint", "what is listed stays listed; make it readable, or delete it"}});
}

}  // namespace arkshare
