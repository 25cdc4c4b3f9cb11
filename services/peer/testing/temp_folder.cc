#include "services/peer/testing/temp_folder.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

#include "lib/core/clock.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

}  // namespace

void DieOfErrno(absl::string_view what) {
  std::cerr << what << ": " << std::strerror(errno) << std::endl;
  std::abort();
}

std::string MakeTempFolder() {
  const char* parent = std::getenv("TMPDIR");
  std::string path = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/arkshare-XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) DieOfErrno(path);
  return path;
}

TempFolder::TempFolder() : path_(MakeTempFolder()) {}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempFolder::operator/(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

void WriteFileAt(const std::string& path, absl::string_view bytes) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) DieOfErrno(path);
}

void MakeOld(const std::string& path) {
  struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
  times[1] = absl::ToTimespec(Clock::Real()->Now() - absl::Hours(1));
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) DieOfErrno(path);
}

std::string ReadFileAt(const std::string& path) {
  if (!fs::is_regular_file(path)) return "(none)";
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool Exists(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0;
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name[0] != '.') names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace arkshare
