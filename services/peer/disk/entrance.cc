#include "services/peer/disk/entrance.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "lib/core/book_name.h"
#include "services/peer/disk/beneath.h"
#include "services/peer/disk/rename_new.h"
#include "services/peer/disk/staging_area.h"

namespace arkshare {
namespace {

constexpr char kPartBegin[] = ".arkshare-";
constexpr char kPartEnd[] = ".part";

// "" for a path without a folder.
std::string FolderPartOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string LeafOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::optional<TransferId> IdOfPart(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kPartBegin) || !absl::ConsumeSuffix(&name, kPartEnd)) {
    return std::nullopt;
  }
  absl::StatusOr<TransferId> id = TransferIdFromHex(name);
  if (!id.ok()) return std::nullopt;
  return *id;
}

// All names in an open folder, and whether each may be that of a folder.
std::vector<std::pair<std::string, bool>> ListAll(int folder) {
  std::vector<std::pair<std::string, bool>> names;
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return names;
  DIR* stream = ::fdopendir(copy);
  if (stream == nullptr) {
    ::close(copy);
    return names;
  }
  while (const dirent* entry = ::readdir(stream)) {
    names.emplace_back(entry->d_name, entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
  }
  ::closedir(stream);
  return names;
}

uint64_t DeviceOf(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 ? static_cast<uint64_t>(st.st_dev) : 0;
}

bool SameFolder(int a, int b) {
  struct stat x;
  struct stat y;
  return ::fstat(a, &x) == 0 && ::fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

std::string Shown(const std::string& folder) {
  return folder.empty() ? "the shared folder" : EscapeForDisplay(folder);
}

// Returns the system's words of an ErrnoStatus, without the name of the file.
absl::string_view WhyOnly(const absl::Status& status) {
  const absl::string_view message = status.message();
  return message.substr(message.rfind(':') == absl::string_view::npos ? 0 : message.rfind(':') + 2);
}

// Says why `folder` on the way to a place cannot be opened.
absl::Status NotAFolder(int root, const std::string& folder, const absl::Status& why) {
  if (!absl::IsInvalidArgument(why)) {
    return absl::Status(why.code(), absl::StrCat("this peer cannot enter ", Shown(folder), " (",
                                                 why.message(), ")"));
  }
  const absl::StatusOr<UniqueFd> above = OpenBeneath(
      root, FolderPartOf(folder).empty() ? "." : FolderPartOf(folder), O_RDONLY | O_DIRECTORY);
  const absl::StatusOr<FileStat> stat =
      above.ok() ? StatAt(above->get(), LeafOf(folder)) : absl::StatusOr<FileStat>(above.status());
  const bool is_link = stat.ok() && stat->kind == FileKind::kSymlink;
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(folder), is_link ? " is a symbolic link, which arkshare does not follow"
                                          : " is a file, not a folder"));
}

// Every file system takes such a name.
bool IsOrdinary(const std::string& leaf) {
  return leaf.size() <= 120 && leaf.back() != '.' && leaf.back() != ' ' &&
         std::all_of(leaf.begin(), leaf.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains(" ._-()", c);
         });
}

}  // namespace

std::string Entrance::PartName(const TransferId& id) {
  return absl::StrCat(kPartBegin, id.hex(), kPartEnd);
}

// --- Checking ---

absl::Status Entrance::CheckPlace(const std::string& path, Checked& checked) const {
  const std::string folder = FolderPartOf(path);
  auto known = checked.find(folder);
  if (known == checked.end()) known = checked.emplace(folder, CheckFolder(folder)).first;
  if (!known->second.ok()) return known->second;
  return CheckLeaf(LeafOf(path));
}

