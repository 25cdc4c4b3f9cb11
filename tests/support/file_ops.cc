#include "tests/support/file_ops.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/files.h"

namespace arkshare {

std::map<std::string, std::string> RecordFileOps(const std::string& log_file) {
  // A sanitizer's own library insists on being the first one.
  const std::string first = ARKSHARE_SANITIZER_LIBRARY;
  return {{"LD_PRELOAD", (first.empty() ? "" : first + ":") + ARKSHARE_FILE_OPS_RECORDER},
          {"ARKSHARE_FILE_OPS_LOG", log_file}};
}

std::vector<FileOp> ReadFileOps(const std::string& log_file) {
  const std::string text = ReadFile(log_file);
  std::vector<FileOp> ops;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, '\t');
    FileOp op;
    if (parts.size() != 5 || !absl::SimpleAtoi(parts[0], &op.thread) ||
        !absl::SimpleAtoi(parts[4], &op.error)) {
      std::fprintf(stderr, "not a line of the recorder: %s\n", std::string(line).c_str());
      std::abort();
    }
    const auto unescape = [](const std::string& path) {
      return absl::StrReplaceAll(path, {{"\\t", "\t"}, {"\\n", "\n"}, {"\\\\", "\\"}});
    };
    op.operation = parts[1];
    op.path = unescape(parts[2]);
    if (parts[3] != "-") op.new_path = unescape(parts[3]);
    ops.push_back(std::move(op));
  }
  return ops;
}

}  // namespace arkshare
