// Reads the file operations of a program, as file_ops_recorder.cc recorded them.
#ifndef ARKSHARE_TESTS_SUPPORT_FILE_OPS_H_
#define ARKSHARE_TESTS_SUPPORT_FILE_OPS_H_

#include <map>
#include <string>
#include <vector>

namespace arkshare {

struct FileOp {
  int thread = 0;
  // open, write, truncate, allocate, sync, datasync, rename, unlink, link, mkdir.
  std::string operation;
  std::string path;      // absolute
  std::string new_path;  // of rename and link
  int error = 0;         // errno; 0 for success

  bool operator==(const FileOp&) const = default;
};

// For ProcessOptions::env: the program and all that it starts append to `log_file`.
std::map<std::string, std::string> RecordFileOps(const std::string& log_file);

// In the order in which the operations returned.
std::vector<FileOp> ReadFileOps(const std::string& log_file);

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_FILE_OPS_H_