// Opens the folders from the top down, so that the message can name the one that is in the way.
absl::Status Entrance::CheckFolder(const std::string& folder) const {
  absl::StatusOr<UniqueFd> deepest = OpenBeneath(root_, ".", O_RDONLY | O_DIRECTORY);
  if (!deepest.ok()) return deepest.status();
  std::string at;
  bool missing = false;
  const std::vector<std::string> parts = absl::StrSplit(folder, '/', absl::SkipEmpty());
  for (const std::string& part : parts) {
    const std::string next = at.empty() ? part : absl::StrCat(at, "/", part);
    absl::StatusOr<UniqueFd> opened = absl::NotFoundError("above it is nothing");
    if (!missing) opened = OpenBeneath(root_, next, O_RDONLY | O_DIRECTORY);
    if (!opened.ok()) {
      // The file system must take the name of a folder that will be made.
      if (absl::Status s = CheckLeaf(part); !s.ok()) return s;
      missing = absl::IsNotFound(opened.status());
      if (!missing) return NotAFolder(root_, next, opened.status());
      continue;
    }
    at = next;
    deepest = std::move(opened);
  }
  const absl::Status tried = DeviceOf(deepest->get()) == device_
                                 ? TryRename(deepest->get())
                                 : absl::InvalidArgumentError("another file system");
  if (tried.ok() || absl::IsResourceExhausted(tried)) return tried;
  if (absl::IsPermissionDenied(tried)) {
    return absl::PermissionDeniedError(
        absl::StrCat("this peer may not write to ", Shown(at), " (", WhyOnly(tried), ")"));
  }
  if (absl::IsInvalidArgument(tried)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(at), " is on another disk, subvolume or mount than the shared folder"));
  }
  return absl::Status(tried.code(), absl::StrCat("no file can be renamed into ", Shown(at), " (",
                                                 tried.message(), ")"));
}

