#include "services/peer/transfer/settler.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

absl::string_view HowReceived(const TransferRecord& record) {
  if (record.move) return "move";
  return record.kept ? "kept" : "copy";
}

// Whether the source's answer ends the transfer. A conflict is not a final refusal: the source has
// recorded another receiver or content under this id. But this transfer cannot go on.
bool EndsTransfer(const absl::Status& answer) {
  const Reason reason = GetReason(answer);
  return IsFinalRefusal(reason) || reason == Reason::kTransferConflict;
}

}  // namespace

Outcome Settler::Settle(TransferQueues::Step step, const Batch& transfers, HandOn hand_on) {
  switch (step) {
    case TransferQueues::Step::kPrepare:
      Prepare(transfers, hand_on);
      return {};
    case TransferQueues::Step::kRelease:
      return Release(transfers);
    case TransferQueues::Step::kOwn:
      return Own(transfers);
    case TransferQueues::Step::kReport:
      return Report(transfers);
  }
  return {};
}

Batch Settler::BringNear(const Batch& transfers) {
  Batch near;
  for (const TransferPtr& transfer : transfers) {
    if (const char* end = transfer->end) {
      parts_.dropper->Drop(*transfer, MakeError(Reason::kTransferCancelled, end));
      continue;
    }
    if (transfer->attributes) {
      const absl::Status applied =
          ApplyAttributes(transfer->received->fd.get(), *transfer->attributes);
      if (!applied.ok()) {
        LogDebug("attributes_not_set", {{"book", transfer->record.name}, {"why", applied}});
      }
    }
    if (absl::Status s = parts_.store->BringNear(transfer->record); !s.ok()) {
      parts_.dropper->Drop(*transfer, s);
      continue;
    }
    transfer->place_tried = parts_.clock->Monotonic();
    near.push_back(transfer);
  }
  return near;
}

