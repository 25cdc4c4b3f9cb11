// Files of downloads in progress: .arkshare/staging/.
#ifndef ARKSHARE_SERVICES_PEER_DISK_STAGING_AREA_H_
#define ARKSHARE_SERVICES_PEER_DISK_STAGING_AREA_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "lib/core/ticket.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// Reads a transfer id as it is written in the names of files. InvalidArgument.
absl::StatusOr<TransferId> TransferIdFromHex(absl::string_view hex);

// A folder with one file a transfer, named by its id in hex. Thread-safe: it only holds a
// descriptor. For the errors see SharedFolder.
class StagingArea {
 public:
  StagingArea() = default;  // to be assigned to before use
  explicit StagingArea(UniqueFd folder) : folder_(std::move(folder)) {}

  // The folder itself, for renames out of it.
  int fd() const { return folder_.get(); }

  // Opens a new file with room for `size` bytes, in place of one with the same id.
  absl::StatusOr<UniqueFd> Create(const TransferId& id, uint64_t size) const;
  // Like Create, but keeps what an interrupted download with that id has left there.
  absl::StatusOr<UniqueFd> Reopen(const TransferId& id, uint64_t size) const;
  // Copies an open file into a new one, durably; by reflink where the file system can. Calls
  // `go_on` with the number of bytes that are copied, at least once a MiB, and before the first
  // byte; when it returns false, removes the copy and returns Cancelled.
  using GoOn = absl::FunctionRef<bool(uint64_t copied)>;
  absl::StatusOr<FileStat> Copy(int from_fd, const TransferId& id, GoOn go_on) const;
  absl::Status Remove(const TransferId& id) const;
  absl::StatusOr<FileStat> Stat(const TransferId& id) const;
  std::vector<TransferId> List() const;

  // Returns when the bytes or the attributes of a staged file changed last.
  absl::StatusOr<absl::Time> ChangedAt(const TransferId& id) const;
  // Removes everything for which `keep` returns false, and what has no transfer's name.
  void RemoveOthers(absl::FunctionRef<bool(const TransferId&)> keep) const;

  // Makes the bytes of staged files durable, but not their names.
  void SyncBytes(absl::Span<const int> fds) const;

 private:
  absl::StatusOr<UniqueFd> OpenFile(const TransferId& id, uint64_t size, int truncate) const;
  // Copies all bytes, or shares them between the two files.
  absl::Status CopyBytes(int from_fd, int to_fd, GoOn go_on) const;

  UniqueFd folder_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_STAGING_AREA_H_
