#include "services/peer/library/file_examiner.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <limits.h>

#include "lib/core/book_name.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

// The grain of mtime, which is the kernel's tick. A file that was written more recently than this
// may be written again without a new mtime.
constexpr absl::Duration kTimeGrain = absl::Milliseconds(20);

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
    : folder_(folder), cache_(cache), library_(library), clock_(clock) {}

FileExaminer::Result FileExaminer::Look(const std::string& path,
                                        const absl::StatusOr<FileHash>* hashed) {
  if (library_->Claimed(path))
    return {};  // its holder requests another look at the end of the claim
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
    return NotShared(path, 0, UnreadableFolder(path, opened));
  }
  if (stat->kind != FileKind::kRegular) {
    return NotShared(path, stat->identity.size, UnsharedReason(stat->kind));
  }
  return LookAtFile(path, *stat, hashed);
}

FileExaminer::Result FileExaminer::LookAtFile(const std::string& path, const FileStat& stat,
                                              const absl::StatusOr<FileHash>* hashed) {
  const uint64_t size = stat.identity.size;
  const absl::StatusOr<BookName> name = BookName::Parse(path);
  if (!name.ok()) return NotShared(path, size, std::string(name.status().message()));
  if (library_->FollowUnshared(path, stat)) return NotShared(path, size, "unshared by its owner");

  const std::optional<Book> known = library_->FindPath(path);
  if (known && known->record.identity == stat.identity) {
    const absl::Status opened = folder_->OpenFile(path).status();
    const bool readable = opened.ok() || IsNoBook(opened);
    if (!readable) LogUnreadable(path, opened);
    library_->Confirm(path, stat.links > 1, readable ? "" : CannotBeRead(opened));
    return {};
  }
  std::optional<ContentId> content;
  if (hashed != nullptr && hashed->ok() && (*hashed)->stat.identity == stat.identity) {
    content = (*hashed)->hashed.id;
  } else {
    content = cache_->FindContent(stat.identity);
  }
  if (content) {
    Result result;
    result.finding = Finding{
        .path = path,
        .book =
            ListingRecord{
                .name = *name, .path = path, .content = *content, .identity = stat.identity},
        .lend_only = stat.links > 1};
    return result;
  }
  if (hashed != nullptr && !hashed->ok() && !absl::IsFailedPrecondition(hashed->status()) &&
      !absl::IsNotFound(hashed->status()) && !absl::IsCancelled(hashed->status())) {
    LogUnreadable(path, hashed->status());
    return NotShared(path, size, CannotBeRead(hashed->status()));
  }
  Result result = NotShared(path, size, "");
  // The old listing is wrong already, before the new content is known.
  result.finding->ended = ListingRecord::State::kChanged;
  result.size = size;
  const absl::Duration age = clock_->Now() - absl::FromUnixNanos(stat.identity.mtime_ns);
  if (age >= absl::ZeroDuration() && age < kTimeGrain) {
    result.again = kTimeGrain - age;
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
