// The scout of a fetch: who has the book.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/fetch/book_fetch.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr absl::Duration kManifestTimeout = absl::Seconds(60);  // its holder may have to hash again
// Looks around in a row after which not one piece came, before giving up.
constexpr int kFruitlessLooks = 2;
// Before the last one of them when nobody could be reached: longer than a channel waits before it
// connects again.
constexpr absl::Duration kReconnectPause = absl::Milliseconds(1300);
// Between looks for more holders, while there are some.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
constexpr size_t kMostSources = 16;
constexpr int kStreamsPerSource = 2;
}  // namespace

void BookFetch::Scout() {
  absl::Duration pause = kFirstPause;
  uint64_t verified_before = 0;
  for (int fruitless = 0;;) {
    const bool reached_somebody = LookAround();
    MutexLock lock(&mutex_);
    const absl::Time next = Now() + pause;
    while (!end_.has_value() && HasSources() && Now() < next) {
      news_.WaitFor(&mutex_, next - Now());
    }
    pause = std::min(pause * 2, kLongestPause);
    if (end_.has_value()) return;
    if (HasSources()) continue;
    // Everybody has failed. Progress forgives that, and so does a queue that is merely full.
    absl::Duration wait = std::exchange(retry_after_, absl::ZeroDuration());
    if (plan_.verified_count() > std::exchange(verified_before, plan_.verified_count())) {
      fruitless = 0;
    } else if (wait == absl::ZeroDuration() && ++fruitless == kFruitlessLooks) {
      EndWith(last_failure_.ok()
                  ? MakeError(Reason::kNoHolderReachable,
                              "none of the peers that have the book can be reached now; try again "
                              "later")
                  : last_failure_);
      return;
    }
    if (!reached_somebody) wait = std::max(wait, kReconnectPause);
    pause = kFirstPause;
    for (const absl::Time until = Now() + wait; !end_.has_value() && Now() < until;) {
      news_.WaitFor(&mutex_, until - Now());
    }
    if (end_.has_value()) return;
  }
}

// Asks who has the book, and begins to read from those who are new and prove who they are. False
// when there are such, but none of them answers.
bool BookFetch::LookAround() {
  absl::StatusOr<std::vector<BookHolder>> found = job_.find_holders();
  if (!found.ok()) {
    // Without the index nobody new can be found; those who are known go on.
    MutexLock lock(&mutex_);
    if (!HasSources()) EndWith(last_failure_.ok() ? found.status() : last_failure_);
    return true;
  }
  std::vector<BookHolder> fresh;
  {
    MutexLock lock(&mutex_);
    std::set<PublicKey> known = liars_;
    for (const Source& source : sources_) {
      if (source.streams > 0) known.insert(source.holder.key);
    }
    for (BookHolder& holder : *found) {
      if (alone() && holder.partial) continue;
      if (known.size() - liars_.size() >= kMostSources) break;
      if (known.insert(holder.key).second) fresh.push_back(std::move(holder));
    }
  }
  if (fresh.empty()) return true;
  std::vector<BookHolder> reachable =
      parts_.holders->Reachable(std::move(fresh), kPingTimeout, size_);
  // Who is still receiving may not know the pieces yet.
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return !holder.partial; });
  for (const BookHolder& holder : reachable) {
    {
      MutexLock lock(&mutex_);
      if (end_.has_value()) return true;
    }
    if (!pieces_.empty()) {
      AddSource(holder);
      continue;
    }
    // On a long line the first pieces come while the manifest does.
    const bool at_once = !holder.partial && NothingIsThere();
    if (at_once) AddSource(holder);
    if (LearnManifest(holder) && !at_once) AddSource(holder);
  }
  return !reachable.empty();
}

// Also finds out what is there already. False when there is nothing more to fetch, or when the
// holder has no manifest that is true.
bool BookFetch::LearnManifest(const BookHolder& holder) {
  const absl::Status fetched = FetchManifest(holder);
  if (fetched.ok()) KeepWhatIsThere();
  MutexLock lock(&mutex_);
  if (!fetched.ok()) {
    const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const Source& s) {
      return s.holder.key == holder.key && !s.failed;
    });
    if (source == sources_.end()) {
      NoteFailure(holder, fetched);
    } else {
      Fail(*source, fetched);
    }
    return false;
  }
  has_manifest_ = true;
  arrivals_.push_front({});  // says what was there
  arrived_.NotifyAll();
  room_.NotifyAll();
  if (plan_.done()) EndWith(absl::OkStatus());
  return !plan_.done();
}

absl::Status BookFetch::FetchManifest(const BookHolder& holder) {
  grpc::ClientContext context;
  SetTimeout(context, kManifestTimeout);
  v1::GetManifestRequest request;
  *request.mutable_content() = ToProto(job_.content);
  v1::GetManifestResponse response;
  if (!Enter(nullptr, &context)) return absl::CancelledError();
  const grpc::Status status =
      parts_.holders->Stub(holder.address)->GetManifest(&context, request, &response);
  Leave(nullptr, &context);
  if (!status.ok()) return FromGrpcStatus(status, Who(holder));
  const std::string& hashes = response.piece_hashes();
  std::vector<Sha256Digest> pieces(hashes.size() / sizeof(Sha256Digest));
  if (!pieces.empty()) {
    std::memcpy(pieces.data(), hashes.data(), pieces.size() * sizeof(Sha256Digest));
  }
  if (hashes.size() % sizeof(Sha256Digest) != 0 || !VerifyManifest(job_.content, pieces).ok()) {
    return MakeError(Reason::kContentMismatch,
                     absl::StrCat(Who(holder), " sent a list of pieces that is not the book's"));
  }
  if (job_.offer != nullptr) job_.offer->SetManifest(pieces);
  pieces_ = std::move(pieces);
  return absl::OkStatus();
}

// A holder that fails and comes again is another source each time.
void BookFetch::JoinFailed() {
  std::vector<std::thread> ended;
  {
    MutexLock lock(&mutex_);
    for (Source& source : sources_) {
      if (!source.failed || source.streams > 0) continue;
      std::move(source.threads.begin(), source.threads.end(), std::back_inserter(ended));
      source.threads.clear();
    }
  }
  for (std::thread& thread : ended) thread.join();
}

void BookFetch::AddSource(const BookHolder& holder) {
  JoinFailed();
  const int streams = alone() ? 1 : kStreamsPerSource;
  PiecePlan::StreamId first_stream = 0;
  Source* source = nullptr;
  {
    MutexLock lock(&mutex_);
    source = &sources_.emplace_back(holder, streams);
    source->id = static_cast<PiecePlan::HolderId>(sources_.size());
    plan_.AddHolder(source->id, /*complete=*/!holder.partial);
    first_stream = last_stream_ + 1;
    last_stream_ += streams;
  }
  if (alone()) return ReadRuns(*source, first_stream);
  if (holder.partial) source->threads.emplace_back([this, source] { FollowNews(*source); });
  for (int i = 0; i < streams; ++i) {
    source->threads.emplace_back(
        [this, source, stream = first_stream + i] { ReadRuns(*source, stream); });
  }
}

}  // namespace arkshare
