// One book that its owner adds byte by byte, from elsewhere than this machine's disk.
#ifndef ARKSHARE_SERVICES_PEER_LIBRARY_ADDED_BOOK_H_
#define ARKSHARE_SERVICES_PEER_LIBRARY_ADDED_BOOK_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "lib/core/book_name.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"

namespace arkshare {

// The bytes go into staging, and enter the folder together, under a name that was free. For one
// thread. Destroyed before Finish has succeeded, it leaves nothing.
class AddedBook {
 public:
  struct Parts {  // all must outlive the book
    const SharedFolder* folder;
    Library* library;
    FolderScanner* scanner;
  };
  // Reserves the name, and room for `size` bytes. kNameTaken, kDiskFull, kInternal.
  static absl::StatusOr<std::unique_ptr<AddedBook>> Begin(Parts parts, const BookName& name,
                                                          uint64_t size);
  ~AddedBook();
  AddedBook(const AddedBook&) = delete;
  AddedBook& operator=(const AddedBook&) = delete;

  // kDiskFull, kInvalidField (more than `size` bytes), kInternal.
  absl::Status Write(absl::string_view bytes);
  // Makes the book durable, puts it in its place, and has it listed. Returns nullopt when it is
  // there, but not listed yet. kInvalidField (fewer than `size` bytes), kNameTaken, kDiskFull,
  // kInternal.
  absl::StatusOr<std::optional<Book>> Finish();

 private:
  AddedBook(Parts parts, const BookName& name, uint64_t size)
      : parts_(parts), name_(name), size_(size), id_(TransferId::Random()) {}

  const Parts parts_;
  const BookName name_;
  const uint64_t size_;  // bytes
  const TransferId id_;  // of its file in staging
  UniqueFd file_;
  uint64_t written_ = 0;  // bytes
  bool reserved_ = true;  // the name
  bool entered_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_LIBRARY_ADDED_BOOK_H_
