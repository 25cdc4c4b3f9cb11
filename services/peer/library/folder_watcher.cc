#include "services/peer/library/folder_watcher.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |
                             IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
                             IN_EXCL_UNLINK;
constexpr uint32_t kSettled = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE;
constexpr uint32_t kWent = IN_MOVED_FROM | IN_DELETE;
constexpr uint32_t kOfItself = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

// Erases what is in a folder from a map by path, and the folder itself. Calls `erased` with each.
template <typename Map, typename Erased>
void EraseBeneath(Map& map, const std::string& folder, Erased erased) {
  const std::string prefix = folder + "/";
  if (const auto self = map.find(folder); self != map.end()) {
    erased(*self);
    map.erase(self);
  }
  auto it = map.lower_bound(prefix);
  while (it != map.end() && absl::StartsWith(it->first, prefix)) {
    erased(*it);
    it = map.erase(it);
  }
}

}  // namespace

void FolderWatcher::Open() {
  wake_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (inotify_.valid() && wake_event_.valid()) return;
  const char* why = std::strerror(errno);
  LogWarning("inotify_unavailable",
             {{"why", why},
              {"hint",
               "the peer looks at the folder once a minute instead; raise the limit "
               "fs.inotify.max_user_instances"}});
  MutexLock lock(&mutex_);
  trouble_ = absl::StrCat(
      "changes in the folder are noticed only once a minute, because inotify "
      "is not available (",
      why, "); raise the limit fs.inotify.max_user_instances");
}

void FolderWatcher::Watch(const std::string& path) {
  if (!inotify_.valid()) return;
  absl::StatusOr<UniqueFd> fd = folder_->OpenFolder(path);
  if (!fd.ok()) return;
  // By descriptor, so that no symlink can replace a folder on the way.
  const std::string link = absl::StrCat("/proc/self/fd/", fd->get());
  // Under the lock, so that no event of the folder is taken before its path is known.
  MutexLock lock(&mutex_);
  const int number = ::inotify_add_watch(inotify_.get(), link.c_str(), kEvents);
  if (number < 0) return NoteUnwatched(path, errno);
  unwatched_.erase(path);
  const auto [known, added] = paths_.try_emplace(number, path);
  if (!added && known->second != path) {
    numbers_.erase(known->second);
    known->second = path;
  }
  numbers_[path] = number;
}

// The first folder is named in the log, and not the other thousands.
void FolderWatcher::NoteUnwatched(const std::string& path, int error) {
  const bool first = unwatched_.empty();
  unwatched_[path] = error;
  if (!first) return;
  if (error == ENOSPC) {
    LogWarning("folder_not_watched",
               {{"folder", path},
                {"why",
                 "cannot watch more folders: the limit fs.inotify.max_user_watches is "
                 "reached"},
                {"hint",
                 "the peer looks at this and further folders once a minute instead; raise "
                 "the limit, for example: sysctl fs.inotify.max_user_watches=1048576"}});
  } else {
    LogWarning("folder_not_watched",
               {{"folder", path},
                {"why", absl::StrCat("cannot watch it: ", std::strerror(error))},
                {"hint", "the peer looks at it once a minute instead"}});
  }
}

void FolderWatcher::Forget(const std::string& path) {
  MutexLock lock(&mutex_);
  EraseBeneath(unwatched_, path, [](const auto&) {});
  EraseBeneath(numbers_, path, [this](const auto& folder) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    paths_.erase(folder.second);
    // Fails for a folder that was deleted.
    ::inotify_rm_watch(inotify_.get(), folder.second);
  });
}

void FolderWatcher::Wait(absl::Duration longest) {
  std::array<pollfd, 2> fds = {pollfd{wake_event_.get(), POLLIN, 0},
                               pollfd{inotify_.get(), POLLIN, 0}};
  const int64_t most = std::max<int64_t>(0, absl::ToInt64Milliseconds(longest)) + 1;
  ::poll(fds.data(), fds.size(), static_cast<int>(most));
}

void FolderWatcher::Wake() {
  const uint64_t one = 1;
  if (wake_event_.valid() && ::write(wake_event_.get(), &one, sizeof one) < 0) {
    LogError("eventfd_failed", {{"why", std::strerror(errno)}});
  }
}

std::vector<FolderEvent> FolderWatcher::Read() {
  std::vector<FolderEvent> events;
  if (!inotify_.valid()) return events;
  std::vector<char> buffer(64 * 1024);
  const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
  MutexLock lock(&mutex_);
  for (ssize_t at = 0; at < size;) {
    inotify_event header;
    std::memcpy(&header, buffer.data() + at, sizeof header);
    Add(buffer.data() + at, events);
    at += static_cast<ssize_t>(sizeof header + header.len);
  }
  return events;
}

void FolderWatcher::Add(const char* event_bytes, std::vector<FolderEvent>& events) {
  inotify_event event;
  std::memcpy(&event, event_bytes, sizeof event);
  const std::string name(event.len > 0 ? event_bytes + sizeof event : "");
  if (event.mask & IN_Q_OVERFLOW) {
    events.push_back({FolderEvent::Kind::kMissed, ""});
    return;
  }
  const auto folder = paths_.find(event.wd);
  if (folder == paths_.end()) return;
  if (event.mask & kOfItself) {
    // The folder above reports the end of every other folder.
    if (folder->second.empty()) events.push_back({FolderEvent::Kind::kRoot, ""});
    if (event.mask & IN_IGNORED) {
      if (const auto known = numbers_.find(folder->second);
          known != numbers_.end() && known->second == event.wd) {
        numbers_.erase(known);
      }
      paths_.erase(folder);
    }
    return;
  }
  if (name.empty() || name[0] == '.') return;
  std::string path = folder->second.empty() ? name : absl::StrCat(folder->second, "/", name);
  const bool went = (event.mask & kWent) != 0;
  FolderEvent::Kind kind =
      went ? FolderEvent::Kind::kFolderVanished : FolderEvent::Kind::kFolderAppeared;
  if (!(event.mask & IN_ISDIR)) {
    kind =
        (event.mask & kSettled) ? FolderEvent::Kind::kFileSettled : FolderEvent::Kind::kFileTouched;
  }
  events.push_back({kind, std::move(path)});
}

std::string FolderWatcher::Trouble() const {
  MutexLock lock(&mutex_);
  if (!trouble_.empty() || unwatched_.empty()) return trouble_;
  const bool limit = unwatched_.begin()->second == ENOSPC;
  return absl::StrCat("changes in ", unwatched_.size(), " folders are noticed only once a minute, ",
                      limit ? "because the limit fs.inotify.max_user_watches is reached; raise it"
                            : "because they cannot be watched");
}

}  // namespace arkshare
