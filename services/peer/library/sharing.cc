#include "services/peer/library/sharing.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

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

// Returns the regular files below a folder, relative to it and in order, without dot-files. Enters
// neither symlinks nor the folder `except`.
std::vector<std::string> FilesIn(const fs::path& folder, const fs::path& except) {
  std::vector<std::string> files;
  std::error_code error, unknown;
  for (fs::recursive_directory_iterator
           it(folder, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end; it.increment(error)) {
    if (it->path().filename().string()[0] == '.' || it->path() == except) {
      it.disable_recursion_pending();
    } else if (it->symlink_status(unknown).type() == fs::file_type::regular) {
      files.push_back(it->path().lexically_relative(folder).string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

absl::StatusOr<Sharing::Shared> Sharing::Share(const std::string& path) {
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
  if (fs::is_regular_file(real, error)) {
    absl::StatusOr<std::string> name = CopyIn(real.string(), real.filename().string());
    if (!name.ok()) return name.status();
    scanner_->Examine(*name);
    return Shared{*std::move(name), 1};
  }
  if (fs::is_directory(real, error)) return CopyFolderIn(real.string());
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(EscapeForDisplay(path), " is neither a file nor a folder"));
}

absl::Status Sharing::ListAgain(const std::string& path) {
  if (library_->UnsharedByOwner(path)) {
    if (absl::Status s = library_->SetUnsharedByOwner(path, false); !s.ok()) {
      return ForPeople(s, path);
    }
  }
  scanner_->Examine(path);
  return absl::OkStatus();
}

absl::StatusOr<Sharing::Shared> Sharing::ShareAgain(const std::string& path) {
  if (absl::Status s = ListAgain(path); !s.ok()) return s;
  if (library_->FindPath(path)) return Shared{path, 1};
  return MakeError(Reason::kInvalidField, absl::StrCat(EscapeForDisplay(path),
                                                       " is in the shared folder, but cannot be "
                                                       "shared; `arkshare-cli ls` says why"));
}

absl::StatusOr<Sharing::Shared> Sharing::ShareFolderAgain(const std::string& folder) {
  std::string above;  // the shared folder itself
  if (folder != ".") {
    // Fails for .arkshare, which contains no books.
    if (absl::Status s = BookName::Parse(folder).status(); !s.ok()) return s;
    above = folder + "/";
  }
  Shared shared;
  size_t refused = 0;
  for (const std::string& file : FilesIn(folder_->path() + "/" + above, /*except=*/"")) {
    const std::string path = above + file;
    if (absl::Status s = ListAgain(path); !s.ok()) return s;
    if (library_->FindPath(path)) {
      if (shared.file_count++ == 0) shared.first_name = path;
    } else if (library_->FindUnlisted(path)) {
      ++refused;  // else it has just gone, or a transfer is using the path
    }
  }
  if (refused > 0) {
    return MakeError(
        Reason::kInvalidField,
        absl::StrCat(refused, " of the files in ", EscapeForDisplay(folder), " cannot be shared, ",
                     shared.file_count, " are; `arkshare-cli ls` says why"));
  }
  if (shared.file_count == 0) return NoFiles(folder);
  return shared;
}

absl::StatusOr<Sharing::Shared> Sharing::CopyFolderIn(const std::string& folder) {
  const std::vector<std::string> files = FilesIn(folder, folder_->path());
  if (files.empty()) return NoFiles(folder);
  const std::string name = fs::path(folder).filename().string();
  std::vector<std::string> names;
  absl::Status status;
  for (const std::string& file : files) {
    absl::StatusOr<std::string> copied = CopyIn(
        absl::StrCat(folder, "/", file), name.empty() ? file : absl::StrCat(name, "/", file));
    status = copied.status();
    if (!status.ok()) break;
    names.push_back(*std::move(copied));
  }
  // After all are copied, because examining a file that was just written waits a moment.
  for (const std::string& copied : names) scanner_->Examine(copied);
  if (!status.ok()) {
    return MakeError(GetReason(status),
                     absl::StrCat(status.message(), " (", names.size(), " of ", files.size(),
                                  " files were shared before that)"));
  }
  return Shared{names.front(), names.size()};
}

absl::StatusOr<std::string> Sharing::CopyIn(const std::string& path, const std::string& name) {
  absl::StatusOr<BookName> book = BookName::Parse(name);
  if (!book.ok()) return book.status();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    return MakeError(Reason::kFileNotFound,
                     absl::StrCat(EscapeForDisplay(path), " cannot be read"));
  }
  if (absl::Status s = library_->ReserveName(*book); !s.ok()) return s;
  const TransferId id = TransferId::Random();
  absl::Status status = folder_->StageCopy(fd.get(), id).status();
  if (status.ok()) status = folder_->Admit(id, book->value());
  if (status.ok()) folder_->SyncAdmitted({book->value()});
  library_->UnreserveName(*book);
  if (!status.ok()) {
    folder_->RemoveStaging(id).IgnoreError();
    if (!absl::IsAlreadyExists(status)) return ForPeople(status, path);
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a file named ", EscapeForDisplay(book->value()),
                                  " in the shared folder; rename one of them"));
  }
  if (absl::Status s = library_->SetUnsharedByOwner(book->value(), false); !s.ok()) {
    return ForPeople(s, path);
  }
  return book->value();
}

absl::Status Sharing::Unshare(const std::string& name) {
  absl::StatusOr<BookName> book = BookName::Parse(name);
  if (!book.ok()) return book.status();
  const std::optional<Book> known = library_->Find(*book);
  if (!known) {
    return MakeError(Reason::kBookNotFound,
                     absl::StrCat("no book named ", EscapeForDisplay(name), " is shared here"));
  }
  const std::string& path = known->record.path;
  if (absl::Status s = library_->SetUnsharedByOwner(path, true); !s.ok()) return ForPeople(s, name);
  scanner_->Examine(path);
  return absl::OkStatus();
}

}  // namespace arkshare
