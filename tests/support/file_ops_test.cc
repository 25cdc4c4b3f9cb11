#include "tests/support/file_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <utility>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;

// Runs the sample in a folder of its own; every path below that folder, without it.
std::vector<FileOp> Record(const std::string& what) {
  TempDir folder;
  TempDir log;
  ProcessOptions options;
  options.argv = {ARKSHARE_FILE_OPS_SAMPLE, what, folder.path()};
  options.env = RecordFileOps(log / "ops");
  absl::StatusOr<Finished> finished = RunToEnd(options);
  EXPECT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(finished->exit, (ExitStatus{.code = 0, .signal = 0})) << finished->log;
  EXPECT_EQ(finished->output, "done\n");
  std::vector<FileOp> ops;
  for (FileOp op : ReadFileOps(log / "ops")) {
    if (!op.path.starts_with(folder.path())) continue;
    op.path.erase(0, folder.path().size());
    if (!op.new_path.empty()) op.new_path.erase(0, folder.path().size());
    ops.push_back(std::move(op));
  }
  return ops;
}

// "rename /a /b", with "!" and errno when it failed.
std::string Line(const FileOp& op) {
  return op.operation + " " + op.path + (op.new_path.empty() ? "" : " " + op.new_path) +
         (op.error == 0 ? "" : "!" + std::to_string(op.error));
}

TEST(FileOpsTest, RecordsEveryOperationInOrder) {
  std::vector<std::string> lines;
  for (const FileOp& op : Record("move")) lines.push_back(Line(op));
  EXPECT_THAT(lines,
              ElementsAre("mkdir /staging", "open /staging/a\tb", "allocate /staging/a\tb",
                          "write /staging/a\tb", "datasync /staging/a\tb", "write /staging/a\tb",
                          "sync /staging/a\tb", "rename /staging/a\tb /book", "sync ",
                          "rename /none /book!" + std::to_string(ENOENT), "link /book /other",
                          "rename /other /third", "unlink /third", "unlink /book",
                          "unlink /missing!" + std::to_string(ENOENT)));
}

TEST(FileOpsTest, LosesNothingOfManyThreads) {
  std::map<std::pair<int, std::string>, int> counts;
  int files = 0;
  for (const FileOp& op : Record("threads")) {
    if (op.path == "/missing") continue;
    ++counts[{op.thread, op.operation + " " + op.path}];
    ++files;
  }
  EXPECT_EQ(files, 8 * 50 * 3);
  EXPECT_EQ(counts.size(), 8u * 3u);
  for (const auto& [what, count] : counts) EXPECT_EQ(count, 50) << what.second;
}

}  // namespace
}  // namespace arkshare
