#include "services/peer/library/folder_scanner.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(1);
constexpr absl::Duration kRescanEvery = absl::Seconds(60);
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                             IN_MODIFY | IN_ATTRIB | IN_ONLYDIR | IN_EXCL_UNLINK;

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

}  // namespace

FolderScanner::FolderScanner(const SharedFolder* folder, HashCache* cache, Library* library,
                             const Clock* clock)
    : folder_(folder),
      cache_(cache),
      library_(library),
      clock_(clock),
      lend_reasons_(folder, clock) {}

FolderScanner::~FolderScanner() { Stop(); }

absl::Status FolderScanner::Start() {
  inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  stop_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  if (!inotify_.valid() || !stop_event_.valid()) {
    LogWarning("inotify_unavailable",
               {{"why", std::strerror(errno)}, {"rescan_every", kRescanEvery}});
  }
  library_->SetExamineRequest([this](const std::string& path) { Request(path); });
  WatchFolder("");
  Rescan(Depth::kCacheOnly);
  watch_thread_ = std::thread([this] { WatchLoop(); });
  examine_thread_ = std::thread([this] { ExamineLoop(); });
  return absl::OkStatus();
}

void FolderScanner::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  changed_.NotifyAll();
  const uint64_t one = 1;
  if (stop_event_.valid() && ::write(stop_event_.get(), &one, sizeof one) < 0) {
    LogError("eventfd_failed", {{"why", std::strerror(errno)}});
  }
  if (watch_thread_.joinable()) watch_thread_.join();
  if (examine_thread_.joinable()) examine_thread_.join();
}

void FolderScanner::Request(const std::string& path) { Schedule(path, absl::ZeroDuration()); }

void FolderScanner::Schedule(const std::string& path, absl::Duration quiet) {
  MutexLock lock(&mutex_);
  ScheduleAt(path, clock_->Monotonic() + quiet);
}

void FolderScanner::ScheduleAt(const std::string& path, absl::Time time) {
  if (const auto it = due_.find(path); it != due_.end()) queue_.erase({it->second, path});
  due_[path] = time;
  queue_.insert({time, path});
  changed_.NotifyAll();
}

void FolderScanner::Examine(const std::string& path) { ExamineNow(path, Depth::kAtOnce); }

void FolderScanner::ExamineNow(const std::string& path, Depth depth) {
  {
    MutexLock lock(&mutex_);
    while (!examining_.insert(path).second) examined_.Wait(&mutex_);
  }
  Look(path, depth);
  MutexLock lock(&mutex_);
  examining_.erase(path);
  examined_.NotifyAll();
}

void FolderScanner::Look(const std::string& path, Depth depth) {
  if (library_->Claimed(path)) return;  // its holder requests another look at the end of the claim
  absl::StatusOr<FileStat> stat = folder_->Stat(path);
  if (!stat.ok() && !IsNoBook(stat.status())) return KeepUnreadable(path, stat.status());
  {
    MutexLock lock(&mutex_);
    unreadable_.erase(path);
  }
  if (!stat.ok() || stat->kind == FileKind::kFolder) {
    if (absl::Status s = library_->Vanish(path, ListingRecord::State::kDeleted); !s.ok()) {
      LogError("not_unlisted", {{"book", path}, {"why", s}});
    }
    return;
  }
  const uint64_t size = stat->identity.size;
  if (stat->kind != FileKind::kRegular) return Unshare(path, size, UnsharedReason(stat->kind));
  absl::StatusOr<BookName> name = BookName::Parse(path);
  if (!name.ok()) return Unshare(path, size, std::string(name.status().message()));
  if (library_->UnsharedByOwner(path)) return Unshare(path, size, "unshared by its owner");

  const std::optional<Book> known = library_->FindPath(path);
  const auto lend_depth =
      depth == Depth::kCacheOnly ? LendReasons::Depth::kFolder : LendReasons::Depth::kFile;
  if (known && known->record.identity == stat->identity) {
    library_->Confirm(path, stat->links > 1);
    NoteLending(*known, lend_depth);
    return;
  }
  std::optional<ContentId> content = cache_->FindContent(stat->identity);
  if (!content) {
    // Touched, linked, renamed, or changed by a program that has put the mtime back: the book is
    // served until its bytes are known, because its receivers check them.
    const bool doubted = known && SameButCtime(known->record.identity, stat->identity);
    // Otherwise the old listing is wrong already, before the new content is known.
    if (known && !doubted) library_->Vanish(path, ListingRecord::State::kChanged).IgnoreError();
    if (!doubted) library_->NotePending(path, size);
    if (depth == Depth::kCacheOnly) return Schedule(path, absl::ZeroDuration());
    std::optional<Hashed> hashed = Hash(path, *stat, depth);
    if (!hashed) return;
    content = hashed->content;
    stat = hashed->stat;
  }
  List({.name = *name, .path = path, .content = *content, .identity = stat->identity},
       stat->links > 1);
  if (const std::optional<Book> listed = library_->FindPath(path)) {
    NoteLending(*listed, lend_depth);
  }
}

