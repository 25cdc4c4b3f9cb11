// A library for LD_PRELOAD that writes down, in order, what a program does to files: proof that it
// syncs before it renames, which no kill can give, because a killed program loses nothing of the
// page cache.
//
// Every operation that succeeds or fails adds one line to the file that ARKSHARE_FILE_OPS_LOG
// names, after it has returned:
//   <thread id> TAB <operation> TAB <path> TAB <second path or -> TAB <0 or errno>
// Operations: open (only those that may write or create), write, truncate, allocate, sync,
// datasync, rename, unlink, link, mkdir. Paths are absolute; TAB, newline and backslash are
// written as \t, \n, \\. Only regular files and folders count; writes to one file that follow each
// other are one line.
//
// Not seen: stdio (FILE*, iostreams), memory maps, and system calls that go round libc.
// file_ops.h reads the log.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

namespace {

// Nothing here may need a constructor: other libraries open files before ours would have run.
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
int log_fd = -2;               // guarded by mutex; -2: not opened yet, -1: no log
char last_written[4096] = "";  // guarded by mutex

// The next function of this name after ours, libc's. No static with a guard keeps it: guards wait
// by syscall(), which is one of ours.
void* Real(std::atomic<void*>& known, const char* name) {
  void* real = known.load(std::memory_order_acquire);
  if (real == nullptr) {
    real = dlsym(RTLD_NEXT, name);
    known.store(real, std::memory_order_release);
  }
  return real;
}
#define REAL(name)                                                  \
  ([] {                                                             \
    static constinit std::atomic<void*> known = nullptr;            \
    return reinterpret_cast<decltype(&::name)>(Real(known, #name)); \
  }())

std::string PathOfFd(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof(path));
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : std::string();
}

std::string PathAt(int folder, const char* path) {
  if (path == nullptr) return PathOfFd(folder);
  if (path[0] == '/') return path;
  std::string base;
  if (folder == AT_FDCWD) {
    char cwd[4096];
    base = getcwd(cwd, sizeof(cwd)) == nullptr ? "" : cwd;
  } else {
    base = PathOfFd(folder);
  }
  return path[0] == '\0' ? base : base + "/" + path;
}

std::string Escape(const std::string& path) {
  std::string escaped;
  for (char c : path) {
    if (c == '\t')
      escaped += "\\t";
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '\\')
      escaped += "\\\\";
    else
      escaped += c;
  }
  return escaped;
}

bool Counts(const std::string& path) {
  return path.starts_with("/") && !path.starts_with("/proc/") && !path.starts_with("/dev/") &&
         !path.starts_with("/sys/") && !path.starts_with("/memfd:");
}

// Keeps errno, which is the program's.
void Record(const char* operation, const std::string& path, const std::string& second,
            bool failed) {
  const int saved_errno = errno;
  if (!Counts(path)) {
    errno = saved_errno;
    return;
  }
  const bool writes = strcmp(operation, "write") == 0;
  pthread_mutex_lock(&mutex);
  if (log_fd == -2) {
    const char* log = getenv("ARKSHARE_FILE_OPS_LOG");
    log_fd = log == nullptr
                 ? -1
                 : static_cast<int>(syscall(SYS_openat, AT_FDCWD, log,
                                            O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  }
  if (log_fd >= 0 && !(writes && !failed && path == last_written)) {
    snprintf(last_written, sizeof(last_written), "%s", writes && !failed ? path.c_str() : "");
    const std::string line = std::to_string(gettid()) + "\t" + operation + "\t" + Escape(path) +
                             "\t" + (second.empty() ? "-" : Escape(second)) + "\t" +
                             std::to_string(failed ? saved_errno : 0) + "\n";
    // One write, so that lines of several processes do not mix.
    if (syscall(SYS_write, log_fd, line.data(), line.size()) < 0) log_fd = -1;
  }
  pthread_mutex_unlock(&mutex);
  errno = saved_errno;
}

template <typename Result>
Result RecordFd(const char* operation, int fd, Result result) {
  const int saved_errno = errno;
  const std::string path = PathOfFd(fd);
  errno = saved_errno;
  Record(operation, path, "", result < 0);
  return result;
}

bool MayWrite(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0; }

// After `call`, which may have changed what the paths mean: so they are worked out before it.
template <typename Call>
auto RecordPath(const char* operation, int folder, const char* path, Call call) {
  const std::string full = PathAt(folder, path);
  auto result = call();
  Record(operation, full, "", result < 0);
  return result;
}

template <typename Call>
auto RecordPaths(const char* operation, int folder, const char* path, int new_folder,
                 const char* new_path, Call call) {
  const std::string full = PathAt(folder, path);
  const std::string new_full = PathAt(new_folder, new_path);
  auto result = call();
  Record(operation, full, new_full, result < 0);
  return result;
}

template <typename Call>
auto RecordOpen(int folder, const char* path, int flags, Call call) {
  return MayWrite(flags) ? RecordPath("open", folder, path, call) : call();
}

}  // namespace

extern "C" {

#define MODE_OF(flags)                                              \
  mode_t mode = 0;                                                  \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
    va_list more;                                                   \
    va_start(more, flags);                                          \
    mode = va_arg(more, mode_t);                                    \
    va_end(more);                                                   \
  }

int open(const char* path, int flags, ...) {
  MODE_OF(flags)
  return RecordOpen(AT_FDCWD, path, flags, [=] { return REAL(open)(path, flags, mode); });
}
int open64(const char* path, int flags, ...) {
  MODE_OF(flags)
  return RecordOpen(AT_FDCWD, path, flags, [=] { return REAL(open64)(path, flags, mode); });
}
int openat(int folder, const char* path, int flags, ...) {
  MODE_OF(flags)
  return RecordOpen(folder, path, flags, [=] { return REAL(openat)(folder, path, flags, mode); });
}
int openat64(int folder, const char* path, int flags, ...) {
  MODE_OF(flags)
  return RecordOpen(folder, path, flags, [=] { return REAL(openat64)(folder, path, flags, mode); });
}
// Libraries that were built with _FORTIFY_SOURCE call these.
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open64(path, flags); }
int __openat_2(int folder, const char* path, int flags) { return openat(folder, path, flags); }
int __openat64_2(int folder, const char* path, int flags) { return openat64(folder, path, flags); }
int creat(const char* path, mode_t mode) {
  return RecordOpen(AT_FDCWD, path, O_WRONLY | O_CREAT, [=] { return REAL(creat)(path, mode); });
}

ssize_t write(int fd, const void* data, size_t size) {
  return RecordFd("write", fd, REAL(write)(fd, data, size));
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return RecordFd("write", fd, REAL(pwrite)(fd, data, size, at));
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return RecordFd("write", fd, REAL(pwrite64)(fd, data, size, at));
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return RecordFd("write", fd, REAL(writev)(fd, parts, count));
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t at) {
  return RecordFd("write", fd, REAL(pwritev)(fd, parts, count, at));
}
ssize_t copy_file_range(int from, off64_t* from_at, int to, off64_t* to_at, size_t size,
                        unsigned flags) {
  return RecordFd("write", to, REAL(copy_file_range)(from, from_at, to, to_at, size, flags));
}

int ftruncate(int fd, off_t size) noexcept {
  return RecordFd("truncate", fd, REAL(ftruncate)(fd, size));
}
int ftruncate64(int fd, off64_t size) noexcept {
  return RecordFd("truncate", fd, REAL(ftruncate64)(fd, size));
}
int fallocate(int fd, int mode, off_t at, off_t size) {
  return RecordFd("allocate", fd, REAL(fallocate)(fd, mode, at, size));
}
int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  return RecordFd("allocate", fd, REAL(fallocate64)(fd, mode, at, size));
}
int posix_fallocate(int fd, off_t at, off_t size) {
  // Returns the error in place of errno.
  const int error = REAL(posix_fallocate)(fd, at, size);
  if (error != 0) errno = error;
  RecordFd("allocate", fd, -error);
  return error;
}
int fsync(int fd) { return RecordFd("sync", fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { return RecordFd("datasync", fd, REAL(fdatasync)(fd)); }

int rename(const char* from, const char* to) noexcept {
  return RecordPaths("rename", AT_FDCWD, from, AT_FDCWD, to,
                     [=] { return REAL(rename)(from, to); });
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return RecordPaths("rename", from_folder, from, to_folder, to,
                     [=] { return REAL(renameat)(from_folder, from, to_folder, to); });
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  return RecordPaths("rename", from_folder, from, to_folder, to,
                     [=] { return REAL(renameat2)(from_folder, from, to_folder, to, flags); });
}
int unlink(const char* path) noexcept {
  return RecordPath("unlink", AT_FDCWD, path, [=] { return REAL(unlink)(path); });
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return RecordPath("unlink", folder, path, [=] { return REAL(unlinkat)(folder, path, flags); });
}
int rmdir(const char* path) noexcept {
  return RecordPath("unlink", AT_FDCWD, path, [=] { return REAL(rmdir)(path); });
}
int link(const char* from, const char* to) noexcept {
  return RecordPaths("link", AT_FDCWD, from, AT_FDCWD, to, [=] { return REAL(link)(from, to); });
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  return RecordPaths("link", from_folder, from, to_folder, to,
                     [=] { return REAL(linkat)(from_folder, from, to_folder, to, flags); });
}
int mkdir(const char* path, mode_t mode) noexcept {
  return RecordPath("mkdir", AT_FDCWD, path, [=] { return REAL(mkdir)(path, mode); });
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return RecordPath("mkdir", folder, path, [=] { return REAL(mkdirat)(folder, path, mode); });
}

// openat2 has no function of its own, and renameat2 had none for long.
long syscall(long number, ...) noexcept {
  va_list more;
  va_start(more, number);
  long a[6];
  for (long& argument : a) argument = va_arg(more, long);
  va_end(more);
  const auto call = [&] { return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]); };
  const auto path = [&](int i) { return reinterpret_cast<const char*>(a[i]); };
  const auto fd = [&](int i) { return static_cast<int>(a[i]); };
  if (number == SYS_openat2) {
    const auto* how = reinterpret_cast<const open_how*>(a[2]);
    return RecordOpen(fd(0), path(1), static_cast<int>(how->flags), call);
  }
  if (number == SYS_renameat2) return RecordPaths("rename", fd(0), path(1), fd(2), path(3), call);
  return call();
}

}  // extern "C"
