#include "services/peer/serve/hidden_copies.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "lib/core/book_name.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/read_lease.h"

namespace arkshare {
namespace {

constexpr absl::Duration kReadAgainAfter = absl::Minutes(1);
// Small files are deleted together, with one sync and one transaction.
constexpr size_t kMaxBatch = 100;
constexpr uint64_t kMaxBatchBytes = 64 * 1024 * 1024;
// Bounds the notes of releases that no receiver confirms. One that is forgotten costs one reading.
constexpr size_t kMaxNoted = 100'000;

}  // namespace

HiddenCopies::~HiddenCopies() {
  std::optional<std::thread> thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    thread = std::exchange(thread_, std::nullopt);
    changed_.NotifyAll();
  }
  if (thread) thread->join();
}

void HiddenCopies::NoteHidden(const TransferId& id, const FileIdentity& identity, bool verified) {
  MutexLock lock(&mutex_);
  if (noted_.size() >= kMaxNoted) noted_.clear();
  noted_[id] = {identity, verified};
}

void HiddenCopies::Forget(const TransferId& id) {
  MutexLock lock(&mutex_);
  noted_.erase(id);
}

bool HiddenCopies::IsProven(const HiddenFile& hidden) const {
  Noted noted;
  {
    MutexLock lock(&mutex_);
    const auto it = noted_.find(hidden.transfer_id);
    if (it == noted_.end() || !it->second.verified) return false;
    noted = it->second;
  }
  const absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenHidden(hidden);
  // A program that has the file open may still write to it.
  return file.ok() && file->stat.identity == noted.identity && file->stat.links == 1 &&
         !ReadLease(file->fd.get()).refused();
}

void HiddenCopies::ReadLater(absl::Span<const HiddenFile> files) {
  MutexLock lock(&mutex_);
  if (stopping_ || files.empty()) return;
  queue_.insert(queue_.end(), files.begin(), files.end());
  if (!thread_) thread_.emplace([this] { ReadLoop(); });
  changed_.NotifyAll();
}

void HiddenCopies::AwaitRead() {
  MutexLock lock(&mutex_);
  while (reading_ || !queue_.empty()) changed_.Wait(&mutex_);
}

void HiddenCopies::ReadLoop() {
  while (true) {
    const std::vector<HiddenFile> files = TakeBatch();
    if (files.empty()) return;
    ReadBatch(files);
  }
}

