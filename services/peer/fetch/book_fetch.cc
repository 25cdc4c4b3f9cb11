#include "services/peer/fetch/book_fetch.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <thread>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/partial_books.h"

namespace arkshare {
namespace {

// Enough that a short stall of the network does not stop the writer, nor one of the writer the
// network.
constexpr size_t kMaxWaitingBytes = 8 * 1024 * 1024;

}  // namespace

BookFetch::BookFetch(const FetchParts& parts, const FetchJob& job)
    : job_(job),
      holders_(parts.holders),
      one_piece_(PieceCount(job.content.size) == 1),
      queue_(kMaxWaitingBytes),
      swarm_(job, &queue_, parts.clock),
      writer_(job.content, job.fd),
      streams_(parts, job, &swarm_, &queue_,
               [this](Arrival arrival) {
                 if (one_piece_) {
                   TakeArrival(std::move(arrival));
                 } else {
                   queue_.Push(std::move(arrival));
                 }
               }),
      scout_(parts, job, &swarm_, &queue_, &writer_, &streams_) {}

absl::StatusOr<std::vector<Sha256Digest>> BookFetch::Run() {
  if (one_piece_) {
    scout_.Run();
  } else {
    std::thread scout([this] { scout_.Run(); });
    TakeArrivals();
    scout.join();  // no stream begins any more
  }
  streams_.Join();
  if (const auto attributes = swarm_.attributes(); attributes && job_.on_attributes) {
    job_.on_attributes(*attributes);
  }
  const absl::Status end = *swarm_.end();
  if (!end.ok()) return end;
  return writer_.manifest();
}

void BookFetch::Stop() { swarm_.End(absl::CancelledError("the fetch was ended")); }

void BookFetch::TakeArrivals() {
  if (!queue_.AwaitOpen()) return;
  job_.on_progress(writer_.verified_bytes(), std::nullopt);  // from an earlier fetch
  while (std::optional<Arrival> arrival = queue_.Pop()) TakeArrival(*std::move(arrival));
}

void BookFetch::TakeArrival(Arrival arrival) {
  if (arrival.data.empty()) job_.on_progress(writer_.verified_bytes(), arrival.place);
  const absl::Status accepted =
      writer_.Accept(arrival, [&](uint64_t piece, PieceWriter::Verdict verdict) {
        CountPiece(arrival.holder, piece, verdict);
      });
  if (!accepted.ok()) swarm_.End(accepted);
  queue_.Done(std::move(arrival));
}

void BookFetch::CountPiece(PiecePlan::HolderId holder, uint64_t piece,
                           PieceWriter::Verdict verdict) {
  Swarm::Member& member = swarm_.member(holder);
  const BookHolder& from = member.holder;
  if (verdict == PieceWriter::Verdict::kVerified) {
    if (job_.on_piece) job_.on_piece(from, PieceBytes(job_.content.size, piece));
    job_.on_progress(writer_.verified_bytes(), std::nullopt);
    if (job_.offer != nullptr) job_.offer->Add(piece);
    swarm_.Verified(piece);
    return;
  }
  if (verdict == PieceWriter::Verdict::kWrong) {
    LogWarning("bad_piece", {{"peer", from.peer_id}, {"address", from.address}, {"piece", piece}});
    if (!from.partial) holders_->ReportMismatch(from.address, from.key, job_.content);
    // Before the piece is given again: its streams get no more runs.
    swarm_.Fail(member, MakeError(Reason::kContentMismatch,
                                  absl::StrCat(DescribeHolder(from),
                                               " sent a piece that is not the book's")));
  }
  swarm_.Rejected(piece);
}

}  // namespace arkshare
