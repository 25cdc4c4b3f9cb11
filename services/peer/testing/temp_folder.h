// Temporary folders, and what people do with files in them. Everything here aborts the test program
// when it cannot do what it is asked.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_TEMP_FOLDER_H_
#define ARKSHARE_SERVICES_PEER_TESTING_TEMP_FOLDER_H_

#include <absl/strings/string_view.h>

#include <string>
#include <vector>

namespace arkshare {

// A new folder that is deleted with its object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(absl::string_view name) const;

 private:
  std::string path_;
};

// Makes an empty folder that is not deleted by itself.
std::string MakeTempFolder();

// Writes a whole file, and makes the folders on the way.
void WriteFileAt(const std::string& path, absl::string_view bytes);
// Dates a file an hour back, so that any later change shows in its time.
void MakeOld(const std::string& path);
// Returns the whole file; "(none)" when there is no file.
std::string ReadFileAt(const std::string& path);
bool Exists(const std::string& path);
// Returns the names in a folder, without dot-files, in order.
std::vector<std::string> NamesIn(const std::string& folder);

// Ends the test program with `what` and errno.
[[noreturn]] void DieOfErrno(absl::string_view what);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_TEMP_FOLDER_H_
