// A folder of a test's own that goes when the test ends.
#ifndef ARKSHARE_TESTS_SUPPORT_TEMP_DIR_H_
#define ARKSHARE_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

namespace arkshare {

// Mode 0700, under $TMPDIR or /tmp, with a short path, so that unix sockets fit into it. Removed
// with all that is in it, unless the test has failed and ARKSHARE_KEEP_TEST_FOLDERS is set. Aborts
// when it cannot be made.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of something in it; nothing is created.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_TEMP_DIR_H_
