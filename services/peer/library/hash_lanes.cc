#include "services/peer/library/hash_lanes.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace arkshare {
namespace {

// More lanes than these would keep the disk and the processors from uploads.
constexpr unsigned kMostLanes = 4;

}  // namespace

absl::StatusOr<FileHash> HashPath(const SharedFolder& folder, const std::string& path,
                                  const Clock& clock, const std::atomic<bool>& stop) {
  absl::StatusOr<SharedFolder::OpenedFile> file = folder.OpenFile(path);
  if (!file.ok()) return file.status();
  if (folder.traits().UntilSettled(file->stat.identity, clock.Now()) > absl::ZeroDuration()) {
    return absl::FailedPreconditionError("the file was written just now");
  }
  absl::StatusOr<HashedFile> hashed = HashFile(file->fd.get(), file->stat.identity, &stop);
  if (!hashed.ok()) return hashed.status();
  return FileHash{file->stat, *std::move(hashed)};
}

HashLanes::HashLanes(const SharedFolder* folder, const Clock* clock, std::function<void()> on_done)
    : folder_(folder), clock_(clock), on_done_(std::move(on_done)) {}

HashLanes::~HashLanes() { Stop(); }

void HashLanes::Start() {
  const unsigned lanes = std::clamp(std::thread::hardware_concurrency(), 2U, kMostLanes);
  threads_.emplace_back([this] { Run(HashQueue::Lane::kSmallOnly); });
  while (threads_.size() < lanes) {
    threads_.emplace_back([this] { Run(HashQueue::Lane::kAny); });
  }
}

void HashLanes::Stop() {
  stop_.store(true);
  {
    MutexLock lock(&mutex_);
    queue_.Clear();
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void HashLanes::Add(const std::string& path, uint64_t size) {
  MutexLock lock(&mutex_);
  queue_.Add(path, size);
  changed_.NotifyAll();
}

std::vector<HashLanes::Done> HashLanes::TakeDone(size_t most) {
  MutexLock lock(&mutex_);
  if (done_.size() <= most) return std::exchange(done_, {});
  const auto end = done_.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<Done> taken(std::make_move_iterator(done_.begin()), std::make_move_iterator(end));
  done_.erase(done_.begin(), end);
  return taken;
}

size_t HashLanes::done() const {
  MutexLock lock(&mutex_);
  return done_.size();
}

void HashLanes::Run(HashQueue::Lane lane) {
  while (true) {
    std::optional<std::string> path;
    {
      MutexLock lock(&mutex_);
      while (!stop_.load() && !(path = queue_.Take(lane))) changed_.Wait(&mutex_);
      if (stop_.load()) return;
    }
    absl::StatusOr<FileHash> file = HashPath(*folder_, *path, *clock_, stop_);
    {
      MutexLock lock(&mutex_);
      queue_.Ended(*path);
      done_.push_back({*std::move(path), std::move(file)});
    }
    on_done_();
  }
}

}  // namespace arkshare