void FolderScanner::NoteLending(const Book& book, LendReasons::Depth depth) {
  const std::string& path = book.record.path;
  // A reason that lies in the file itself is looked for again.
  if (!book.lend_reason.empty()) depth = LendReasons::Depth::kFile;
  const std::string reason = lend_reasons_.Find(path, depth);
  if (reason != book.lend_reason) library_->SetLendReason(path, reason);
}

std::optional<FolderScanner::Hashed> FolderScanner::Hash(const std::string& path,
                                                         const FileStat& stat, Depth depth) {
  // A hash that is taken too early may be that of other bytes with the same identity.
  absl::Duration young = folder_->traits().UntilSettled(stat.identity, clock_->Now());
  if (young > absl::ZeroDuration()) {
    if (depth != Depth::kAtOnce) {
      Schedule(path, young);
      return std::nullopt;
    }
    absl::SleepFor(young);
  }
  const auto unreadable = [&](const absl::Status& why) {
    Unshare(path, stat.identity.size, absl::StrCat("cannot be read: ", why.message()));
  };
  absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenFile(path);
  if (!file.ok()) {
    if (absl::IsNotFound(file.status())) {
      Schedule(path, absl::ZeroDuration());
    } else {
      unreadable(file.status());
    }
    return std::nullopt;
  }
  young = folder_->traits().UntilSettled(file->stat.identity, clock_->Now());
  if (young > absl::ZeroDuration()) {
    Schedule(path, young);
    return std::nullopt;
  }
  absl::StatusOr<HashedFile> hashed = HashFile(file->fd.get(), file->stat.identity);
  if (!hashed.ok()) {
    if (absl::IsFailedPrecondition(hashed.status())) {
      Schedule(path, kQuiet);
    } else {
      unreadable(hashed.status());
    }
    return std::nullopt;
  }
  cache_->Remember(file->stat.identity, hashed->id, hashed->pieces);
  return Hashed{hashed->id, file->stat};
}

void FolderScanner::List(ListingRecord record, bool lend_only) {
  const std::string path = record.path;
  const uint64_t size = record.content.size;
  if (absl::Status s = library_->Appear(std::move(record), lend_only); !s.ok()) {
    LogError("not_listed", {{"book", path}, {"why", s}});
    Schedule(path, kRescanEvery);
    return;
  }
  LogDebug("listed", {{"book", path}, {"bytes", size}});
}

void FolderScanner::Unshare(const std::string& path, uint64_t size, const std::string& reason) {
  library_->Vanish(path, ListingRecord::State::kDeleted).IgnoreError();
  library_->NoteUnshared(path, size, reason);
}

// A listing that is ended is gone for good: a pending move would be refused, and the file would be
// listed again once it can be read, so that the book exists twice. The next rescan looks again.
void FolderScanner::KeepUnreadable(const std::string& path, const absl::Status& why) {
  const std::string folder = FolderOf(path);
  bool told = false;
  {
    MutexLock lock(&mutex_);
    // Logs once a folder, which may hold a million books.
    const auto other = unreadable_.lower_bound(folder);
    told = other != unreadable_.end() && absl::StartsWith(*other, folder);
    unreadable_.insert(path);
  }
  if (!told) {
    LogWarning("not_readable",
               {{"book", path},
                {"why", why},
                {"retry_every", kRescanEvery},
                {"hint", "what is listed stays listed; make it readable, or delete it"}});
  }
  if (library_->FindPath(path)) return;
  const std::optional<LibraryItem> item = library_->FindUnlisted(path);
  library_->NoteUnshared(path, item ? item->size : 0,
                         absl::StrCat("cannot be read: ", why.message()));
}

