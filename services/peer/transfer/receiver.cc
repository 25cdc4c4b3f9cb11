#include "services/peer/transfer/receiver.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

constexpr absl::Duration kRateWindow = absl::Seconds(3);

// The last holder that answered does not have the content any more. A file that was only touched
// is listed again soon.
bool IsGone(const absl::Status& status) {
  const Reason reason = GetReason(status);
  return reason == Reason::kBookChanged || reason == Reason::kBookGone;
}

// A holder or the index is away, or the content has gone a moment ago: the book may still be had.
bool IsInterruption(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || IsGone(status);
}

// Whether the received bytes are of no more use: the disk does not take them, or the listing that
// was to be taken belongs to another peer now.
bool MakesReceivedUseless(const TransferRecord& record, const absl::Status& status) {
  const Reason reason = GetReason(status);
  return reason == Reason::kDiskFull || reason == Reason::kInternal ||
         (record.move && reason == Reason::kBookMoved);
}

}  // namespace

Outcome Receiver::Receive(const FetchTask& task, HandOnReceived hand_on) {
  if (task.transfers.size() > 1) return ReceiveStream(task, hand_on);
  return ReceiveOne(task.transfers[0]);
}

Outcome Receiver::ReceiveOne(const TransferPtr& shared) {
  Transfer& transfer = *shared;
  const TransferRecord& record = transfer.record;
  if (EndIfAsked(transfer)) return {};
  absl::StatusOr<UniqueFd> fd = parts_.store->OpenStaging(record);
  if (!fd.ok()) {
    parts_.dropper->Drop(transfer, fd.status());
    return {};
  }
  parts_.offers->Begin(transfer, fd->get());
  uint64_t got = 0;
  bool heard = false;  // what the source says of its file
  const Fetcher::Job job{
      .content = record.content,
      .id = record.id,
      .fd = fd->get(),
      .find_holders = [&]() -> absl::StatusOr<std::vector<BookHolder>> {
        // The first call returns the holders that were found when the source was chosen.
        if (!transfer.holders.empty()) return std::exchange(transfer.holders, {});
        return parts_.chooser->FindHolders(record.content, /*also_partial=*/true);
      },
      .source = record.move ? std::optional<PublicKey>(record.source) : std::nullopt,
      .source_listing = record.source_listing,
      .offer = transfer.offer.get(),
      .on_progress =
          [&](uint64_t bytes, std::optional<QueuePlace> place) {
            got = bytes;
            ShowProgress(transfer, bytes, place);
          },
      .on_piece =
          [&](const BookHolder& from, uint64_t bytes) {
            Brought& brought = transfer.brought[from.key];
            brought.peer_id = from.peer_id;
            brought.bytes += bytes;
            brought.relayed = brought.relayed || from.relayed;
            brought.called_back = brought.called_back || from.called_back;
            if (from.key == record.source) transfer.bytes_from_source += bytes;
          },
      .attributes_of = record.source,
      .on_attributes =
          [&](std::optional<FileAttributes> found) {
            heard = true;
            if (found) transfer.attributes = found;
          }};
  absl::StatusOr<std::vector<Sha256Digest>> pieces = parts_.fetcher->Fetch(job);
  if (pieces.ok()) {
    ARKSHARE_FAILPOINT("receiver.fetched");
    // Other holders may have sent all bytes, now or before a restart.
    if (!heard && !transfer.attributes) {
      transfer.attributes = parts_.calls->AttributesAtSource(shared);
    }
    transfer.received.emplace(*std::move(fd), *std::move(pieces));
    return {.go_on = {shared}};
  }
  parts_.offers->End(transfer);
  *fd = UniqueFd();
  if (EndIfAsked(transfer)) return {};
  if (absl::IsCancelled(pieces.status())) return {};  // stopping; the next start goes on
  if (!MakesReceivedUseless(record, pieces.status()) && parts_.store->CanResume(record) &&
      (got > 0 || transfer.interrupted)) {
    return Interrupt(transfer, got, pieces.status()) ? Outcome{.later = {shared}} : Outcome{};
  }
  parts_.dropper->Drop(transfer, pieces.status());
  return {};
}

bool Receiver::EndIfAsked(Transfer& transfer) {
  const char* const end = transfer.end;
  if (end == nullptr) return false;
  parts_.dropper->Drop(transfer, MakeError(Reason::kTransferCancelled, end));
  return true;
}