// Does what BringNear does, with an empty file. A crash leaves it to RemoveOthers.
absl::Status Entrance::TryRename(int folder) const {
  const TransferId id = TransferId::Random();
  const std::string part = PartName(id);
  UniqueFd fd(::openat(staging_, id.hex().c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, "staging");
  const absl::Status renamed = RenameNew(staging_, id.hex(), folder, part);
  ::unlinkat(renamed.ok() ? folder : staging_, renamed.ok() ? part.c_str() : id.hex().c_str(), 0);
  return renamed;
}

absl::Status Entrance::CheckLeaf(const std::string& leaf) const {
  if (IsOrdinary(leaf)) return absl::OkStatus();
  UniqueFd fd(
      ::openat(staging_, leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.valid()) {
    ::unlinkat(staging_, leaf.c_str(), 0);
    return absl::OkStatus();
  }
  if (errno == EEXIST) return absl::OkStatus();
  if (errno == ENAMETOOLONG) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its name of ", leaf.size(), " bytes is too long for the file system of your folder"));
  }
  const absl::Status why = ErrnoStatus(errno, EscapeForDisplay(leaf));
  if (absl::IsResourceExhausted(why)) return why;
  return absl::InvalidArgumentError(
      absl::StrCat("the file system of your folder does not take its name (", why.message(), ")"));
}

// --- Entering ---

absl::Status Entrance::BringNear(const TransferId& id, const std::string& path) const {
  absl::StatusOr<UniqueFd> folder = OpenOrMakeFolder(root_, FolderPartOf(path));
  if (!folder.ok()) return folder.status();
  const absl::Status brought = RenameNew(staging_, id.hex(), folder->get(), PartName(id));
  const bool near = absl::IsNotFound(brought) && StatAt(folder->get(), PartName(id)).ok();
  return near ? absl::OkStatus() : brought;
}

absl::StatusOr<std::vector<std::string>> Entrance::MakeFolders(const std::string& path) const {
  return arkshare::MakeFolders(root_, FolderPartOf(path));
}

absl::Status Entrance::RemoveEmptyFolder(const std::string& folder) const {
  const absl::StatusOr<UniqueFd> above = OpenFolderOf(folder);
  if (!above.ok()) return above.status();
  const std::string leaf = LeafOf(folder);
  return ::unlinkat(above->get(), leaf.c_str(), AT_REMOVEDIR) == 0 ? absl::OkStatus()
                                                                   : ErrnoStatus(errno, folder);
}

absl::Status Entrance::MoveNear(const TransferId& id, const std::string& from,
                                const std::string& to) const {
  absl::StatusOr<Waiting> book = Find(id, from);
  if (!book.ok()) return book.status();
  absl::StatusOr<UniqueFd> folder = OpenOrMakeFolder(root_, FolderPartOf(to));
  if (!folder.ok()) return folder.status();
  const std::string part = PartName(id);
  // A rename of a name to itself would count as one that a crash had interrupted.
  if (book->name == part && SameFolder(book->folder.get(), folder->get())) {
    return absl::OkStatus();
  }
  return RenameNew(book->folder.get(), book->name, folder->get(), part);
}

absl::Status Entrance::TakeBack(const TransferId& id, const std::string& path) const {
  absl::StatusOr<UniqueFd> folder = OpenFolderOf(path);
  if (absl::IsNotFound(folder.status())) return absl::OkStatus();
  if (!folder.ok()) return folder.status();
  const absl::Status taken = RenameNew(folder->get(), PartName(id), staging_, id.hex());
  return absl::IsNotFound(taken) ? absl::OkStatus() : taken;
}

absl::Status Entrance::Enter(const TransferId& id, const std::string& path) const {
  absl::StatusOr<Waiting> book = Find(id, path);
  if (!book.ok()) return book.status();
  absl::StatusOr<UniqueFd> folder = OpenOrMakeFolder(root_, FolderPartOf(path));
  if (!folder.ok()) return folder.status();
  return RenameNew(book->folder.get(), book->name, folder->get(), LeafOf(path));
}

// --- Finding ---

absl::StatusOr<UniqueFd> Entrance::OpenFolderOf(const std::string& path) const {
  const std::string folder = FolderPartOf(path);
  return OpenBeneath(root_, folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
}

absl::StatusOr<Entrance::Waiting> Entrance::FindIn(absl::StatusOr<UniqueFd> folder,
                                                   const std::string& name) const {
  if (!folder.ok()) return folder.status();
  absl::StatusOr<FileStat> stat = StatAt(folder->get(), name);
  if (!stat.ok()) return stat.status();
  if (stat->kind != FileKind::kRegular) return absl::NotFoundError("not a regular file");
  return Waiting{*std::move(folder), name, *stat};
}

absl::StatusOr<Entrance::Waiting> Entrance::Find(const TransferId& id,
                                                 const std::string& path) const {
  absl::StatusOr<Waiting> near = FindIn(OpenFolderOf(path), PartName(id));
  if (near.ok()) return near;
  bool unreadable = !absl::IsNotFound(near.status()) && !absl::IsInvalidArgument(near.status());
  if (const absl::StatusOr<UniqueFd> folder = OpenFolderOf(path);
      folder.ok() && DeviceOf(folder->get()) != device_) {
    near = absl::UnavailableError(
        absl::StrCat("another file system is mounted over ", Shown(FolderPartOf(path))));
    unreadable = true;
  }
  absl::StatusOr<Waiting> staged =
      FindIn(UniqueFd(::fcntl(staging_, F_DUPFD_CLOEXEC, 0)), id.hex());
  if (staged.ok()) return staged;
  absl::StatusOr<Waiting> elsewhere = absl::NotFoundError("the received book waits nowhere");
  ForEachPart([&](const std::string& folder, const TransferId& found) {
    if (found != id) return true;
    elsewhere = FindIn(OpenFolderOf(absl::StrCat(folder, "/")), PartName(id));
    return !elsewhere.ok();
  });
  // It may be there and cannot be seen now.
  if (!elsewhere.ok() && unreadable) return near;
  return elsewhere;
}

absl::StatusOr<FileStat> Entrance::Stat(const TransferId& id, const std::string& path) const {
  absl::StatusOr<Waiting> book = Find(id, path);
  if (!book.ok()) return book.status();
  return book->stat;
}

absl::Status Entrance::Remove(const TransferId& id, const std::string& path) const {
  const absl::StatusOr<UniqueFd> near = OpenFolderOf(path);
  if (near.ok() && ::unlinkat(near->get(), PartName(id).c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, PartName(id));
  }
  if (::unlinkat(staging_, id.hex().c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, id.hex());
  }
  return absl::OkStatus();
}

void Entrance::RemoveOthers(absl::FunctionRef<bool(const TransferId&)> keep) const {
  ForEachPart([&](const std::string& folder, const TransferId& id) {
    if (!keep(id)) Remove(id, absl::StrCat(folder, "/")).IgnoreError();
    return true;
  });
}

void Entrance::ForEachPart(
    absl::FunctionRef<bool(const std::string&, const TransferId&)> visit) const {
  std::vector<std::string> folders = {""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    absl::StatusOr<UniqueFd> fd =
        OpenBeneath(root_, folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    // A book that waits is on the file system of the shared folder.
    if (!fd.ok() || DeviceOf(fd->get()) != device_) continue;
    for (const auto& [name, may_be_folder] : ListAll(fd->get())) {
      const std::optional<TransferId> id = IdOfPart(name);
      if (id && !visit(folder, *id)) return;
      if (!may_be_folder || name[0] == '.') continue;
      folders.push_back(folder.empty() ? name : absl::StrCat(folder, "/", name));
    }
  }
}

}  // namespace arkshare
