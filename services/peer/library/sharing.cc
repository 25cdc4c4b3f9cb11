#include "services/peer/library/sharing.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

absl::Status ForPeople(const absl::Status& status, absl::string_view path) {
  if (status.ok()) return status;
  if (absl::IsResourceExhausted(status)) {
    return MakeError(Reason::kDiskFull, absl::StrCat("no room for ", EscapeForDisplay(path),
                                                     " on the shared folder's disk"));
  }
  return MakeError(Reason::kInternal,
                   absl::StrCat("cannot share ", EscapeForDisplay(path), ": ", status.message()));
}

absl::Status NoFiles(absl::string_view folder) {
  return MakeError(Reason::kFileNotFound,
                   absl::StrCat(EscapeForDisplay(folder), " holds no files to share"));
}

void Refuse(Sharing::Shared& shared, std::string path, absl::Status why) {
  ++shared.refused_count;
  if (shared.refused.size() < Sharing::kMostRefused) {
    shared.refused.push_back({std::move(path), std::move(why)});
  }
}

void Count(Sharing::Shared& shared, const std::string& name) {
  if (shared.file_count++ == 0) shared.first_name = name;
}

struct FoundFiles {
  std::vector<std::string> paths;
  uint64_t bytes = 0;
};

// Returns the regular files below a folder, relative to it and in order, without dot-files. Enters
// neither symlinks nor the folder `except`. Notes what else is there as refused. Stops when
// `go_on` returns false.
FoundFiles FilesIn(const fs::path& top, const fs::path& except, Sharing::Shared& shared,
                   absl::FunctionRef<bool()> go_on) {
  FoundFiles files;
  std::vector<fs::path> folders = {top};
  while (!folders.empty() && go_on()) {
    const fs::path folder = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    fs::directory_iterator it(folder, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      const fs::path& path = it->path();
      if (path.filename().string()[0] == '.' || path == except) continue;
      std::error_code unknown;
      const fs::file_type type = it->symlink_status(unknown).type();
      if (type == fs::file_type::directory) {
        folders.push_back(path);
        continue;
      }
      std::string name = path.lexically_relative(top).string();
      if (type == fs::file_type::regular) {
        files.paths.push_back(std::move(name));
        const uintmax_t size = it->file_size(unknown);
        if (!unknown) files.bytes += size;
      } else {
        Refuse(shared, std::move(name),
               MakeError(Reason::kInvalidField,
                         type == fs::file_type::symlink
                             ? "a symbolic link; only the files themselves are shared"
                             : "not a regular file"));
      }
    }
    if (error) {
      Refuse(shared, folder == top ? "." : folder.lexically_relative(top).string(),
             MakeError(Reason::kFileNotFound,
                       absl::StrCat("a folder that cannot be read: ", error.message())));
    }
  }
  std::sort(files.paths.begin(), files.paths.end());
  return files;
}

}  // namespace

class Sharing::Call {
 public:
  Call(Sharing* sharing, const std::string& path, absl::FunctionRef<bool()> gone)
      : sharing_(sharing), gone_(gone) {
    MutexLock lock(&sharing_->mutex_);
    shown_ = sharing_->running_.insert(sharing_->running_.end(), {.path = path});
  }
  ~Call() {
    MutexLock lock(&sharing_->mutex_);
    sharing_->running_.erase(shown_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Returns why the call ends; OK while it goes on.
  absl::Status WhyEnded() const {
    if (sharing_->stop_.load()) {
      return MakeError(Reason::kShuttingDown, "the peer is shutting down");
    }
    return gone_() ? absl::CancelledError("the caller has gone") : absl::OkStatus();
  }
  bool GoesOn() const { return WhyEnded().ok(); }

  void SetTotal(uint64_t bytes) {
    MutexLock lock(&sharing_->mutex_);
    shown_->bytes_total = bytes;
  }
  // Notes that this much of the current file is copied; 0 for the next file.
  void NoteCopied(uint64_t bytes) {
    if (bytes == 0) before_ += std::exchange(current_, 0);
    current_ = bytes;
    MutexLock lock(&sharing_->mutex_);
    shown_->bytes_done = before_ + current_;
  }

 private:
  Sharing* const sharing_;
  const absl::FunctionRef<bool()> gone_;
  std::list<Progress>::iterator shown_;
  uint64_t before_ = 0;   // bytes of the files before the current one
  uint64_t current_ = 0;  // bytes of the current file
};

std::vector<Sharing::Progress> Sharing::Running() const {
  MutexLock lock(&mutex_);
  return {running_.begin(), running_.end()};
}

absl::StatusOr<Sharing::Shared> Sharing::Share(const std::string& path,
                                               absl::FunctionRef<bool()> gone) {
  if (path.empty() || path[0] != '/') {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat(EscapeForDisplay(path), " is not an absolute path"));
  }
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    return MakeError(Reason::kFileNotFound,
                     absl::StrCat(EscapeForDisplay(path), " cannot be shared: ", error.message()));
  }
  const std::string inside = real.lexically_relative(folder_->path()).string();
  if (inside != ".." && !absl::StartsWith(inside, "../")) {
    return fs::is_directory(real, error) ? ShareFolderAgain(inside) : ShareAgain(inside);
  }
  Call call(this, path, gone);
  if (fs::is_regular_file(real, error)) {
    return CopyFileIn(real.string(), real.filename().string(), call);
  }
  if (fs::is_directory(real, error)) return CopyFolderIn(real.string(), call);
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(EscapeForDisplay(path), " is neither a file nor a folder"));
}

