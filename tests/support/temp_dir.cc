#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace arkshare {

TempDir::TempDir() {
  const char* parent = std::getenv("TMPDIR");
  path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/arkshare-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) {
    std::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  if (testing::Test::HasFailure() && std::getenv("ARKSHARE_KEEP_TEST_FOLDERS") != nullptr) {
    std::printf("kept %s\n", path_.c_str());
    return;
  }
  // A killed program may leave folders that cannot be entered; those are not worth failing for.
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace arkshare
