#include "services/peer/library/added_book.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

absl::Status NotAdded(const absl::Status& status, const BookName& name, uint64_t size) {
  const std::string shown = EscapeForDisplay(name.value());
  if (absl::IsResourceExhausted(status)) {
    return MakeError(Reason::kDiskFull,
                     absl::StrCat("the disk of the shared folder has no room for the ", size,
                                  " bytes of ", shown, "; free some space"),
                     {{"size_bytes", absl::StrCat(size)}});
  }
  if (absl::IsAlreadyExists(status)) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a file named ", shown,
                                  " in the shared folder; choose another name"));
  }
  return MakeError(Reason::kInternal, absl::StrCat("cannot add ", shown, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AddedBook>> AddedBook::Begin(Parts parts, const BookName& name,
                                                            uint64_t size) {
  if (absl::Status s = parts.library->ReserveName(name); !s.ok()) return s;
  std::unique_ptr<AddedBook> book(new AddedBook(parts, name, size));
  if (parts.folder->Stat(name.value()).ok()) {
    return NotAdded(absl::AlreadyExistsError(""), name, size);
  }
  absl::StatusOr<UniqueFd> file = parts.folder->CreateStaging(book->id_, size);
  if (!file.ok()) return NotAdded(file.status(), name, size);
  book->file_ = *std::move(file);
  return book;
}

AddedBook::~AddedBook() {
  if (!entered_) parts_.folder->RemoveStaging(id_).IgnoreError();
  if (reserved_) parts_.library->UnreserveName(name_);
}

absl::Status AddedBook::Write(absl::string_view bytes) {
  if (bytes.size() > size_ - written_) {
    return MakeError(Reason::kInvalidField, "more bytes came than were announced");
  }
  const absl::Status written =
      WriteFully(file_.get(), written_, AsBytes(bytes).data(), bytes.size());
  if (!written.ok()) return NotAdded(written, name_, size_);
  written_ += bytes.size();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Book>> AddedBook::Finish() {
  if (written_ != size_) {
    return MakeError(Reason::kInvalidField, "fewer bytes came than were announced");
  }
  const std::string& path = name_.value();
  parts_.folder->SyncStaged({file_.get()}, {path});
  if (absl::Status s = parts_.folder->Admit(id_, path); !s.ok()) return NotAdded(s, name_, size_);
  entered_ = true;
  parts_.folder->SyncAdmitted({path});
  parts_.library->UnreserveName(name_);
  reserved_ = false;
  // A file of this name may have been private before.
  if (absl::Status s = parts_.library->unshared().Share(path); !s.ok()) {
    return NotAdded(s, name_, size_);
  }
  parts_.scanner->Examine(path);
  return parts_.library->FindPath(path);
}

}  // namespace arkshare
