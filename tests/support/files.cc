#include "tests/support/files.h"

#include <absl/time/clock.h>
#include <absl/types/span.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <system_error>

#include "lib/core/bytes.h"
#include "lib/core/clock.h"
#include "lib/core/merkle.h"

namespace arkshare {
namespace fs = std::filesystem;

std::string BookBytes(uint64_t size, uint32_t seed) {
  std::mt19937_64 generator(seed);
  std::string bytes(size, '\0');
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    const uint64_t word = generator();
    bytes.replace(at, sizeof(word), reinterpret_cast<const char*>(&word), sizeof(word));
  }
  bytes.resize(size);
  return bytes;
}

void WriteBook(const std::string& folder, const std::string& name, absl::string_view bytes) {
  const fs::path path = fs::path(folder) / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) {
    std::perror(path.c_str());
    std::abort();
  }
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::map<std::string, std::string> ReadFolder(const std::string& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; at != end; at.increment(error)) {
    if (at->path().filename().native().starts_with('.')) {
      at.disable_recursion_pending();
    } else if (at->is_regular_file(error) && !at->is_symlink(error)) {
      files[at->path().lexically_relative(folder).native()] = Sha256Hex(ReadFile(at->path()));
    }
  }
  return files;
}

std::string Sha256Hex(absl::string_view bytes) { return ToHex(Sha256(AsBytes(bytes))); }

ContentId ContentOf(absl::string_view bytes) {
  BookHasher hasher(bytes.size());
  hasher.Update(AsBytes(bytes));
  return hasher.Finish()->id;
}

bool EventuallyTrue(absl::FunctionRef<bool()> predicate, absl::Duration timeout) {
  const absl::Time deadline = Clock::Real()->Monotonic() + timeout;
  while (!predicate()) {
    if (Clock::Real()->Monotonic() >= deadline) return predicate();
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

}  // namespace arkshare
