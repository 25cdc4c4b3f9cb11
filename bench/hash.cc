// Hashes files as arkshare-peer does when it indexes them, one after the other on one thread,
// without the peer around it.
//
//   arkshare-bench-hash FILE...   prints "ROOT  FILE" for each
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/merkle.h"

namespace {

constexpr size_t kReadBytes = 1024 * 1024;

// Prints the reason and returns false when the file cannot be read.
bool HashFile(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || fstat(file, &info) != 0) {
    std::perror(path);
    return false;
  }
  arkshare::BookHasher hasher(static_cast<uint64_t>(info.st_size));
  std::vector<uint8_t> buffer(kReadBytes);
  for (off_t left = info.st_size; left > 0;) {
    const ssize_t n = read(file, buffer.data(), buffer.size());
    if (n <= 0 || n > left) break;  // Finish then says that the size is not as expected.
    hasher.Update({buffer.data(), static_cast<size_t>(n)});
    left -= n;
  }
  close(file);
  const absl::StatusOr<arkshare::BookHasher::Result> result = hasher.Finish();
  if (!result.ok()) {
    std::fprintf(stderr, "%s: the file changed while it was read\n", path);
    return false;
  }
  std::printf("%s  %s\n", arkshare::ToHex(result->id.root).c_str(), path);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  bool all = argc > 1;
  for (int i = 1; i < argc; ++i) all = HashFile(argv[i]) && all;
  return all ? 0 : 1;
}