absl::Status Sharing::WhyNotShared(const std::string& path) const {
  const std::optional<LibraryItem> item = library_->FindUnlisted(path);
  if (!item || item->unshared_reason.empty()) {
    return MakeError(Reason::kInvalidField, "not listed yet; `arkshare-cli ls` shows when it is");
  }
  if (library_->unshared().Covers(path)) {
    return MakeError(
        Reason::kInvalidField,
        "a folder above it is unshared; share that folder, or move the file out of it");
  }
  return MakeError(Reason::kInvalidField, item->unshared_reason);
}

absl::StatusOr<Sharing::Shared> Sharing::ShareAgain(const std::string& path) {
  if (absl::Status s = library_->unshared().Share(path); !s.ok()) {
    return ForPeople(s, path);
  }
  scanner_->Examine(path);
  if (library_->FindPath(path)) return Shared{.first_name = path, .file_count = 1};
  const absl::Status why = WhyNotShared(path);
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(EscapeForDisplay(path),
                                " is in the shared folder, but cannot be shared: ", why.message()));
}

absl::StatusOr<Sharing::Shared> Sharing::ShareFolderAgain(const std::string& folder) {
  const bool whole = folder == ".";
  // Fails for .arkshare, which contains no books.
  if (!whole) {
    if (absl::Status s = BookName::Parse(folder).status(); !s.ok()) return s;
  }
  const std::string above = whole ? "" : folder + "/";
  Shared shared;
  std::vector<std::string> paths =
      FilesIn(folder_->path() + "/" + above, /*except=*/"", shared, [this] {
        return !stop_.load();
      }).paths;
  for (std::string& path : paths) path = above + path;
  if (absl::Status s = library_->unshared().ShareBeneath(whole ? "" : folder); !s.ok()) {
    return ForPeople(s, folder);
  }
  scanner_->ExamineAll(paths);
  for (const std::string& path : paths) {
    if (library_->FindPath(path)) {
      Count(shared, path);
    } else if (library_->FindUnlisted(path)) {
      // Otherwise it has just gone, or a transfer is using the path.
      Refuse(shared, path.substr(above.size()), WhyNotShared(path));
    }
  }
  if (shared.file_count + shared.refused_count == 0) return NoFiles(folder);
  return shared;
}

absl::StatusOr<Sharing::Shared> Sharing::CopyFileIn(const std::string& path,
                                                    const std::string& name, Call& call) {
  std::error_code unknown;
  if (const uintmax_t size = fs::file_size(path, unknown); !unknown) call.SetTotal(size);
  absl::StatusOr<std::string> copied = CopyIn(path, name, call);
  if (!copied.ok()) return copied.status();
  // Otherwise the scanner finds the file by itself.
  if (call.GoesOn()) scanner_->Examine(*copied);
  return Shared{.first_name = *std::move(copied), .file_count = 1};
}

absl::StatusOr<Sharing::Shared> Sharing::CopyFolderIn(const std::string& folder, Call& call) {
  Shared shared;
  const FoundFiles files = FilesIn(folder, folder_->path(), shared, [&] { return call.GoesOn(); });
  if (files.paths.empty() && shared.refused_count == 0) return NoFiles(folder);
  call.SetTotal(files.bytes);
  const std::string name = fs::path(folder).filename().string();
  std::vector<std::string> names;
  for (const std::string& file : files.paths) {
    absl::StatusOr<std::string> copied = CopyIn(
        absl::StrCat(folder, "/", file), name.empty() ? file : absl::StrCat(name, "/", file), call);
    if (copied.ok()) {
      names.push_back(*std::move(copied));
      continue;
    }
    Refuse(shared, file, copied.status());
    if (!call.GoesOn()) break;
  }
  // After all are copied, because examining a file that was just written waits a moment. When the
  // call ends, the scanner finds them by itself.
  if (call.GoesOn()) scanner_->ExamineAll(names);
  for (const std::string& copied : names) Count(shared, copied);
  return shared;
}

