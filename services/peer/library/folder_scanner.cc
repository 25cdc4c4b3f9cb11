#include "services/peer/library/folder_scanner.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(1);
constexpr absl::Duration kRescanEvery = absl::Seconds(60);
// How often the peer checks that the folder is still there.
constexpr absl::Duration kCheckPlaceEvery = absl::Seconds(5);
// Paths that are examined, and written to the ledger, at once.
constexpr size_t kBatch = 4000;
// After a write of the ledger, the next one waits this long for company: many changes cost a
// handful of syncs a second. A single change does not wait.
constexpr absl::Duration kCompany = absl::Milliseconds(100);
// How often Examine hashes a file that changes meanwhile.
constexpr int kAttempts = 3;

// A file that was not written for this long does not change all the time.
constexpr absl::Duration kChanging = absl::Minutes(2);

absl::Time Written(const FileHash& file) {
  return absl::FromUnixNanos(file.stat.identity.mtime_ns);
}

bool IsBeneath(const std::string& path, const std::string& folder) {
  return folder.empty() || path == folder || absl::StartsWith(path, folder + "/");
}

}  // namespace

FolderScanner::FolderScanner(const SharedFolder* folder, HashCache* cache, Library* library,
                             const Clock* clock)
    : folder_(folder),
      cache_(cache),
      library_(library),
      clock_(clock),
      watcher_(folder),
      examiner_(folder, cache, library, clock),
      lanes_(folder, clock, [this] {
        MutexLock lock(&mutex_);
        changed_.NotifyAll();
      }) {}

FolderScanner::~FolderScanner() { Stop(); }

absl::Status FolderScanner::Start() {
  watcher_.Open();
  library_->SetExamineRequest([this](const std::string& path) { Request(path); });
  lanes_.Start();
  Walk("", /*at_once=*/true);
  watch_thread_ = std::thread([this] { WatchLoop(); });
  examine_thread_ = std::thread([this] { ExamineLoop(); });
  return absl::OkStatus();
}

void FolderScanner::Stop() {
  stop_.store(true);
  {
    MutexLock lock(&mutex_);
    changed_.NotifyAll();
    stopped_.NotifyAll();
    examined_.NotifyAll();
  }
  watcher_.Wake();
  lanes_.Stop();
  if (watch_thread_.joinable()) watch_thread_.join();
  if (examine_thread_.joinable()) examine_thread_.join();
}

std::string FolderScanner::Trouble() const {
  const absl::Status in_place = folder_->CheckInPlace();
  return in_place.ok() ? watcher_.Trouble() : std::string(in_place.message());
}

bool FolderScanner::CheckInPlace() {
  const absl::Status in_place = folder_->CheckInPlace();
  {
    MutexLock lock(&mutex_);
    if (in_place_ == in_place.ok()) return in_place_;
    in_place_ = in_place.ok();
    rescan_ = true;
  }
  if (in_place.ok()) {
    LogWarning("shared_folder_back", {{"folder", folder_->path()}});
  } else {
    LogError("shared_folder_lost", {{"why", in_place}});
  }
  return in_place.ok();
}

// --- What is to be examined, and when ---

void FolderScanner::Request(const std::string& path) { Schedule(path, absl::ZeroDuration()); }

void FolderScanner::Schedule(const std::string& path, absl::Duration quiet) {
  ScheduleAll({path}, quiet);
}

void FolderScanner::ScheduleAll(absl::Span<const std::string> paths, absl::Duration quiet) {
  const absl::Time time = clock_->Monotonic() + quiet;
  MutexLock lock(&mutex_);
  for (const std::string& path : paths) due_.Schedule(path, time);
  changed_.NotifyAll();
}

void FolderScanner::ScheduleBeneath(const std::string& folder) {
  ScheduleAll(library_->PathsBeneath(folder), absl::ZeroDuration());
  Schedule(folder, absl::ZeroDuration());  // it may be noted as one that cannot be read
}

std::vector<std::string> FolderScanner::TakeEvents(absl::Span<const FolderEvent> events) {
  std::vector<std::string> walks;
  for (const auto& [kind, path] : events) {
    switch (kind) {
      case FolderEvent::Kind::kFileSettled:
        Schedule(path, absl::ZeroDuration());
        break;
      case FolderEvent::Kind::kFileTouched:
        Schedule(path, kQuiet);
        break;
      case FolderEvent::Kind::kFolderAppeared: {
        const auto covers = [&path = path](const std::string& top) { return IsBeneath(path, top); };
        if (std::none_of(walks.begin(), walks.end(), covers)) walks.push_back(path);
        break;
      }
      case FolderEvent::Kind::kFolderVanished:
        watcher_.Forget(path);
        ScheduleBeneath(path);
        break;
      case FolderEvent::Kind::kMissed:
      case FolderEvent::Kind::kRoot: {
        MutexLock lock(&mutex_);
        rescan_ = true;
        break;
      }
    }
  }
  return walks;
}

