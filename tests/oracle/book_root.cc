// book_root FILE...: prints each file's Merkle root and the hashes of its pieces in hex, on one
// line, for an independent program to compare.
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "lib/core/merkle.h"

namespace {

absl::StatusOr<arkshare::BookHasher::Result> HashFile(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file.is_open()) return absl::NotFoundError("cannot open the file");
  arkshare::BookHasher hasher(static_cast<uint64_t>(file.tellg()));
  file.seekg(0);
  // Neither a block nor a divisor of one, so that blocks are pieced together too.
  std::vector<uint8_t> buffer(100'000);
  while (file.good()) {
    file.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
    hasher.Update({buffer.data(), static_cast<size_t>(file.gcount())});
  }
  return hasher.Finish();
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::StatusOr<arkshare::BookHasher::Result> result = HashFile(argv[i]);
    if (!result.ok()) {
      std::fprintf(stderr, "%s: %s\n", argv[i], result.status().ToString().c_str());
      return 1;
    }
    std::printf("%s", arkshare::ToHex(result->id.root).c_str());
    for (const arkshare::Sha256Digest& piece : result->pieces) {
      std::printf(" %s", arkshare::ToHex(piece).c_str());
    }
    std::printf("\n");
  }
  return 0;
}