std::vector<HiddenCopies::HiddenFile> HiddenCopies::TakeBatch() {
  MutexLock lock(&mutex_);
  reading_ = false;
  changed_.NotifyAll();
  while (!stopping_ && queue_.empty()) {
    if (failed_.empty()) {
      changed_.Wait(&mutex_);
    } else if (!changed_.WaitFor(&mutex_, kReadAgainAfter)) {
      queue_.assign(failed_.begin(), failed_.end());
      failed_.clear();
    }
  }
  if (stopping_) return {};
  const size_t count = std::min(queue_.size(), kMaxBatch);
  std::vector<HiddenFile> files(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
  reading_ = true;
  return files;
}

void HiddenCopies::ReadBatch(absl::Span<const HiddenFile> files) {
  std::vector<Proven> proven;
  uint64_t bytes = 0;
  for (const HiddenFile& file : files) {
    if (stopping_) return;
    const Verdict verdict = Read(file, proven);
    if (verdict == Verdict::kOther) Keep(file);
    if (verdict == Verdict::kBook) bytes += proven.back().identity.size;
    if (bytes > kMaxBatchBytes) {
      Delete(proven);
      proven.clear();
      bytes = 0;
    }
  }
  if (!proven.empty()) Delete(proven);
}

HiddenCopies::Verdict HiddenCopies::Read(const HiddenFile& file, std::vector<Proven>& proven) {
  const absl::StatusOr<std::optional<ReleaseRecord>> record = releases_->Find(file.transfer_id);
  if (!record.ok()) return Retry(file, record.status()), Verdict::kLater;
  if (!record->has_value() || (*record)->state != ReleaseRecord::State::kConfirmed ||
      (*record)->item.listing != file.listing) {
    return Verdict::kDone;
  }
  const absl::StatusOr<SharedFolder::OpenedFile> opened = folder_->OpenHidden(file);
  if (absl::IsNotFound(opened.status())) {
    // Deleted by hand, or before a crash.
    releases_->RecordState({file.transfer_id}, ReleaseRecord::State::kGone).IgnoreError();
    return Verdict::kDone;
  }
  if (absl::IsInvalidArgument(opened.status())) return Verdict::kOther;  // no regular file
  if (!opened.ok()) return Retry(file, opened.status()), Verdict::kLater;
  const ReadLease lease(opened->fd.get());
  if (lease.refused()) return Verdict::kOther;
  const absl::StatusOr<HashedFile> hashed =
      HashFile(opened->fd.get(), opened->stat.identity, &stopping_);
  if (absl::IsCancelled(hashed.status())) return Verdict::kLater;
  if (absl::IsFailedPrecondition(hashed.status())) return Verdict::kOther;  // it is being written
  if (!hashed.ok()) return Retry(file, hashed.status()), Verdict::kLater;
  if (hashed->id != (*record)->item.content || lease.Broken()) return Verdict::kOther;
  proven.push_back({file, opened->stat.identity});
  return Verdict::kBook;
}

void HiddenCopies::Delete(absl::Span<const Proven> proven) {
  std::vector<HiddenFile> files;
  std::vector<TransferId> ids;
  for (const Proven& copy : proven) {
    const absl::StatusOr<SharedFolder::OpenedFile> file = folder_->OpenHidden(copy.file);
    if (!file.ok() || file->stat.identity != copy.identity || ReadLease(file->fd.get()).refused()) {
      Keep(copy.file);
      continue;
    }
    files.push_back(copy.file);
    ids.push_back(copy.file.transfer_id);
  }
  if (files.empty()) return;
  absl::Status removed = folder_->RemoveHidden(files);
  ARKSHARE_FAILPOINT("source.unlinked");
  if (removed.ok()) removed = releases_->RecordState(ids, ReleaseRecord::State::kGone);
  ARKSHARE_FAILPOINT("source.gone");
  if (removed.ok()) return;
  for (const HiddenFile& file : files) Retry(file, removed);
}

void HiddenCopies::Keep(const HiddenFile& file) {
  const absl::StatusOr<std::optional<ListingRecord>> listing = listings_->Find(file.listing);
  const std::string path =
      listing.ok() && listing->has_value() ? (*listing)->path : file.transfer_id.hex();
  // Recorded first, as in Handover::Restore: a restart completes the rest.
  absl::Status kept = releases_->RecordState({file.transfer_id}, ReleaseRecord::State::kRestored);
  if (!kept.ok()) return Retry(file, kept);
  kept = PutBack(file, path).status();
  LogWarning("kept", {{"book", path},
                      {"transfer", file.transfer_id},
                      {"why", "its bytes are not those that were given away"},
                      {"recorded", kept},
                      {"hint", "it is in the folder again, as a new book"}});
}

void HiddenCopies::Retry(const HiddenFile& file, const absl::Status& why) {
  LogError("hidden_copy_not_deleted", {{"transfer", file.transfer_id},
                                       {"listing", file.listing},
                                       {"why", why},
                                       {"retry_every", kReadAgainAfter}});
  MutexLock lock(&mutex_);
  failed_.push_back(file);
}

absl::StatusOr<std::string> HiddenCopies::PutBack(const HiddenFile& hidden,
                                                  const std::string& path) {
  std::string wanted = path;
  std::string at = wanted;
  for (int n = 2;; ++n) {
    absl::Status status = folder_->Unhide(hidden, at);
    if (status.ok()) return at;
    const size_t slash = wanted.rfind('/');
    if (!absl::IsAlreadyExists(status) && !absl::IsNotFound(status) && slash != std::string::npos) {
      // A folder on the way has become something else, or takes no files any more.
      at = wanted = wanted.substr(slash + 1);
      n = 1;
      continue;
    }
    if (!absl::IsAlreadyExists(status)) return status;
    absl::StatusOr<BookName> name = BookName::Parse(wanted);
    at = name.ok() ? name->WithSuffix(n).value() : absl::StrCat(hidden.transfer_id.hex(), "-", n);
  }
}

void LogNotPutBack(const std::string& path, const absl::Status& why) {
  LogError(
      "not_put_back",
      {{"book", path}, {"why", why}, {"hint", "it is in .arkshare/released until the next start"}});
}

}  // namespace arkshare