void FolderScanner::Rescan(Depth depth) {
  std::set<std::string> gone;
  for (std::string& path : library_->Paths()) gone.insert(std::move(path));
  folder_->Walk([&](const std::string& path, const FileStat& stat) {
    if (stat.kind == FileKind::kFolder) {
      WatchFolder(path);
      return;
    }
    gone.erase(path);
    const std::optional<Book> known = library_->FindPath(path);
    if (known && known->record.identity == stat.identity && depth == Depth::kHash) {
      library_->Confirm(path, stat.links > 1);
      NoteLending(*known, LendReasons::Depth::kFolder);
      return;
    }
    if (depth == Depth::kCacheOnly) {
      ExamineNow(path, depth);
    } else {
      Schedule(path, absl::ZeroDuration());
    }
  });
  for (const std::string& path : gone) ExamineNow(path, depth);
}

void FolderScanner::WatchFolder(const std::string& path) {
  if (!inotify_.valid()) return;
  absl::StatusOr<UniqueFd> fd = folder_->OpenFolder(path);
  if (!fd.ok()) return;
  // By descriptor, so that no symlink can replace a folder on the way.
  const std::string link = absl::StrCat("/proc/self/fd/", fd->get());
  const int wd = ::inotify_add_watch(inotify_.get(), link.c_str(), kEvents);
  if (wd < 0) {
    LogWarning("folder_not_watched",
               {{"folder", path}, {"why", std::strerror(errno)}, {"rescan_every", kRescanEvery}});
    return;
  }
  MutexLock lock(&mutex_);
  watched_[wd] = path;
}

void FolderScanner::WatchLoop() {
  std::array<pollfd, 2> fds = {pollfd{stop_event_.get(), POLLIN, 0},
                               pollfd{inotify_.get(), POLLIN, 0}};
  std::vector<char> buffer(64 * 1024);
  absl::Time next_rescan = clock_->Monotonic() + kRescanEvery;
  while (true) {
    const absl::Duration left = next_rescan - clock_->Monotonic();
    ::poll(fds.data(), fds.size(),
           static_cast<int>(std::max<int64_t>(0, absl::ToInt64Milliseconds(left)) + 1));
    bool rescan = clock_->Monotonic() >= next_rescan;
    {
      MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    if (inotify_.valid()) {
      const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
      if (n > 0) HandleEvents(buffer.data(), static_cast<size_t>(n));
    }
    {
      MutexLock lock(&mutex_);
      rescan = rescan || std::exchange(rescan_, false);
    }
    if (rescan) {
      Rescan(Depth::kHash);
      next_rescan = clock_->Monotonic() + kRescanEvery;
    }
  }
}

void FolderScanner::HandleEvents(const char* data, size_t size) {
  for (size_t at = 0; at < size;) {
    inotify_event event;
    std::memcpy(&event, data + at, sizeof event);
    const std::string name(event.len > 0 ? data + at + sizeof event : "");
    at += sizeof event + event.len;
    MutexLock lock(&mutex_);
    if (event.mask & IN_Q_OVERFLOW) {
      rescan_ = true;
      continue;
    }
    const auto folder = watched_.find(event.wd);
    if (folder == watched_.end()) continue;
    if (event.mask & IN_IGNORED) {
      watched_.erase(folder);
      continue;
    }
    if (name.empty() || name[0] == '.') continue;
    if (event.mask & IN_ISDIR) {
      rescan_ = true;  // a folder that comes, goes or is renamed changes many paths at once
      continue;
    }
    const std::string path = folder->second.empty() ? name : folder->second + "/" + name;
    const bool settled =
        (event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)) != 0;
    ScheduleAt(path, clock_->Monotonic() + (settled ? absl::ZeroDuration() : kQuiet));
  }
}

void FolderScanner::ExamineLoop() {
  while (true) {
    std::string path;
    {
      MutexLock lock(&mutex_);
      while (true) {
        if (stopping_) return;
        const absl::Time now = clock_->Monotonic();
        if (queue_.empty()) {
          changed_.Wait(&mutex_);
        } else if (queue_.begin()->first > now) {
          changed_.WaitFor(&mutex_, queue_.begin()->first - now);
        } else {
          break;
        }
      }
      path = queue_.begin()->second;
      queue_.erase(queue_.begin());
      due_.erase(path);
    }
    ExamineNow(path, Depth::kHash);
  }
}

}  // namespace arkshare
