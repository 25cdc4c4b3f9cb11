#include "services/peer/fetch/holder_scout.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/partial_books.h"

namespace arkshare {
namespace {

constexpr absl::Duration kPingTimeout = absl::Seconds(2);
constexpr absl::Duration kManifestTimeout = absl::Seconds(60);  // the holder may have to hash
// While there are other holders, none of them waits for longer than this for the manifest of one.
constexpr absl::Duration kFirstManifestTimeout = absl::Seconds(5);
// The scout gives up after this many looks in a row without one new piece.
constexpr int kFruitlessLooks = 2;
// The pause before the last look when no holder could be reached: longer than a channel waits
// before it connects again.
constexpr absl::Duration kReconnectPause = absl::Milliseconds(1300);
// Between looks for more holders, while there are some.
constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
constexpr size_t kMaxHolders = 16;

absl::Status TooLate(const BookHolder& holder) {
  return MakeError(
      Reason::kPeerUnreachable,
      absl::StrCat(DescribeHolder(holder), " did not send the list of pieces in time"));
}

}  // namespace

HolderScout::HolderScout(const FetchParts& parts, const FetchJob& job, Swarm* swarm,
                         ArrivalQueue* queue, PieceWriter* writer, HolderStreams* streams)
    : parts_(parts),
      job_(job),
      swarm_(swarm),
      queue_(queue),
      writer_(writer),
      streams_(streams),
      has_manifest_(writer->has_manifest()) {}

void HolderScout::Run() {
  absl::Duration pause = kFirstPause;
  uint64_t verified_before = 0;
  int fruitless = 0;
  while (true) {
    const bool reached_one = LookAround();
    const bool all_failed = swarm_->AwaitNoMembers(pause);
    if (swarm_->ended()) return;
    pause = std::min(pause * 2, kLongestPause);
    if (!all_failed) continue;

    // New pieces are a reason to go on, and so is a queue that was only full.
    absl::Duration wait = swarm_->TakeRetryAfter();
    const uint64_t verified = swarm_->verified_count();
    if (verified > std::exchange(verified_before, verified)) {
      fruitless = 0;
    } else if (wait == absl::ZeroDuration() && ++fruitless == kFruitlessLooks) {
      swarm_->EndWithLastFailure(
          MakeError(Reason::kNoHolderReachable,
                    "none of the peers that have the book can be reached now; try again later"));
      return;
    }
    if (!reached_one) wait = std::max(wait, kReconnectPause);
    pause = kFirstPause;
    if (!swarm_->Sleep(wait)) return;
  }
}

// False when there are new holders, but none of them answers.
bool HolderScout::LookAround() {
  absl::StatusOr<std::vector<BookHolder>> found = job_.find_holders();
  if (!found.ok()) {
    // Without the index there are no new holders; the known ones go on.
    if (!swarm_->HasMembers()) swarm_->EndWithLastFailure(found.status());
    return true;
  }
  const uint64_t size = job_.content.size;
  if (PieceCount(size) == 1) {  // a part of it is nothing
    std::erase_if(*found, [](const BookHolder& holder) { return holder.partial; });
  }
  std::vector<BookHolder> fresh = swarm_->SelectNew(*std::move(found), kMaxHolders);
  if (fresh.empty()) return true;
  std::vector<BookHolder> reachable =
      parts_.holders->Reachable(std::move(fresh), kPingTimeout, size);
  // A peer that is still receiving may not know the manifest yet.
  std::stable_partition(reachable.begin(), reachable.end(),
                        [](const BookHolder& holder) { return !holder.partial; });
  KeepFewRelayed(reachable);
  const bool any = !reachable.empty();
  ReadFrom(std::move(reachable));
  return any;
}

// Begins to read from these holders, in this order, and learns the manifest from one of them.
void HolderScout::ReadFrom(std::vector<BookHolder> holders) {
  std::vector<BookHolder> late;  // with their manifest
  const bool several = holders.size() > 1;
  for (size_t i = 0; i < holders.size() && !swarm_->ended(); ++i) {
    const BookHolder& holder = holders[i];
    const bool others_wait = i + 1 < holders.size();
    if (has_manifest_) {
      streams_->Add(holder, others_wait);
      continue;
    }
    // On a line with a long round trip the first pieces come while the manifest does.
    const bool at_once = !holder.partial && writer_->FileIsEmpty();
    if (at_once) streams_->Add(holder, others_wait);
    const absl::Status learned =
        LearnManifest(holder, several ? kFirstManifestTimeout : kManifestTimeout);
    if (absl::IsDeadlineExceeded(learned)) late.push_back(holder);
    if (learned.ok() && !at_once) streams_->Add(holder, others_wait);
  }
  for (const BookHolder& holder : late) {
    if (swarm_->ended()) return;
    const absl::Status learned =
        has_manifest_ ? absl::OkStatus() : LearnManifest(holder, kManifestTimeout);
    if (absl::IsDeadlineExceeded(learned)) swarm_->FailHolder(holder, TooLate(holder));
    if (learned.ok() && !swarm_->IsMember(holder)) streams_->Add(holder, /*others_wait=*/false);
  }
}

// Also finds the pieces that are in the file already. Not OK when there is nothing more to fetch,
// or when the holder has no true manifest; DeadlineExceeded when it did not answer, which is not
// noted as its failure yet.
absl::Status HolderScout::LearnManifest(const BookHolder& holder, absl::Duration patience) {
  absl::StatusOr<std::vector<Sha256Digest>> manifest = GetManifest(holder, patience);
  if (!manifest.ok()) {
    if (!absl::IsDeadlineExceeded(manifest.status())) {
      swarm_->FailHolder(holder, manifest.status());
    }
    return manifest.status();
  }
  if (job_.offer != nullptr) job_.offer->SetManifest(*manifest);
  writer_->SetManifest(*std::move(manifest));
  has_manifest_ = true;
  writer_->KeepVerified([this](uint64_t piece) {
    if (job_.offer != nullptr) job_.offer->Add(piece);
    swarm_->Verified(piece);
  });
  if (swarm_->ended()) return absl::CancelledError();
  queue_->Open();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Sha256Digest>> HolderScout::GetManifest(const BookHolder& holder,
                                                                   absl::Duration patience) {
  grpc::ClientContext context;
  SetTimeout(context, patience);
  v1::GetManifestRequest request;
  *request.mutable_content() = ToProto(job_.content);
  v1::GetManifestResponse response;
  if (!swarm_->BeginCall(nullptr, &context)) return absl::CancelledError();
  const grpc::Status status =
      parts_.holders->Stub(holder.address, holder.key)->GetManifest(&context, request, &response);
  swarm_->EndCall(nullptr, &context);
  // Only an error without details is gRPC's own.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
      status.error_details().empty()) {
    return absl::DeadlineExceededError("");
  }
  if (!status.ok()) return FromGrpcStatus(status, DescribeHolder(holder));
  const std::string& hashes = response.piece_hashes();
  std::vector<Sha256Digest> manifest(hashes.size() / sizeof(Sha256Digest));
  if (!manifest.empty()) {
    std::memcpy(manifest.data(), hashes.data(), manifest.size() * sizeof(Sha256Digest));
  }
  const absl::StatusOr<ContentId> content = FromProto(response.content());
  if (!content.ok() || *content != job_.content ||
      response.piece_length_bytes() != PieceLength(job_.content.size) ||
      hashes.size() % sizeof(Sha256Digest) != 0 || !VerifyManifest(job_.content, manifest).ok()) {
    return MakeError(
        Reason::kContentMismatch,
        absl::StrCat(DescribeHolder(holder), " sent a list of pieces that is not the book's"));
  }
  return manifest;
}

}  // namespace arkshare