// The verified bytes count when the download goes on: when the owner asks for the book again, when
// the peer starts, and by itself for a while if a holder or the index is only away.
bool Receiver::Interrupt(Transfer& transfer, uint64_t bytes, const absl::Status& why) {
  const absl::Time now = parts_.clock->Monotonic();
  if (bytes > transfer.bytes_before) {
    transfer.try_until = absl::InfinitePast();
    transfer.gone = false;
  }
  transfer.gone = transfer.gone || IsGone(why);
  transfer.bytes_before = std::max(transfer.bytes_before, bytes);
  transfer.interrupted = true;
  if (transfer.try_until == absl::InfinitePast()) transfer.try_until = now + kTryAgainFor;
  const bool again = IsInterruption(why) && now < transfer.try_until;
  if (!again && transfer.gone) {
    parts_.dropper->Drop(
        transfer, MakeError(Reason::kBookGone,
                            absl::StrCat("no peer has had this content for ten minutes, so the "
                                         "part received is removed; get ",
                                         EscapeForDisplay(transfer.record.name.value()),
                                         " again to get it as it is now")));
    return false;
  }
  parts_.board->Fail(
      transfer,
      MakeError(
          GetReason(why),
          absl::StrCat(why.message(), "; the part received so far is kept. To resume now, get ",
                       EscapeForDisplay(transfer.record.name.value()), " again",
                       again ? "; otherwise it retries by itself for ten minutes" : ""),
          GetErrorMetadata(why)));
  LogInfo("interrupted",
          {{"book", transfer.record.name}, {"transfer", transfer.record.id}, {"why", why}});
  return again;
}

Outcome Receiver::ReceiveStream(const FetchTask& task, HandOnReceived hand_on) {
  const Batch& transfers = task.transfers;
  std::vector<ContentId> contents;
  std::vector<uint64_t> listings;
  for (const TransferPtr& transfer : transfers) {
    contents.push_back(transfer->record.content);
    listings.push_back(transfer->record.source_listing);
  }
  std::vector<bool> came(transfers.size());
  bool queued = false;
  const auto show = [&](std::optional<QueuePlace> place) {
    for (size_t i = 0; i < transfers.size(); ++i) {
      if (!came[i]) ShowProgress(*transfers[i], 0, place);
    }
    queued = place.has_value();
  };
  const absl::Status fetched =
      parts_.small_fetcher->Fetch({.address = transfers[0]->holders[0].address,
                                   .contents = contents,
                                   .listings = listings,
                                   .on_book =
                                       [&](const SmallFetcher::Book& book) {
                                         if (queued) show(std::nullopt);
                                         const size_t index = book.index;
                                         if (came[index]) return true;
                                         came[index] = EndIfAsked(*transfers[index]);
                                         if (came[index]) return true;
                                         if (!StageSmall(*transfers[index], book)) return false;
                                         came[index] = true;
                                         return hand_on(transfers[index]);
                                       },
                                   .on_queued = show,
                                   .key = transfers[0]->holders[0].key});
  if (!fetched.ok()) {
    LogInfo("stream_of_small_books_ended", {{"source", task.source}, {"why", fetched}});
  }
  Outcome outcome;
  for (size_t i = 0; i < transfers.size(); ++i) {
    if (came[i]) continue;
    if (GetReason(fetched) == Reason::kQueueFull) {
      outcome.later.push_back(transfers[i]);
    } else {
      transfers[i]->holders.clear();
      outcome.go_on.push_back(transfers[i]);
    }
  }
  return outcome;
}

bool Receiver::StageSmall(Transfer& transfer, const SmallFetcher::Book& book) {
  absl::StatusOr<UniqueFd> fd = parts_.store->StageSmall(transfer.record, book.bytes);
  if (!fd.ok()) return false;
  transfer.attributes = book.attributes;
  transfer.bytes_from_source = book.bytes.size();
  ARKSHARE_FAILPOINT("receiver.fetched");
  transfer.received.emplace(*std::move(fd),
                            std::vector<Sha256Digest>{transfer.record.content.root});
  return true;
}

void Receiver::ShowProgress(Transfer& transfer, uint64_t bytes, std::optional<QueuePlace> place) {
  const absl::Time now = parts_.clock->Monotonic();
  auto& samples = transfer.samples;
  samples.emplace_back(now, bytes);
  while (samples.size() > 2 && now - samples[1].first > kRateWindow) samples.pop_front();
  const double seconds = absl::ToDoubleSeconds(now - samples.front().first);
  const double rate =
      seconds > 0.05 ? static_cast<double>(bytes - samples.front().second) / seconds : 0;
  parts_.board->Update(transfer, [&](TransferView& view) {
    view.state = place ? TransferView::State::kQueued : TransferView::State::kFetching;
    view.queue_position = place ? place->position : 0;
    view.estimated_wait = place ? place->estimated_wait : std::nullopt;
    view.bytes_done = bytes;
    view.bytes_per_second = static_cast<uint64_t>(rate);
    view.brought = transfer.brought;
  });
}

}  // namespace arkshare