void Settler::Prepare(const Batch& received, HandOn hand_on) {
  const Batch transfers = BringNear(received);
  if (transfers.empty()) return;
  std::vector<int> fds;
  std::vector<std::string> paths;
  std::vector<TransferId> moves;
  for (const TransferPtr& transfer : transfers) {
    fds.push_back(transfer->received->fd.get());
    paths.push_back(transfer->record.name.value());
    if (transfer->record.move) moves.push_back(transfer->record.id);
  }
  if (!parts_.store->Prepare(fds, paths, moves).ok()) {
    if (transfers.size() == 1) {
      parts_.dropper->Drop(
          *transfers[0],
          MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again"));
      return;
    }
    // One by one: a transfer that is dropped may make the room that the next ones need.
    for (const TransferPtr& transfer : transfers) Prepare({transfer}, hand_on);
    return;
  }
  for (const TransferPtr& transfer : transfers) {
    TransferRecord& record = transfer->record;
    transfer->pieces = std::move(transfer->received->pieces);
    transfer->received.reset();
    record.state = TransferRecord::State::kPrepared;
    parts_.board->Update(*transfer, [&](TransferView& view) {
      view.state = TransferView::State::kHandingOver;
      view.bytes_done = record.content.size;
    });
  }
  hand_on(transfers);
}

Outcome Settler::Release(const Batch& transfers) {
  Outcome outcome;
  Batch asked;
  Entrance::Checked checked;
  for (const TransferPtr& transfer : transfers) {
    if (TakeKeep(*transfer)) {
      outcome.go_on.push_back(transfer);
      continue;
    }
    if (absl::Status s = parts_.store->FindStaged(transfer->record).status(); !s.ok()) {
      if (GetReason(s) == Reason::kInternal) {
        parts_.dropper->Drop(*transfer, s);
      } else {
        Wait(transfer, s.message(), outcome.later);
      }
      continue;
    }
    if (absl::Status s = parts_.placer->CheckBeforeRelease(*transfer, checked); !s.ok()) {
      parts_.placer->ShowWaiting(*transfer, s);
      outcome.later.push_back(transfer);
      continue;
    }
    transfer->release_asked = true;
    asked.push_back(transfer);
  }
  if (asked.empty()) return outcome;
  std::vector<absl::StatusOr<MoveTicket>> tickets = parts_.calls->Release(asked);
  if (std::any_of(tickets.begin(), tickets.end(), [](const auto& t) { return t.ok(); })) {
    ARKSHARE_FAILPOINT("receiver.released");
  }
  for (size_t i = 0; i < asked.size(); ++i) TakeAnswer(asked[i], std::move(tickets[i]), outcome);
  return outcome;
}

// Makes the transfer a copy if its owner has asked to keep it.
bool Settler::TakeKeep(Transfer& transfer) {
  if (!transfer.keep.exchange(false)) return false;
  transfer.record.move = false;
  transfer.record.kept = true;
  transfer.note = "kept as a copy without an answer of the source, which may have the book as well";
  parts_.board->Update(transfer, [](TransferView&) {});
  return true;
}

void Settler::TakeAnswer(const TransferPtr& transfer, absl::StatusOr<MoveTicket> ticket,
                         Outcome& outcome) {
  TransferRecord& record = transfer->record;
  if (ticket.ok()) {
    record.ticket = *std::move(ticket);
    outcome.go_on.push_back(transfer);
    return;
  }
  const absl::Status& answer = ticket.status();
  if (!EndsTransfer(answer)) {
    LogInfo("release_not_answered", {{"transfer", record.id}, {"why", answer}});
    parts_.board->Update(*transfer, [&](TransferView& view) {
      view.message = absl::StrCat("waiting for the source: ", answer.message());
    });
    outcome.later.push_back(transfer);
    return;
  }
  if (GetReason(answer) == Reason::kBookMoved) {
    ErrorMetadata metadata = GetErrorMetadata(answer);
    const std::string to = parts_.calls->NameOf(metadata["moved_to_public_key"]);
    parts_.dropper->Drop(*transfer, MakeError(Reason::kBookMoved,
                                              absl::StrCat(EscapeForDisplay(record.name.value()),
                                                           " has just moved to ", to,
                                                           "; ask again to get it from there"),
                                              GetErrorMetadata(answer)));
    return;
  }
  if (GetReason(answer) == Reason::kTransferConflict) {
    // Another transfer may have the book by this id, so a copy could be one too many.
    parts_.dropper->Drop(
        *transfer,
        MakeError(Reason::kTransferConflict,
                  absl::StrCat(EscapeForDisplay(record.name.value()),
                               " is not taken: its source knows this transfer as another "
                               "one; get the book again")));
    return;
  }
  record.move = false;
  transfer->note = std::string(answer.message());
  outcome.go_on.push_back(transfer);
}

Outcome Settler::Own(const Batch& transfers) {
  Outcome outcome;
  Batch owned;  // recorded, now or in an earlier round that could not put them in their place
  Batch new_ones;
  for (const TransferPtr& transfer : transfers) {
    (transfer->to_admit ? owned : new_ones).push_back(transfer);
  }
  for (TransferPtr& transfer : RecordOwned(new_ones, outcome.later)) {
    owned.push_back(std::move(transfer));
  }
  outcome.go_on = Admit(owned, outcome.later);
  return outcome;
}

void Settler::Wait(const TransferPtr& transfer, absl::string_view why, Batch& later) {
  parts_.board->Update(*transfer,
                       [&](TransferView& view) { view.message = absl::StrCat("waiting: ", why); });
  later.push_back(transfer);
}

void Settler::WaitForRoom(const TransferPtr& transfer, Batch& later) {
  Wait(transfer, "the disk is full", later);
}

// Returns the transfers that are recorded; their paths are claimed, and `to_admit` is set.
Batch Settler::RecordOwned(const Batch& transfers, Batch& later) {
  Batch chosen;
  std::vector<ListingRecord> listings;
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    absl::StatusOr<FileStat> staged = parts_.store->FindStaged(record);
    if (!staged.ok()) {
      // With a ticket the book belongs to this peer, and its source hides a copy until Confirm.
      if (record.ticket || GetReason(staged.status()) != Reason::kInternal) {
        Wait(transfer, staged.status().message(), later);
      } else {
        parts_.dropper->Drop(*transfer, staged.status());
      }
      continue;
    }
    const std::string& path = record.name.value();
    if (absl::Status s = parts_.store->ClaimPath(path); !s.ok()) {
      // The scanner or a release has the path for a moment, or the disk is full.
      absl::IsUnavailable(s) ? later.push_back(transfer) : WaitForRoom(transfer, later);
      continue;
    }
    listings.push_back({.name = record.name,
                        .path = path,
                        .content = record.content,
                        .identity = staged->identity,
                        .unsettled = record.move});
    chosen.push_back(transfer);
  }
  if (chosen.empty()) return {};
  std::vector<LedgerTransfers::Owned> books;
  for (size_t i = 0; i < chosen.size(); ++i) books.push_back({&chosen[i]->record, &listings[i]});
  absl::StatusOr<std::vector<uint64_t>> numbers = parts_.store->RecordOwned(books);
  if (!numbers.ok()) {  // a full disk delays, it never discards
    for (size_t i = 0; i < chosen.size(); ++i) {
      parts_.store->UnclaimPath(listings[i].path);
      WaitForRoom(chosen[i], later);
    }
    return {};
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    listings[i].number = chosen[i]->record.listing = (*numbers)[i];
    chosen[i]->record.state = TransferRecord::State::kOwned;
    chosen[i]->to_admit = std::move(listings[i]);
  }
  return chosen;
}

