#include "services/peer/disk/state_files.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "lib/core/bytes.h"
#include "services/peer/disk/beneath.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {
namespace {

constexpr uint64_t kMostStateBytes = 8 * 1024 * 1024;

}  // namespace

absl::StatusOr<std::optional<std::string>> StateFiles::Read(const std::string& name) const {
  const UniqueFd fd(::openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return std::nullopt;
    return ErrnoStatus(errno, name);
  }
  absl::StatusOr<FileStat> stat = StatFd(fd.get());
  if (!stat.ok()) return stat.status();
  if (stat->kind != FileKind::kRegular || stat->identity.size > kMostStateBytes) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a file of this peer's state"));
  }
  std::string content(stat->identity.size, '\0');
  absl::Status read =
      ReadFully(fd.get(), 0, reinterpret_cast<uint8_t*>(content.data()), content.size());
  if (!read.ok()) return read;
  return content;
}

absl::Status StateFiles::Write(const std::string& name, absl::string_view content) const {
  const std::string temporary = absl::StrCat(name, ".new");
  const UniqueFd fd(::openat(folder_, temporary.c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, temporary);
  absl::Status written = WriteFully(fd.get(), 0, AsBytes(content).data(), content.size());
  if (!written.ok()) return written;
  // fsync before rename: the name implies a whole, durable file.
  SyncOrDie(fd.get(), name.c_str());
  if (::renameat(folder_, temporary.c_str(), folder_, name.c_str()) != 0) {
    return ErrnoStatus(errno, name);
  }
  SyncOrDie(folder_, ".arkshare");
  return absl::OkStatus();
}

absl::Status StateFiles::Remove(const std::string& name) const {
  if (::unlinkat(folder_, name.c_str(), 0) != 0 && errno != ENOENT) return ErrnoStatus(errno, name);
  SyncOrDie(folder_, ".arkshare");
  return absl::OkStatus();
}

}  // namespace arkshare
