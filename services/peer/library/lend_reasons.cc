#include "services/peer/library/lend_reasons.h"

#include <absl/status/statusor.h>

#include "services/peer/disk/read_lease.h"
#include "services/peer/disk/removal_check.h"

namespace arkshare {
namespace {

constexpr absl::Duration kRemember = absl::Seconds(1);

}  // namespace

const char kOpenForWriting[] = "a program has the file open for writing";

std::string LendReasons::Find(const std::string& path, Depth depth) {
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  if (depth == Depth::kFolder) return FindOfFolder(parent);
  const absl::StatusOr<UniqueFd> root = folder_->OpenFolder("");
  const absl::StatusOr<UniqueFd> above = folder_->OpenFolder(parent);
  const absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenFile(path);
  if (!root.ok() || !above.ok() || !file.ok()) return "";
  const std::string leaf = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string reason = WhyNotRemovable(root->get(), above->get(), leaf);
  if (reason.empty() && ReadLease(file->fd.get()).refused()) reason = kOpenForWriting;
  return reason;
}

std::string LendReasons::FindOfFolder(const std::string& parent) {
  const absl::Time now = clock_->Monotonic();
  {
    MutexLock lock(&mutex_);
    if (parent_ == parent && now - asked_ < kRemember) return reason_;
  }
  const absl::StatusOr<UniqueFd> root = folder_->OpenFolder("");
  const absl::StatusOr<UniqueFd> above = folder_->OpenFolder(parent);
  if (!root.ok() || !above.ok()) return "";
  const std::string reason = WhyNotRemovable(root->get(), above->get(), "");
  MutexLock lock(&mutex_);
  parent_ = parent;
  reason_ = reason;
  asked_ = now;
  return reason;
}

}  // namespace arkshare
