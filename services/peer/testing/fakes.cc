#include "services/peer/testing/fakes.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <system_error>

#include "lib/core/merkle.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(absl::string_view what) {
  std::cerr << what << ": " << std::strerror(errno) << std::endl;
  std::abort();
}

std::string NewFolder() {
  const char* parent = std::getenv("TMPDIR");
  std::string path = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/arkshare-XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) Die(path);
  return path;
}

}  // namespace

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "a step that must work failed: " << status << std::endl;
  std::abort();
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "OK";
  const absl::string_view name = ReasonName(GetReason(status));
  return name.empty() ? absl::StatusCodeToString(status.code()) : std::string(name);
}

FakeBook FakeBook::Of(std::string bytes) {
  BookHasher hasher(bytes.size());
  hasher.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  BookHasher::Result result = Must(hasher.Finish());
  return {std::move(bytes), result.id, std::move(result.pieces)};
}

FakeBook FakeBook::OfSize(uint64_t size, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(&bytes[at], &word, std::min<size_t>(sizeof word, size - at));
  }
  return Of(std::move(bytes));
}

TempFolder::TempFolder() : path_(NewFolder()) {}

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
  if (!file) Die(path);
}

void MakeOld(const std::string& path) {
  struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
  times[1] = absl::ToTimespec(Clock::Real()->Now() - absl::Hours(1));
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) Die(path);
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

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(uint64_t bytes) {
  // A mount namespace of our own: whatever becomes of this process, nothing stays mounted.
  static const bool own_namespace =
      ::unshare(CLONE_NEWNS) == 0 &&
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  if (!own_namespace) {
    return absl::UnavailableError(
        absl::StrCat("needs a small tmpfs, which only root can mount: ", std::strerror(errno)));
  }
  auto disk = std::unique_ptr<SmallDisk>(new SmallDisk(NewFolder()));
  const std::string options = absl::StrCat("size=", bytes);
  if (::mount("tmpfs", disk->path_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("needs a small tmpfs, which cannot be mounted: ", std::strerror(errno)));
  }
  return disk;
}

SmallDisk::~SmallDisk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

void SmallDisk::Fill() {
  // A dot-file, so that no peer sees it.
  const int fd =
      ::open((path_ + "/.ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) Die(path_);
  const std::string block(4096, 'x');
  while (::write(fd, block.data(), block.size()) > 0) {
  }
  if (errno != ENOSPC) Die(path_);
  ::close(fd);
}

void SmallDisk::MakeRoom() {
  if (::unlink((path_ + "/.ballast").c_str()) != 0) Die(path_);
}

PeerDisk::PeerDisk(const std::string& path, Library::Options options, const Clock* clock)
    : folder(Must(SharedFolder::Open(path))),
      key(Must(folder->LoadOrCreateKey())),
      ledger(Must(Ledger::Open(folder.get(), clock))),
      cache(Must(HashCache::Open(*folder))),
      library(std::make_unique<Library>(folder.get(), ledger.get(), clock, options)),
      scanner(std::make_unique<FolderScanner>(folder.get(), cache.get(), library.get(), clock)),
      handover(std::make_unique<Handover>(folder.get(), ledger.get(), library.get(), key)) {}

Book PeerDisk::List(const std::string& name, const FakeBook& book) {
  WriteFileAt(PathOf(name), book.bytes);
  MakeOld(PathOf(name));
  const FileStat stat = Must(folder->Stat(name));
  cache->Remember(stat.identity, book.id, book.pieces);
  Must(library->Appear(ListingRecord{.name = Must(BookName::Parse(name)),
                                     .path = name,
                                     .content = book.id,
                                     .identity = stat.identity},
                       stat.links > 1));
  std::optional<Book> listed = library->FindPath(name);
  if (!listed) Die(absl::StrCat("not listed: ", name));
  return *std::move(listed);
}

}  // namespace arkshare