// Puts owned books in their places; returns those that are there.
Batch Settler::Admit(const Batch& transfers, Batch& later) {
  Batch admitted;
  std::vector<ListingRecord> listings;
  std::vector<HashCache::Entry> entries;
  for (const TransferPtr& transfer : transfers) {
    ListingRecord& listing = *transfer->to_admit;
    const FileIdentity recorded = listing.identity;
    if (absl::Status s = parts_.placer->Admit(*transfer); !s.ok()) {
      LogError("not_admitted", {{"book", listing.path}, {"why", s}});
      parts_.placer->ShowWaiting(*transfer, s);
      later.push_back(transfer);
      continue;
    }
    entries.push_back({listing.identity, listing.content, std::move(transfer->pieces)});
    if (listing.identity != recorded) transfer->to_identify = listing;
    listings.push_back(*std::exchange(transfer->to_admit, std::nullopt));
    admitted.push_back(transfer);
  }
  if (admitted.empty()) return {};
  // Before other peers ask for the pieces.
  parts_.cache->RememberAll(entries);
  parts_.store->ShareAdmitted(listings);
  uint64_t bytes = 0;
  for (size_t i = 0; i < admitted.size(); ++i) {
    Transfer& transfer = *admitted[i];
    parts_.placer->FinishAdmission(transfer, listings[i].name);
    parts_.offers->End(transfer);  // the library serves the whole book now
    bytes += transfer.record.content.size;
    const LogFields fields = {{"book", listings[i].name},
                              {"bytes", transfer.record.content.size},
                              {"how", HowReceived(transfer.record)},
                              {"transfer", transfer.record.id}};
    admitted.size() == 1 ? LogInfo("received", fields) : LogDebug("received", fields);
    parts_.board->Update(transfer, [&](TransferView& view) { view.message = transfer.note; });
    parts_.board->AnswerPlace(transfer, absl::OkStatus());
  }
  if (admitted.size() > 1) LogInfo("received", {{"books", admitted.size()}, {"bytes", bytes}});
  return admitted;
}

// The index and the source may be away for long; neither waits for the other.
Outcome Settler::Report(const Batch& transfers) {
  Batch untold, unconfirmed;
  for (const TransferPtr& transfer : transfers) {
    if (!transfer->record.move) continue;
    if (!transfer->record.index_told) untold.push_back(transfer);
    if (!transfer->record.confirmed) unconfirmed.push_back(transfer);
  }
  const absl::Status index_answer = untold.empty() ? absl::OkStatus() : UpdateOwner(untold);
  const absl::Status source_answer = unconfirmed.empty() ? absl::OkStatus() : Confirm(unconfirmed);
  std::vector<TransferRecord> records;
  std::vector<ListingRecord> identified;
  for (const TransferPtr& transfer : transfers) {
    TransferRecord& record = transfer->record;
    if (transfer->to_identify) identified.push_back(*transfer->to_identify);
    if (!record.move || (record.index_told && record.confirmed)) {
      record.state = TransferRecord::State::kDone;
    }
    records.push_back(record);
  }
  const absl::Status recorded = parts_.store->RecordProgress(records, identified);
  Outcome outcome;
  for (const TransferPtr& transfer : transfers) {
    if (recorded.ok()) transfer->to_identify.reset();
    // For the owner who waits, the book is here; the rest is repeated in the background.
    parts_.board->Update(*transfer, [&](TransferView& view) {
      if (view.state != TransferView::State::kDone) view.end = parts_.clock->Now();
      view.state = TransferView::State::kDone;
    });
    if (transfer->record.state == TransferRecord::State::kDone && recorded.ok()) continue;
    transfer->record.state = TransferRecord::State::kOwned;
    outcome.later.push_back(transfer);
  }
  if (!outcome.later.empty()) {
    LogInfo("not_settled", {{"transfers", outcome.later.size()},
                            {"first", transfers[0]->record.id},
                            {"index", index_answer},
                            {"source", source_answer}});
  }
  return outcome;
}

// Sets index_told once the listings are settled.
absl::Status Settler::UpdateOwner(const Batch& transfers) {
  std::vector<IndexClient::Update> updates;
  std::vector<uint64_t> listings;
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    updates.push_back({*record.ticket, {record.listing, record.name, record.content}});
    listings.push_back(record.listing);
  }
  absl::StatusOr<std::vector<absl::Status>> answers = parts_.index->UpdateOwner(updates);
  if (!answers.ok()) return answers.status();
  for (size_t i = 0; i < answers->size(); ++i) {
    if ((*answers)[i].ok()) continue;
    LogError("update_owner_refused",
             {{"transfer", transfers[i]->record.id}, {"why", (*answers)[i]}});
  }
  ARKSHARE_FAILPOINT("receiver.index_told");
  // If index_told were recorded before the listings are settled, a crash would leave them
  // unsettled.
  if (absl::Status s = parts_.store->SettleListings(listings); !s.ok()) return s;
  for (const TransferPtr& transfer : transfers) transfer->record.index_told = true;
  return absl::OkStatus();
}

// Sets `confirmed` of those that the source answers; returns the last error.
absl::Status Settler::Confirm(const Batch& transfers) {
  const std::vector<absl::Status> answers = parts_.calls->Confirm(transfers);
  absl::Status error = absl::OkStatus();
  for (size_t i = 0; i < answers.size(); ++i) {
    transfers[i]->record.confirmed = answers[i].ok();
    if (!answers[i].ok()) error = answers[i];
  }
  const auto confirmed = [](const absl::Status& s) { return s.ok(); };
  if (std::any_of(answers.begin(), answers.end(), confirmed)) {
    ARKSHARE_FAILPOINT("receiver.confirmed");
  }
  return error;
}

}  // namespace arkshare