void FolderScanner::WatchLoop() {
  absl::Time next_rescan = clock_->Monotonic() + kRescanEvery;
  while (!stop_.load()) {
    watcher_.Wait(std::min(next_rescan - clock_->Monotonic(), kCheckPlaceEvery));
    if (stop_.load()) return;
    std::vector<std::string> walks = TakeEvents(watcher_.Read());
    CheckInPlace();
    bool rescan = clock_->Monotonic() >= next_rescan;
    {
      MutexLock lock(&mutex_);
      rescan = std::exchange(rescan_, false) || rescan;
    }
    if (rescan) {
      walks = {""};
      next_rescan = clock_->Monotonic() + kRescanEvery;
      if (absl::Status s = library_->Prune(); !s.ok()) LogWarning("not_pruned", {{"why", s}});
    }
    for (const std::string& folder : walks) Walk(folder, /*at_once=*/false);
  }
}

void FolderScanner::Walk(const std::string& top, bool at_once) {
  if (!CheckInPlace()) return;
  // Before its files: the owner may keep the folder private under its earlier name.
  if (const absl::StatusOr<FileStat> stat = folder_->Stat(top); !top.empty() && stat.ok()) {
    library_->unshared().Follow(top, *stat);
  }
  const auto examine = [&](std::vector<std::string>& paths, size_t from) {
    if (paths.size() < from) return;
    if (at_once) {
      Process({std::move(paths), {}}, LendReasons::Depth::kFolder);
    } else {
      ScheduleAll(paths, absl::ZeroDuration());
    }
    paths.clear();
  };
  std::set<std::string> gone;
  for (std::string& path : library_->PathsBeneath(top)) gone.insert(std::move(path));
  std::vector<std::string> differ;
  std::vector<uint64_t> inodes;
  std::vector<Library::SeenFile> seen;
  // Together, because the library's lock is taken once for them.
  const auto confirm = [&](size_t from) {
    if (seen.size() < from) return;
    for (std::string& path : examiner_.Confirm(seen)) differ.push_back(std::move(path));
    seen.clear();
    examine(differ, kBatch);
  };
  watcher_.Watch(top);
  const auto entry = [&](const std::string& path, const FileStat& stat) {
    if (stat.kind == FileKind::kFolder) {
      watcher_.Watch(path);
      library_->unshared().Follow(path, stat);
      return !stop_.load();
    }
    gone.erase(path);
    inodes.push_back(stat.identity.inode);
    if (at_once) {
      differ.push_back(path);
      examine(differ, kBatch);
    } else {
      seen.push_back({path, stat.identity, stat.links > 1});
      confirm(Library::kSlice);
    }
    return !stop_.load();
  };
  const auto unreadable = [&](const std::string& path, const absl::Status&) {
    // "" is the shared folder itself.
    if (!path.empty()) differ.push_back(path);
  };
  if (!folder_->Walk(top, {entry, unreadable})) return;
  confirm(1);
  if (top.empty()) cache_->Prune(inodes);
  differ.insert(differ.end(), gone.begin(), gone.end());
  if (!top.empty()) differ.push_back(top);  // it may be noted as a folder that cannot be read
  examine(differ, 1);
}

// --- Examining ---

bool FolderScanner::TryBegin(const std::string& path) {
  MutexLock lock(&mutex_);
  const auto [other, begun] = examining_.try_emplace(path, false);
  if (!begun) other->second = true;
  return begun;
}

bool FolderScanner::Begin(const std::string& path) {
  MutexLock lock(&mutex_);
  while (!stop_.load()) {
    if (examining_.try_emplace(path, false).second) return true;
    examined_.Wait(&mutex_);
  }
  return false;
}

void FolderScanner::End(absl::Span<const Job> jobs) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  for (const Job& job : jobs) {
    const auto ended = examining_.find(job.path);
    if (ended->second) due_.Schedule(job.path, now);
    examining_.erase(ended);
  }
  examined_.NotifyAll();
  changed_.NotifyAll();
}

void FolderScanner::ExamineLoop() {
  while (std::optional<Work> work = AwaitWork()) Process(*work, LendReasons::Depth::kFile);
}

std::optional<FolderScanner::Work> FolderScanner::AwaitWork() {
  MutexLock lock(&mutex_);
  while (!stop_.load()) {
    const absl::Time now = clock_->Monotonic();
    const size_t done = lanes_.done();
    const absl::Time next = due_.Next();
    if (done == 0 && next == absl::InfiniteFuture()) {
      changed_.Wait(&mutex_);
    } else if (done == 0 && next > now) {
      changed_.WaitFor(&mutex_, next - now);
    } else if (done < kBatch && last_commit_ + kCompany > now) {
      stopped_.WaitFor(&mutex_, last_commit_ + kCompany - now);
    } else {
      return Work{due_.Take(now, kBatch), lanes_.TakeDone(kBatch)};
    }
  }
  return std::nullopt;
}

