#include "services/peer/library/unshared_files.h"

#include <cstdint>
#include <utility>

namespace arkshare {

absl::Status UnsharedFiles::Load() {
  absl::StatusOr<std::vector<UnsharedRecord>> records = ledger_->All();
  if (!records.ok()) return records.status();
  MutexLock lock(&mutex_);
  for (UnsharedRecord& record : *records) paths_.Put(std::move(record));
  return absl::OkStatus();
}

bool UnsharedFiles::Covers(const std::string& path) const {
  MutexLock lock(&mutex_);
  return paths_.Covers(path);
}

bool UnsharedFiles::Follow(const std::string& path, const FileStat& stat) {
  const uint64_t inode = stat.identity.inode;
  bool covered = false;
  {
    MutexLock lock(&mutex_);
    if (paths_.Has(path, inode)) return true;
    covered = paths_.Covers(path);
    // Another file may have come to a path that is private by itself: it is followed from now on.
    if (!paths_.Has(path) && !paths_.HasInode(inode)) return covered;
  }
  const absl::StatusOr<FileMark> mark = folder_->Mark(path);
  if (!mark.ok()) return covered;
  UnsharedRecord record{path, stat.kind == FileKind::kFolder, *mark};
  {
    MutexLock lock(&mutex_);
    if (!paths_.HasMark(*mark) && !paths_.Has(path)) return covered;
    // Also when the ledger then fails, as on a full disk: a restart follows it once more.
    paths_.Put(record);
  }
  ledger_->Put({std::move(record)}).IgnoreError();
  return true;
}

absl::Status UnsharedFiles::Unshare(const std::string& path) {
  const FileMark mark = folder_->Mark(path).value_or(FileMark());
  const absl::StatusOr<FileStat> stat = folder_->Stat(path);
  UnsharedRecord record{path, stat.ok() && stat->kind == FileKind::kFolder, mark};
  if (absl::Status s = ledger_->Put({record}); !s.ok()) return s;
  MutexLock lock(&mutex_);
  paths_.Put(record);
  return absl::OkStatus();
}

absl::Status UnsharedFiles::Share(const std::string& path) {
  const FileMark mark = folder_->Mark(path).value_or(FileMark());
  std::vector<std::string> paths = {path};
  if (mark != FileMark()) {
    MutexLock lock(&mutex_);
    for (std::string& name : paths_.WithMark(mark)) paths.push_back(std::move(name));
  }
  return ShareAll(std::move(paths));
}

absl::Status UnsharedFiles::ShareBeneath(const std::string& folder) {
  std::vector<std::string> paths;
  {
    MutexLock lock(&mutex_);
    paths = paths_.Beneath(folder);
  }
  if (!folder.empty()) paths.push_back(folder);
  return ShareAll(std::move(paths));
}

// Their earlier names too: otherwise the files would be followed from these.
absl::Status UnsharedFiles::ShareAll(std::vector<std::string> paths) {
  {
    MutexLock lock(&mutex_);
    paths = paths_.Related(paths);
  }
  if (absl::Status s = ledger_->Remove(paths); !s.ok()) return s;
  MutexLock lock(&mutex_);
  for (const std::string& path : paths) paths_.Erase(path);
  return absl::OkStatus();
}

}  // namespace arkshare
