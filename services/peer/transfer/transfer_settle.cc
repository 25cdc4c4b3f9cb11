// The steps of transfers whose bytes are here, each for many at once: durable, taken over, owned,
// told.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"
#include "services/peer/transfer/source_calls.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfers.h"

namespace arkshare {
namespace {

absl::string_view HowReceived(const TransferRecord& record) {
  if (record.move) return "move";
  return record.kept ? "kept" : "copy";
}

// Whether the source's answer ends the transfer. A conflict is not a final refusal of the source,
// which has recorded another receiver or content under this id, but this transfer cannot go on.
bool EndsTransfer(const absl::Status& answer) {
  const Reason reason = GetReason(answer);
  return IsFinalRefusal(reason) || reason == Reason::kTransferConflict;
}

// A name that was unshared once, of a file that has gone since, is shared again: else the scanner
// would end the listing of the book that comes there. Before that listing is recorded, so that it
// holds whatever is killed when. What stands there by now stays as its owner wants it.
absl::Status ShareAgain(const Transfers::Parts& parts, const std::string& path) {
  if (!parts.library->UnsharedByOwner(path) || parts.folder->Stat(path).ok()) {
    return absl::OkStatus();
  }
  return parts.library->SetUnsharedByOwner(path, false);
}

}  // namespace

void Transfers::Settle(const Lanes::Lane& lane, const Together& transfers) {
  switch (lane.step) {
    case Lanes::Step::kPrepare:
      return Prepare(transfers);
    case Lanes::Step::kTakeOver:
      return TakeOver(transfers);
    case Lanes::Step::kOwn:
      return Own(transfers);
    case Lanes::Step::kTell:
      return Tell(transfers);
  }
}

// Received -> PREPARED: durable.
void Transfers::Prepare(const Together& transfers) {
  std::vector<int> fds;
  std::vector<TransferId> moves;
  for (const TransferPtr& transfer : transfers) {
    fds.push_back(transfer->received->fd.get());
    if (transfer->record.move) moves.push_back(transfer->record.id);
  }
  parts_.folder->SyncStaging(fds);
  ARKSHARE_FAILPOINT("receiver.synced");
  absl::Status recorded = moves.empty() ? absl::OkStatus() : parts_.ledger->RecordPrepared(moves);
  if (!recorded.ok()) {
    // Each for itself: one that is dropped may make the room that the others need.
    if (transfers.size() > 1) {
      for (const TransferPtr& transfer : transfers) Prepare({transfer});
    } else {
      Drop(*transfers[0],
           MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again"));
    }
    return;
  }
  ARKSHARE_FAILPOINT("receiver.prepared");
  std::vector<HashCache::Entry> entries;
  for (const TransferPtr& transfer : transfers) {
    TransferRecord& record = transfer->record;
    Transfer::Received received = *std::exchange(transfer->received, std::nullopt);
    record.state = TransferRecord::State::kPrepared;
    if (absl::StatusOr<FileStat> stat = StatFd(received.fd.get()); stat.ok()) {
      entries.push_back({stat->identity, record.content, std::move(received.pieces)});
    }
    Change(*transfer, [&](TransferView& view) {
      view.state = TransferView::State::kHandingOver;
      view.bytes_done = record.content.size;
    });
  }
  Pass(transfers);
  parts_.cache->RememberAll(entries);
}

// A book that is not here any more must not be asked for. Only a person can have removed it.
absl::StatusOr<FileStat> Transfers::FindStaged(const TransferRecord& record) const {
  absl::StatusOr<FileStat> staged = parts_.folder->StatStaging(record.id);
  if (staged.ok() && staged->identity.size == record.content.size) return staged;
  LogCritical("staged_book_lost", {{"transfer", record.id},
                                   {"book", record.name},
                                   {"why", ".arkshare/staging was changed by hand"}});
  return MakeError(
      Reason::kInternal,
      "the received book was removed from .arkshare/staging by hand; if its source has "
      "given it away already, it keeps a hidden copy (`arkshare-cli limbo` there)");
}

// PREPARED -> with a ticket or as a copy to Own, or dropped when somebody else has the book. All of
// one source.
void Transfers::TakeOver(const Together& transfers) {
  Together asked, go_on;
  for (const TransferPtr& transfer : transfers) {
    if (TakeUpKeep(*transfer)) {
      go_on.push_back(transfer);
    } else if (absl::Status s = FindStaged(transfer->record).status(); !s.ok()) {
      Drop(*transfer, s);
    } else {
      asked.push_back(transfer);
    }
  }
  if (asked.empty()) return Pass(go_on);
  std::vector<absl::StatusOr<MoveTicket>> tickets = calls_->Release(asked);
  if (std::any_of(tickets.begin(), tickets.end(), [](const auto& t) { return t.ok(); })) {
    ARKSHARE_FAILPOINT("receiver.released");
  }
  for (size_t i = 0; i < asked.size(); ++i) {
    switch (TakeAnswer(*asked[i], std::move(tickets[i]))) {
      case Next::kGoOn:
        go_on.push_back(asked[i]);
        break;
      case Next::kLater:
        Postpone(asked[i]);
        break;
      case Next::kEnd:
        break;
    }
  }
  Pass(go_on);
}

// The owner's word, taken up between two calls to the source.
bool Transfers::TakeUpKeep(Transfer& transfer) {
  {
    MutexLock lock(&mutex_);
    if (!std::exchange(transfer.keep, false)) return false;
  }
  transfer.record.move = false;
  transfer.record.kept = true;
  transfer.note = "kept as a copy without an answer of the source, which may have the book as well";
  Change(transfer, [](TransferView&) {});
  return true;
}

Transfers::Next Transfers::TakeAnswer(Transfer& transfer, absl::StatusOr<MoveTicket> ticket) {
  TransferRecord& record = transfer.record;
  if (ticket.ok()) {
    record.ticket = *std::move(ticket);
    return Next::kGoOn;
  }
  if (!EndsTransfer(ticket.status())) {
    LogInfo("release_not_answered", {{"transfer", record.id}, {"why", ticket.status()}});
    Change(transfer, [&](TransferView& view) {
      view.message = absl::StrCat("waiting for the source: ", ticket.status().message());
    });
    return Next::kLater;
  }
  if (GetReason(ticket.status()) == Reason::kBookMoved) {
    const std::string to = calls_->NameOf(GetErrorMetadata(ticket.status())["moved_to_public_key"]);
    return Drop(transfer,
                MakeError(Reason::kBookMoved,
                          absl::StrCat(EscapeForDisplay(record.name.value()), " has just moved to ",
                                       to, "; ask again to get it from there"),
                          GetErrorMetadata(ticket.status())));
  }
  record.move = false;
  transfer.note = std::string(ticket.status().message());
  return Next::kGoOn;
}

// The books are ours: listings, names, places in the folder.
void Transfers::Own(const Together& transfers) {
  Together owned;  // recorded, now or in an earlier round that could not put them in their place
  Together new_ones;
  for (const TransferPtr& transfer : transfers) {
    (transfer->to_admit ? owned : new_ones).push_back(transfer);
  }
  for (TransferPtr& transfer : RecordOwned(new_ones)) owned.push_back(std::move(transfer));

  Together admitted;
  std::vector<ListingRecord> listings;
  std::vector<std::string> paths;
  for (const TransferPtr& transfer : owned) {
    if (absl::Status s = Admit(transfer->record, *transfer->to_admit); !s.ok()) {
      LogError("not_admitted", {{"book", transfer->to_admit->path}, {"why", s}});
      Change(*transfer, [&](TransferView& view) {
        view.message = absl::StrCat("waiting to enter the folder: ", s.message());
      });
      Postpone(transfer);
      continue;
    }
    paths.push_back(transfer->to_admit->path);
    listings.push_back(*std::exchange(transfer->to_admit, std::nullopt));
    admitted.push_back(transfer);
  }
  if (admitted.empty()) return;
  parts_.folder->SyncAdmitted(paths);
  ARKSHARE_FAILPOINT("receiver.admitted");
  parts_.library->Receive(listings);
  uint64_t bytes = 0;
  for (size_t i = 0; i < admitted.size(); ++i) {
    Transfer& transfer = *admitted[i];
    parts_.library->UnclaimPath(paths[i]);
    parts_.library->UnreserveName(transfer.reserved);
    if (listings[i].name != transfer.reserved) {
      absl::StrAppend(&transfer.note, transfer.note.empty() ? "" : "; ", "saved as ",
                      EscapeForDisplay(listings[i].name.value()), ", because ",
                      EscapeForDisplay(transfer.reserved.value()), " was taken meanwhile");
    }
    EndOffer(transfer);  // the whole book is served in its place
    bytes += transfer.record.content.size;
    const LogFields fields = {{"book", listings[i].name},
                              {"bytes", transfer.record.content.size},
                              {"how", HowReceived(transfer.record)},
                              {"transfer", transfer.record.id}};
    admitted.size() == 1 ? LogInfo("received", fields) : LogDebug("received", fields);
    Change(transfer, [&](TransferView& view) { view.message = transfer.note; });
  }
  if (admitted.size() > 1) LogInfo("received", {{"books", admitted.size()}, {"bytes", bytes}});
  Pass(admitted);
}

// PREPARED -> OWNED, of all that can be; their paths are claimed.
Transfers::Together Transfers::RecordOwned(const Together& transfers) {
  Together chosen;
  std::vector<ListingRecord> listings;
  const auto wait_for_room = [&](const TransferPtr& transfer, const std::string& path) {
    parts_.library->UnclaimPath(path);
    Change(*transfer, [&](TransferView& view) { view.message = "waiting: the disk is full"; });
    Postpone(transfer);
  };
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    absl::StatusOr<FileStat> staged = FindStaged(record);
    if (!staged.ok()) {
      Drop(*transfer, staged.status());
      continue;
    }
    if (!parts_.library->TryClaimPath(record.name.value())) {
      Postpone(transfer);  // the scanner or a release is at it, which takes a moment
      continue;
    }
    if (!ShareAgain(parts_, record.name.value()).ok()) {
      wait_for_room(transfer, record.name.value());
      continue;
    }
    listings.push_back({.name = record.name,
                        .path = record.name.value(),
                        .content = record.content,
                        .identity = staged->identity,
                        .unsettled = record.move});
    chosen.push_back(transfer);
  }
  if (chosen.empty()) return {};
  std::vector<Ledger::Owned> books;
  for (size_t i = 0; i < chosen.size(); ++i) books.push_back({&chosen[i]->record, &listings[i]});
  absl::StatusOr<std::vector<uint64_t>> numbers = parts_.ledger->RecordOwned(books);
  if (!numbers.ok()) {  // a full disk delays, it never discards
    for (size_t i = 0; i < chosen.size(); ++i) wait_for_room(chosen[i], listings[i].path);
    return {};
  }
  ARKSHARE_FAILPOINT("receiver.owned");
  for (size_t i = 0; i < chosen.size(); ++i) {
    listings[i].number = chosen[i]->record.listing = (*numbers)[i];
    chosen[i]->record.state = TransferRecord::State::kOwned;
    chosen[i]->to_admit = std::move(listings[i]);
  }
  return chosen;
}

// Renames a staged file to the name of its listing, or to the next free one: ledger first, then
// disk, so that a crash leaves a ledger that a restart can follow. Not yet durable. The path of
// `listing` is claimed, and what it is changed to stays claimed.
absl::Status Transfers::Admit(TransferRecord& record, ListingRecord& listing) {
  const BookName wanted = record.name;
  for (int n = 2;; ++n) {
    absl::Status admitted = parts_.folder->Admit(record.id, listing.path);
    if (!absl::IsAlreadyExists(admitted)) return admitted;
    const BookName other = wanted.WithSuffix(n);
    if (parts_.folder->Stat(other.value()).ok() || parts_.library->Find(other)) continue;
    if (!parts_.library->TryClaimPath(other.value())) continue;
    // As ShareAgain, and also while Recover runs: what is unshared has not been loaded then.
    absl::Status s = parts_.library->SetUnsharedByOwner(other.value(), false);
    if (s.ok()) s = parts_.ledger->RenameOwned(record.id, listing.number, other);
    if (!s.ok()) {
      parts_.library->UnclaimPath(other.value());
      return s;
    }
    parts_.library->UnclaimPath(listing.path);
    record.name = listing.name = other;
    listing.path = other.value();
  }
}

// OWNED -> DONE: the index and the source know. Both may be away for long; neither waits for the
// other. All of one source, or copies.
void Transfers::Tell(const Together& transfers) {
  Together untold, unconfirmed;
  for (const TransferPtr& transfer : transfers) {
    if (!transfer->record.move) continue;
    if (!transfer->record.index_told) untold.push_back(transfer);
    if (!transfer->record.confirmed) unconfirmed.push_back(transfer);
  }
  const absl::Status index_said = untold.empty() ? absl::OkStatus() : TellIndex(untold);
  absl::Status source_said = absl::OkStatus();
  if (!unconfirmed.empty()) {
    const std::vector<absl::Status> said = calls_->Confirm(unconfirmed);
    for (size_t i = 0; i < said.size(); ++i) {
      unconfirmed[i]->record.confirmed = said[i].ok();
      if (!said[i].ok()) source_said = said[i];
    }
    const auto confirmed = [](const absl::Status& s) { return s.ok(); };
    if (std::any_of(said.begin(), said.end(), confirmed)) ARKSHARE_FAILPOINT("receiver.confirmed");
  }
  std::vector<TransferRecord> records;
  for (const TransferPtr& transfer : transfers) {
    TransferRecord& record = transfer->record;
    if (!record.move || (record.index_told && record.confirmed)) {
      record.state = TransferRecord::State::kDone;
    }
    records.push_back(record);
  }
  const absl::Status recorded = parts_.ledger->RecordProgress(records);
  size_t open = 0;
  for (const TransferPtr& transfer : transfers) {
    // For the person who waits, the book is here; what is left is repeated in the background.
    Change(*transfer, [&](TransferView& view) {
      if (view.state != TransferView::State::kDone) view.end = parts_.clock->Now();
      view.state = TransferView::State::kDone;
    });
    if (transfer->record.state == TransferRecord::State::kDone && recorded.ok()) continue;
    transfer->record.state = TransferRecord::State::kOwned;
    Postpone(transfer);
    ++open;
  }
  if (open > 0) {
    LogInfo("not_settled", {{"transfers", open},
                            {"first", transfers[0]->record.id},
                            {"index", index_said},
                            {"source", source_said}});
  }
}

// UpdateOwner, and the listings are settled.
absl::Status Transfers::TellIndex(const Together& transfers) {
  std::vector<IndexClient::Update> updates;
  std::vector<uint64_t> listings;
  for (const TransferPtr& transfer : transfers) {
    const TransferRecord& record = transfer->record;
    updates.push_back({*record.ticket, {record.listing, record.name, record.content}});
    listings.push_back(record.listing);
  }
  absl::StatusOr<std::vector<absl::Status>> told = parts_.index->UpdateOwner(updates);
  if (!told.ok()) return told.status();
  for (size_t i = 0; i < told->size(); ++i) {
    if ((*told)[i].ok()) continue;
    LogError("update_owner_refused", {{"transfer", transfers[i]->record.id}, {"why", (*told)[i]}});
  }
  ARKSHARE_FAILPOINT("receiver.index_told");
  // Told counts only once the listings are settled for good: nobody would settle them later.
  if (absl::Status s = parts_.library->Settle(listings); !s.ok()) return s;
  for (const TransferPtr& transfer : transfers) transfer->record.index_told = true;
  return absl::OkStatus();
}

}  // namespace arkshare
