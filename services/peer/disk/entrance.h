// The way of a received book from staging/ into its place in the shared folder.
#ifndef ARKSHARE_SERVICES_PEER_DISK_ENTRANCE_H_
#define ARKSHARE_SERVICES_PEER_DISK_ENTRANCE_H_

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/ticket.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/disk/unique_fd.h"

namespace arkshare {

// A book takes two steps:
//
//   .arkshare/staging/ID         while it is received
//   FOLDER/.arkshare-ID.part     beside its place, once it is whole; no peer lists dot-files
//   FOLDER/NAME                  in its place
//
// The second step only renames within one folder. Another file system, subvolume or mount, a folder
// that may not be written, a name that is too long: these fail before it. So a peer
// asks for a book only when the book can enter (docs/decisions has the reasons).
//
// Paths are relative to the shared folder. Thread-safe: it only holds descriptors. For the errors
// see SharedFolder.
class Entrance {
 public:
  Entrance() = default;  // to be assigned to before use
  // Both stay open as long as it lives. `device` is that of `root`.
  Entrance(int root, uint64_t device, int staging)
      : root_(root), device_(device), staging_(staging) {}

  // Returns ".arkshare-ID.part".
  static std::string PartName(const TransferId& id);

  // The results of CheckPlace for the folders of earlier paths, for the next ones.
  using Checked = std::map<std::string, absl::Status>;
  // Tries whether a book can enter at `path`: what is on the way, and a rename from staging/ into
  // the deepest folder that exists. Makes no folder. An error says for people why it cannot.
  absl::Status CheckPlace(const std::string& path, Checked& checked) const;

  // Makes the folders on the way to `path`, and returns those that were not there, outermost first.
  absl::StatusOr<std::vector<std::string>> MakeFolders(const std::string& path) const;
  // Removes a folder if it is empty.
  absl::Status RemoveEmptyFolder(const std::string& folder) const;

  // Brings a whole book from staging/ beside its place, and makes the folders on the way. Does
  // nothing when the book is there already. Not yet durable: sync the folder of `path`.
  absl::Status BringNear(const TransferId& id, const std::string& path) const;
  // Brings a book beside another place, from wherever it waits. Not yet durable.
  absl::Status MoveNear(const TransferId& id, const std::string& from, const std::string& to) const;
  // Brings it back to staging/, because it is received further. Does nothing when it is not near.
  absl::Status TakeBack(const TransferId& id, const std::string& path) const;
  // Renames a book to `path`, from wherever it waits. Makes folders on the way. Not yet durable.
  // Never replaces a file (AlreadyExists); NotFound when it waits nowhere.
  absl::Status Enter(const TransferId& id, const std::string& path) const;

  // Finds a book that waits beside `path`, in staging/, or in a folder that a person has renamed
  // since. NotFound when it waits nowhere; another error when it may be where it cannot be seen
  // now.
  absl::StatusOr<FileStat> Stat(const TransferId& id, const std::string& path) const;
  // Removes a book that waits beside `path` or in staging/; an absent one counts as removed.
  absl::Status Remove(const TransferId& id, const std::string& path) const;
  // Removes the books that wait in any folder and for which `keep` returns false.
  void RemoveOthers(absl::FunctionRef<bool(const TransferId&)> keep) const;

 private:
  struct Waiting {
    UniqueFd folder;
    std::string name;
    FileStat stat;
  };
  absl::StatusOr<Waiting> Find(const TransferId& id, const std::string& path) const;
  absl::StatusOr<UniqueFd> OpenFolderOf(const std::string& path) const;
  absl::StatusOr<Waiting> FindIn(absl::StatusOr<UniqueFd> folder, const std::string& name) const;
  // Visits the waiting books of all folders until `visit` returns false.
  void ForEachPart(
      absl::FunctionRef<bool(const std::string& folder, const TransferId& id)> visit) const;
  absl::Status CheckFolder(const std::string& folder) const;
  absl::Status TryRename(int folder) const;
  absl::Status CheckLeaf(const std::string& leaf) const;

  int root_ = -1;
  uint64_t device_ = 0;
  int staging_ = -1;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_ENTRANCE_H_
