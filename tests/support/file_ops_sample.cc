// Does a fixed sequence of things to files in the current folder; file_ops_test.cc knows what.
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

void Must(long result) {
  if (result < 0) {
    perror("file_ops_sample");
    std::exit(1);
  }
}

void MoveABook() {
  Must(mkdir("staging", 0700));
  const int root = open(".", O_RDONLY | O_DIRECTORY);
  Must(root);
  open_how how = {};
  how.flags = O_WRONLY | O_CREAT;
  how.mode = 0600;
  how.resolve = RESOLVE_BENEATH;
  int file = static_cast<int>(syscall(SYS_openat2, root, "staging/a\tb", &how, sizeof(how)));
  if (file < 0) file = openat(root, "staging/a\tb", O_WRONLY | O_CREAT, 0600);
  Must(file);
  Must(fallocate(file, 0, 0, 3));
  for (int i = 0; i < 3; ++i) Must(pwrite(file, "x", 1, i));
  Must(fdatasync(file));
  Must(write(file, "x", 1));
  Must(fsync(file));
  Must(close(file));
  Must(renameat2(root, "staging/a\tb", root, "book", RENAME_NOREPLACE));
  Must(fsync(root));
  if (syscall(SYS_renameat2, root, "none", root, "book", RENAME_NOREPLACE) == 0) std::exit(1);
  Must(link("book", "other"));
  Must(rename("other", "third"));
  Must(unlinkat(root, "third", 0));
  Must(unlink("book"));
  Must(close(root));
}

// Many threads at once: no line is lost or torn.
void WriteFromThreads() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([i] {
      const std::string name = "thread" + std::to_string(i);
      for (int round = 0; round < 50; ++round) {
        const int file = open(name.c_str(), O_WRONLY | O_CREAT, 0600);
        Must(file);
        Must(write(file, "x", 1));
        Must(fsync(file));
        Must(close(file));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || chdir(argv[2]) != 0) return 2;
  if (std::string(argv[1]) == "move") MoveABook();
  if (std::string(argv[1]) == "threads") WriteFromThreads();
  // The program's own work is not disturbed: errno is what the failing call left.
  if (unlink("missing") == 0 || errno != ENOENT) return 3;
  puts("done");
  return 0;
}
