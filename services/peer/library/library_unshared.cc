// The part of Library that knows what the owner keeps private.
#include <utility>

#include "services/peer/library/library.h"

namespace arkshare {

bool Library::UnsharedByOwner(const std::string& path) const {
  MutexLock lock(&mutex_);
  return unshared_by_owner_.Covers(path);
}

bool Library::FollowUnshared(const std::string& path, const FileStat& stat) {
  const uint64_t inode = stat.identity.inode;
  bool covered = false;
  {
    MutexLock lock(&mutex_);
    if (unshared_by_owner_.Has(path, inode)) return true;
    covered = unshared_by_owner_.Covers(path);
    // Another file may have come to a path that is private by itself: it is followed from now on.
    if (!unshared_by_owner_.Has(path) && !unshared_by_owner_.HasInode(inode)) return covered;
  }
  const absl::StatusOr<FileMark> mark = folder_->Mark(path);
  if (!mark.ok()) return covered;
  UnsharedRecord record{path, stat.kind == FileKind::kFolder, *mark};
  {
    MutexLock lock(&mutex_);
    if (!unshared_by_owner_.HasMark(*mark) && !unshared_by_owner_.Has(path)) return covered;
    // Also when the ledger then fails, as on a full disk: a restart follows it once more.
    unshared_by_owner_.Put(record);
  }
  ledger_->RecordUnshared({std::move(record)}).IgnoreError();
  return true;
}

absl::Status Library::SetUnsharedByOwner(const std::string& path, bool unshared) {
  const FileMark mark = folder_->Mark(path).value_or(FileMark());
  if (unshared) {
    const absl::StatusOr<FileStat> stat = folder_->Stat(path);
    UnsharedRecord record{path, stat.ok() && stat->kind == FileKind::kFolder, mark};
    if (absl::Status s = ledger_->RecordUnshared({record}); !s.ok()) return s;
    MutexLock lock(&mutex_);
    unshared_by_owner_.Put(record);
    return absl::OkStatus();
  }
  std::vector<std::string> paths = {path};
  if (mark != FileMark()) {
    MutexLock lock(&mutex_);
    for (std::string& name : unshared_by_owner_.WithMark(mark)) paths.push_back(std::move(name));
  }
  return ShareAgain(std::move(paths));
}

absl::Status Library::ShareBeneath(const std::string& folder) {
  std::vector<std::string> paths;
  {
    MutexLock lock(&mutex_);
    paths = unshared_by_owner_.Beneath(folder);
  }
  if (!folder.empty()) paths.push_back(folder);
  return ShareAgain(std::move(paths));
}

// Their earlier names too: otherwise the files would be followed from these.
absl::Status Library::ShareAgain(std::vector<std::string> paths) {
  {
    MutexLock lock(&mutex_);
    paths = unshared_by_owner_.Related(paths);
  }
  if (absl::Status s = ledger_->RecordShared(paths); !s.ok()) return s;
  MutexLock lock(&mutex_);
  for (const std::string& path : paths) unshared_by_owner_.Erase(path);
  return absl::OkStatus();
}

}  // namespace arkshare
