// Small disks for tests: of a full one, and of one with coarse times.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_SMALL_DISK_H_
#define ARKSHARE_SERVICES_PEER_TESTING_SMALL_DISK_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace arkshare {

// A disk of a few MiB that only this process sees. Its methods abort the test program when they
// fail.
class SmallDisk {
 public:
  // Unavailable, with the cause, where this process may not mount: skip the test.
  // Mounts a tmpfs.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(uint64_t bytes);
  // Mounts an ext4 with small inodes, whose times have no fraction of a second.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> MountWithWholeSeconds();
  ~SmallDisk();

  const std::string& path() const { return path_; }
  // Uses up every free block.
  void Fill();
  // Frees all blocks that Fill used.
  void MakeRoom();

 private:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_SMALL_DISK_H_