absl::StatusOr<std::string> Sharing::CopyIn(const std::string& path, const std::string& name,
                                            Call& call) {
  if (absl::Status s = call.WhyEnded(); !s.ok()) return s;
  absl::StatusOr<BookName> book = BookName::Parse(name);
  if (!book.ok()) return book.status();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    return MakeError(
        Reason::kFileNotFound,
        absl::StrCat(EscapeForDisplay(path), " cannot be read: ", std::strerror(errno)));
  }
  absl::Status status = library_->ReserveName(*book);
  if (status.ok()) {
    status = CopyTo(fd.get(), *book, call);
    library_->UnreserveName(*book);
  } else if (GetReason(status) != Reason::kNameTaken) {
    return status;
  }
  if (absl::IsAlreadyExists(status)) {
    const absl::StatusOr<bool> same = IsCopy(fd.get(), book->value(), call);
    if (!same.ok()) return call.WhyEnded();
    if (!*same) {
      return MakeError(
          Reason::kNameTaken,
          absl::StrCat("there is already a file named ", EscapeForDisplay(book->value()),
                       " in the shared folder; rename one of them"));
    }
  } else if (absl::IsCancelled(status)) {
    return call.WhyEnded();
  } else if (!status.ok()) {
    return ForPeople(status, path);
  }
  if (absl::Status s = library_->unshared().Share(book->value()); !s.ok()) {
    return ForPeople(s, path);
  }
  return book->value();
}

absl::Status Sharing::CopyTo(int fd, const BookName& name, Call& call) {
  // A copy of a large file is made only when its name is free.
  if (folder_->Stat(name.value()).ok()) return absl::AlreadyExistsError(name.value());
  const TransferId id = TransferId::Random();
  absl::Status status = folder_
                            ->StageCopy(fd, id,
                                        [&](uint64_t copied) {
                                          call.NoteCopied(copied);
                                          return call.GoesOn();
                                        })
                            .status();
  if (status.ok()) status = folder_->Admit(id, name.value());
  if (status.ok()) folder_->SyncAdmitted({name.value()});
  if (!status.ok()) folder_->RemoveStaging(id).IgnoreError();
  return status;
}

absl::StatusOr<bool> Sharing::IsCopy(int fd, const std::string& name, Call& call) const {
  const absl::StatusOr<FileStat> ours = StatFd(fd);
  const absl::StatusOr<SharedFolder::OpenedFile> theirs = folder_->OpenFile(name);
  if (!ours.ok() || !theirs.ok()) return false;
  const uint64_t size = ours->identity.size;
  if (theirs->stat.identity.size != size) return false;
  std::vector<uint8_t> a(std::min<uint64_t>(size, 1024 * 1024));
  std::vector<uint8_t> b(a.size());
  call.NoteCopied(0);
  for (uint64_t offset = 0; offset < size;) {
    if (!call.GoesOn()) return absl::CancelledError("the comparison was ended");
    const size_t n = std::min<uint64_t>(a.size(), size - offset);
    if (!ReadFully(fd, offset, a.data(), n).ok()) return false;
    if (!ReadFully(theirs->fd.get(), offset, b.data(), n).ok()) return false;
    if (std::memcmp(a.data(), b.data(), n) != 0) return false;
    offset += n;
    call.NoteCopied(offset);
  }
  return true;
}

absl::Status Sharing::Unshare(const std::string& name) {
  absl::StatusOr<BookName> book = BookName::Parse(name);
  if (!book.ok()) return book.status();
  const std::optional<Book> known = library_->Find(*book);
  const std::string path = known ? known->record.path : book->value();
  const absl::StatusOr<FileStat> stat = folder_->Stat(path);
  const bool folder = stat.ok() && stat->kind == FileKind::kFolder;
  if (!known && !folder && !library_->FindUnlisted(path)) {
    return MakeError(
        Reason::kBookNotFound,
        absl::StrCat("no book or folder named ", EscapeForDisplay(name), " is shared here"));
  }
  if (absl::Status s = library_->unshared().Unshare(path); !s.ok()) return ForPeople(s, name);
  if (folder) {
    scanner_->ExamineAll(library_->PathsBeneath(path));
  } else {
    scanner_->Examine(path);
  }
  return absl::OkStatus();
}

}  // namespace arkshare