void FolderScanner::Process(const Work& work, LendReasons::Depth lending) {
  std::vector<HashCache::Entry> hashes;
  for (const HashLanes::Done& done : work.hashed) {
    if (!done.file.ok()) continue;
    const auto& [stat, hashed] = *done.file;
    hashes.push_back({stat.identity, hashed.id, hashed.pieces});
  }
  if (!hashes.empty()) cache_->RememberAll(hashes);

  std::vector<Job> jobs;
  const absl::Time now = clock_->Monotonic();
  for (const HashLanes::Done& done : work.hashed) {
    if (!done.file.ok() || clock_->Now() - Written(*done.file) < kChanging) {
      MutexLock lock(&mutex_);
      pauses_.Ended(done.path, now);
    }
    if (TryBegin(done.path)) jobs.push_back({done.path, &done.file});
  }
  for (const std::string& path : work.paths) {
    if (TryBegin(path)) jobs.push_back({path});
  }
  ExamineBatch(jobs, lending);
  End(jobs);
}

void FolderScanner::ExamineBatch(absl::Span<const Job> jobs, LendReasons::Depth lending) {
  std::vector<Finding> findings;
  for (const auto& [path, hashed] : jobs) {
    if (stop_.load()) return;
    FileExaminer::Result result = examiner_.Look(path, hashed, lending);
    if (result.again) Schedule(path, *result.again);
    if (result.hash) Hash(path, result.size);
    if (result.finding) findings.push_back(*std::move(result.finding));
  }
  Apply(std::move(findings));
}

void FolderScanner::Hash(const std::string& path, uint64_t size) {
  const absl::Time now = clock_->Monotonic();
  {
    MutexLock lock(&mutex_);
    if (const absl::Time allowed = pauses_.Allowed(path, now); allowed > now) {
      due_.Schedule(path, allowed);
      return;
    }
  }
  lanes_.Add(path, size);
}

void FolderScanner::Apply(std::vector<Finding> findings) {
  // When the folder is gone, so are all of its files, and that says nothing about them.
  const auto ends = [](const Finding& finding) { return !finding.book; };
  if (std::any_of(findings.begin(), findings.end(), ends) && !CheckInPlace()) return;
  std::vector<std::string> paths;
  for (const Finding& finding : findings) paths.push_back(finding.path);
  const absl::StatusOr<size_t> changed = library_->Apply(std::move(findings));
  if (!changed.ok()) {
    LogError("not_listed",
             {{"first", paths.front()}, {"paths", paths.size()}, {"why", changed.status()}});
    ScheduleAll(paths, kRescanEvery);
  } else if (*changed > 0) {
    LogDebug("listings_changed", {{"listings", *changed}});
    MutexLock lock(&mutex_);
    last_commit_ = clock_->Monotonic();
  }
}

// --- In the caller's thread ---

void FolderScanner::ExamineAll(std::vector<std::string> paths) {
  // In order, so that two callers cannot wait for each other in a circle.
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (size_t begin = 0; begin < paths.size(); begin += kBatch) {
    std::vector<Job> jobs;
    std::vector<Finding> findings;
    for (size_t i = begin; i < std::min(paths.size(), begin + kBatch); ++i) {
      if (!Begin(paths[i])) break;
      jobs.push_back({paths[i]});
      if (std::optional<Finding> finding = ExamineNow(paths[i])) {
        findings.push_back(*std::move(finding));
      }
    }
    if (!stop_.load()) Apply(std::move(findings));
    End(jobs);
  }
}

std::optional<Finding> FolderScanner::ExamineNow(const std::string& path) {
  absl::StatusOr<FileHash> hashed = absl::NotFoundError("not hashed");
  const auto look = [&](const absl::StatusOr<FileHash>* hash) {
    return examiner_.Look(path, hash, LendReasons::Depth::kFile);
  };
  FileExaminer::Result result = look(nullptr);
  for (int i = 0; i < kAttempts && (result.again || result.hash) && !stop_.load(); ++i) {
    if (result.again) {
      absl::SleepFor(*result.again);
      result = look(nullptr);
    }
    if (!result.hash) continue;
    if (result.finding) library_->NotePending(path, result.size);
    hashed = HashPath(*folder_, path, *clock_, stop_);
    if (hashed.ok()) {
      cache_->Remember(hashed->stat.identity, hashed->hashed.id, hashed->hashed.pieces);
    }
    result = look(&hashed);
  }
  if (result.again || result.hash) Schedule(path, kQuiet);
  return std::move(result.finding);
}

}  // namespace arkshare
