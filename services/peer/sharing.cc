#include "services/peer/sharing.h"

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
  Shared shared;
  const std::string inside = folder_->path() + "/";
  if (absl::StartsWith(real.string(), inside)) {
    shared.first_name = real.string().substr(inside.size());
    if (absl::Status s = library_->SetUnsharedByOwner(shared.first_name, false); !s.ok()) {
      return ForPeople(s, path);
    }
    scanner_->Examine(shared.first_name);
    if (!library_->FindPath(shared.first_name)) {
      return MakeError(Reason::kInvalidField,
                       absl::StrCat(EscapeForDisplay(path),
                                    " is in the shared folder, but cannot be "
                                    "shared; `arkshare-cli ls` says why"));
    }
    shared.file_count = 1;
    return shared;
  }
  if (fs::is_regular_file(real, error)) {
    absl::StatusOr<std::string> name = CopyIn(real.string(), real.filename().string());
    if (!name.ok()) return name.status();
    scanner_->Examine(*name);
    shared.first_name = *std::move(name);
    shared.file_count = 1;
    return shared;
  }
  if (!fs::is_directory(real, error)) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat(EscapeForDisplay(path), " is neither a file nor a folder"));
  }
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator
           it(real, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end; it.increment(error)) {
    const std::string leaf = it->path().filename().string();
    if (leaf[0] == '.') {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(error) && !it->is_symlink(error)) {
      files.push_back(it->path().string());
    }
  }
  std::sort(files.begin(), files.end());
  const std::string above = real.parent_path().string();
  std::vector<std::string> names;
  absl::Status status;
  for (const std::string& file : files) {
    absl::StatusOr<std::string> name =
        CopyIn(file, file.substr(above == "/" ? 1 : above.size() + 1));
    status = name.status();
    if (!status.ok()) break;
    names.push_back(*std::move(name));
  }
  // After all have been copied: a file just written takes a moment to settle.
  for (const std::string& name : names) scanner_->Examine(name);
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(status.message(), " (", names.size(), " of ", files.size(),
                                     " files were shared before that)"));
  }
  if (files.empty()) {
    return MakeError(Reason::kFileNotFound,
                     absl::StrCat(EscapeForDisplay(path), " holds no files to share"));
  }
  shared.first_name = names.front();
  shared.file_count = names.size();
  return shared;
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
  if (absl::Status s = library_->SetUnsharedByOwner(book->value(), false); !s.ok()) return s;
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
