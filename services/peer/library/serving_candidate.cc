#include "services/peer/library/serving_candidate.h"

#include <utility>

#include "lib/core/errors.h"
#include "services/peer/library/missing_book.h"

namespace arkshare {

absl::StatusOr<ServedBook> OpenFirst(const SharedFolder& folder,
                                     std::vector<ServingCandidate> candidates,
                                     absl::FunctionRef<void(const std::string& path)> examine) {
  absl::Status unreadable;
  for (auto& [book, ended] : candidates) {
    const std::string path = book.record.path;
    absl::StatusOr<SharedFolder::OpenedFile> file = folder.OpenFile(path);
    if (file.ok() && SameButCtime(file->stat.identity, book.record.identity)) {
      if (file->stat.identity != book.record.identity) examine(path);
      return ServedBook{std::move(file->fd), file->stat.identity, std::move(book),
                        std::move(ended)};
    }
    if (absl::IsPermissionDenied(file.status()) || absl::IsInternal(file.status())) {
      unreadable = file.status();
    }
    examine(path);
  }
  if (!unreadable.ok()) return CannotReadBook(unreadable);
  return MakeError(Reason::kBookChanged,
                   "the file is no longer what this peer listed; search again");
}

}  // namespace arkshare
