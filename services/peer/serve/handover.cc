#include "services/peer/serve/handover.h"

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

bool IsFinal(const absl::Status& refusal) { return IsFinalRefusal(GetReason(refusal)); }

std::vector<TransferId> IdsOf(absl::Span<const SharedFolder::HiddenFile> files) {
  std::vector<TransferId> ids;
  for (const SharedFolder::HiddenFile& file : files) ids.push_back(file.transfer_id);
  return ids;
}

// Hidden copies that a Confirm deletes, and the places of their results.
struct Deletion {
  std::vector<SharedFolder::HiddenFile> files;
  std::vector<size_t> places;

  void Add(const SharedFolder::HiddenFile& file, size_t place) {
    files.push_back(file);
    places.push_back(place);
  }
};

// An error makes the receiver confirm again. Otherwise the owner could later restore a copy whose
// receiver has confirmed.
void SetErrors(const absl::Status& status, absl::Span<const size_t> places,
               std::vector<absl::Status>& results) {
  if (status.ok()) return;
  LogError("hidden_copies_not_removed", {{"why", status}});
  const Reason reason = absl::IsResourceExhausted(status) ? Reason::kDiskFull : Reason::kInternal;
  for (size_t place : places) {
    results[place] = MakeError(reason, "the source cannot record this now; confirm again");
  }
}

}  // namespace

absl::Status Handover::Recover() {
  absl::StatusOr<std::vector<ReleaseRecord>> hidden = releases_->Hidden();
  if (!hidden.ok()) return hidden.status();
  // Confirmed copies are still to be read, or were deleted before the crash.
  absl::StatusOr<std::vector<ReleaseRecord>> unread = releases_->Confirmed();
  if (!unread.ok()) return unread.status();
  std::vector<SharedFolder::HiddenFile> to_read;
  for (const ReleaseRecord& record : *unread) {
    to_read.push_back({record.item.transfer_id, record.item.listing});
  }
  copies_.ReadLater(to_read);
  // Deleted by hand, or for a Confirm that was not recorded before the crash: nothing is left to
  // restore.
  std::vector<TransferId> deleted;
  for (const ReleaseRecord& record : *hidden) {
    const SharedFolder::HiddenFile file{record.item.transfer_id, record.item.listing};
    if (absl::IsNotFound(folder_->StatHidden(file).status())) deleted.push_back(file.transfer_id);
  }
  if (!deleted.empty()) {
    absl::Status s = releases_->RecordState(deleted, ReleaseRecord::State::kGone);
    if (!s.ok()) return s;
  }
  std::vector<SharedFolder::HiddenFile> confirmed;
  for (const SharedFolder::HiddenFile& file : folder_->ListHidden()) {
    absl::StatusOr<std::optional<ReleaseRecord>> record = releases_->Find(file.transfer_id);
    if (!record.ok()) return record.status();
    const auto state = record->has_value() && (*record)->item.listing == file.listing
                           ? (*record)->state
                           : ReleaseRecord::State::kRefused;
    if (state == ReleaseRecord::State::kHidden) continue;
    if (state == ReleaseRecord::State::kConfirmed) continue;
    if (state == ReleaseRecord::State::kGone) {
      confirmed.push_back(file);
      continue;
    }
    // Hidden before the commit point, or restored by the owner: it belongs in the library.
    absl::StatusOr<std::optional<ListingRecord>> listing = listings_->Find(file.listing);
    if (!listing.ok()) return listing.status();
    const std::string path = listing->has_value() ? (*listing)->path : file.transfer_id.hex();
    absl::StatusOr<std::string> back = copies_.PutBack(file, path);
    if (!back.ok()) {
      LogNotPutBack(path, back.status());
      continue;
    }
    LogInfo("put_back", {{"book", *back}, {"transfer", file.transfer_id}});
  }
  return confirmed.empty() ? absl::OkStatus() : folder_->RemoveHidden(confirmed);
}

absl::StatusOr<MoveTicket> Handover::AnswerOf(const ReleaseRecord& record,
                                              const PublicKey& receiver,
                                              const ReleaseItem& item) const {
  if (record.receiver != receiver || record.item != item) {
    return MakeError(Reason::kTransferConflict,
                     "this transfer id was used before for something else; begin a new transfer");
  }
  if (record.state == ReleaseRecord::State::kRefused) return record.refusal;
  return record.ticket;
}

std::vector<absl::StatusOr<MoveTicket>> Handover::Release(
    const PublicKey& receiver, absl::Span<const ReleaseItem> items,
    const absl::flat_hash_set<TransferId>& from_here) {
  ARKSHARE_FAILPOINT("source.release_asked");
  std::vector<TransferId> ids;
  for (const ReleaseItem& item : items) ids.push_back(item.transfer_id);
  const TransferClaims::Claim claim(&claims_, ids);

  std::vector<Attempt> attempts;
  for (const ReleaseItem& item : items) {
    attempts.push_back({.item = &item, .from_here = from_here.contains(item.transfer_id)});
  }
  // By listing, so that two calls that wait for each other's listings cannot wait in a circle.
  std::sort(attempts.begin(), attempts.end(),
            [](const Attempt& a, const Attempt& b) { return a.item->listing < b.item->listing; });
  for (Attempt& attempt : attempts) Decide(receiver, attempt);
  HideAndSync(absl::MakeSpan(attempts));
  const absl::Status recorded = Record(receiver, absl::MakeSpan(attempts));
  for (Attempt& attempt : attempts) Answer(receiver, recorded, attempt);

  std::vector<absl::StatusOr<MoveTicket>> answers(items.size(), absl::UnknownError(""));
  for (Attempt& attempt : attempts) {
    answers[attempt.item - items.data()] = std::move(attempt.answer);
  }
  return answers;
}

void Handover::Decide(const PublicKey& receiver, Attempt& attempt) {
  const ReleaseItem& item = *attempt.item;
  absl::StatusOr<std::optional<ReleaseRecord>> earlier = releases_->Find(item.transfer_id);
  if (!earlier.ok()) {
    attempt.answer = MakeError(Reason::kInternal, "this peer cannot read its ledger; ask again");
    return;
  }
  if (earlier->has_value()) {
    attempt.answer = AnswerOf(**earlier, receiver, item);
    return;
  }
  attempt.decided_now = true;
  if (absl::StatusOr<Book> book = library_->releases().Begin(item); book.ok()) {
    attempt.book = *std::move(book);
  } else {
    attempt.answer = book.status();
  }
}

void Handover::HideAndSync(absl::Span<Attempt> attempts) {
  std::vector<std::string> paths;
  for (Attempt& attempt : attempts) {
    if (!attempt.book) continue;
    absl::Status hidden = hider_.Hide(*attempt.book, *attempt.item, attempt.from_here);
    if (hidden.ok()) {
      paths.push_back(attempt.book->record.path);
    } else {
      attempt.answer = std::move(hidden);
      attempt.book.reset();
      library_->releases().Cancel(attempt.item->listing);
    }
  }
  if (!paths.empty()) folder_->SyncHidden(paths);
  ARKSHARE_FAILPOINT("source.hidden_synced");
}

// A number is given out once, so what was refused because no listing has it can never be granted.
bool Handover::NeedsRecord(const Attempt& attempt) {
  if (attempt.book || !attempt.decided_now || !IsFinal(attempt.answer.status())) return false;
  if (GetReason(attempt.answer.status()) != Reason::kBookGone) return true;
  const absl::StatusOr<std::optional<ListingRecord>> listing =
      listings_->Find(attempt.item->listing);
  return !listing.ok() || listing->has_value();
}

absl::Status Handover::Record(const PublicKey& receiver, absl::Span<Attempt> attempts) {
  std::vector<TicketBody> bodies;
  for (const Attempt& attempt : attempts) {
    const ReleaseItem& item = *attempt.item;
    if (!attempt.book) continue;
    bodies.push_back({item.transfer_id, key_.public_key(), item.listing, receiver, item.content});
  }
  std::vector<MoveTicket> tickets;
  if (!bodies.empty()) tickets = IssueTickets(key_, bodies);

  std::vector<ReleaseRecord> records;
  size_t next_ticket = 0;
  for (Attempt& attempt : attempts) {
    ReleaseRecord record{.item = *attempt.item, .receiver = receiver};
    if (attempt.book) {
      record.state = ReleaseRecord::State::kHidden;
      record.ticket = tickets[next_ticket++];
      attempt.answer = record.ticket;
    } else if (NeedsRecord(attempt)) {
      record.refusal = attempt.answer.status();
    } else {
      continue;
    }
    records.push_back(std::move(record));
  }
  if (records.empty()) return absl::OkStatus();
  if (absl::Status s = releases_->Record(records); !s.ok()) return s;
  if (!bodies.empty()) {
    ARKSHARE_FAILPOINT("source.released");
  } else {
    ARKSHARE_FAILPOINT("source.refusal_recorded");
  }
  return absl::OkStatus();
}

void Handover::Answer(const PublicKey& receiver, const absl::Status& recorded, Attempt& attempt) {
  const ReleaseItem& item = *attempt.item;
  if (recorded.ok()) {
    if (!attempt.book) return;
    library_->releases().Finish(item.listing);
    proofs_->Forget(item.listing);
    LogInfo("released", {{"book", attempt.book->record.name},
                         {"bytes", item.content.size},
                         {"to", receiver},
                         {"transfer", item.transfer_id}});
    return;
  }
  if (!attempt.book && !NeedsRecord(attempt)) return;
  // Nothing was written, so nothing was decided.
  attempt.answer = MakeError(Reason::kDiskFull,
                             "the source's disk is full, so it cannot hand over; ask again later",
                             {}, absl::Seconds(5));
  if (!attempt.book) return;
  copies_.PutBack({item.transfer_id, item.listing}, attempt.book->record.path)
      .status()
      .IgnoreError();
  library_->releases().Cancel(item.listing);
}

std::vector<absl::Status> Handover::Confirm(const PublicKey& receiver,
                                            absl::Span<const TransferId> transfers) {
  ARKSHARE_FAILPOINT("source.confirm_asked");
  const TransferClaims::Claim claim(&claims_, transfers);
  std::vector<absl::Status> results;
  Deletion proven, unproven;
  for (const TransferId& id : transfers) {
    absl::StatusOr<std::optional<ReleaseRecord>> record = releases_->Find(id);
    if (!record.ok()) {
      results.push_back(
          MakeError(Reason::kInternal, "this peer cannot read its ledger; ask again"));
    } else if (!record->has_value() || (*record)->receiver != receiver ||
               (*record)->state == ReleaseRecord::State::kRefused) {
      results.push_back(MakeError(Reason::kTransferUnknown,
                                  "this peer has released nothing to the caller by that transfer"));
    } else {
      results.push_back(absl::OkStatus());
      library_->releases().AnnounceGone((*record)->item.listing);
      if ((*record)->state != ReleaseRecord::State::kHidden) continue;
      const SharedFolder::HiddenFile file{id, (*record)->item.listing};
      (copies_.IsProven(file) ? proven : unproven).Add(file, results.size() - 1);
    }
  }
  SetErrors(RecordGone(proven.files), proven.places, results);
  // The receiver need not wait for a reading: from here on this peer is the one that goes on.
  absl::Status confirmed = absl::OkStatus();
  if (!unproven.files.empty()) {
    confirmed = releases_->RecordState(IdsOf(unproven.files), ReleaseRecord::State::kConfirmed);
    ARKSHARE_FAILPOINT("source.confirmed");
  }
  if (confirmed.ok()) copies_.ReadLater(unproven.files);
  SetErrors(confirmed, unproven.places, results);
  for (const TransferId& id : transfers) copies_.Forget(id);
  return results;
}

absl::Status Handover::RecordGone(absl::Span<const SharedFolder::HiddenFile> files) {
  if (files.empty()) return absl::OkStatus();
  absl::Status removed = folder_->RemoveHidden(files);
  ARKSHARE_FAILPOINT("source.unlinked");
  if (removed.ok()) {
    removed = releases_->RecordState(IdsOf(files), ReleaseRecord::State::kGone);
  }
  ARKSHARE_FAILPOINT("source.gone");
  return removed;
}

std::string Handover::NameOf(uint64_t listing) {
  absl::StatusOr<std::optional<ListingRecord>> record = listings_->Find(listing);
  return record.ok() && record->has_value() ? (*record)->name.value() : "";
}

absl::StatusOr<std::string> Handover::Restore(const TransferId& id) {
  const TransferClaims::Claim claim(&claims_, absl::MakeConstSpan(&id, 1));
  absl::StatusOr<std::optional<ReleaseRecord>> record = releases_->Find(id);
  if (!record.ok()) return record.status();
  if (!record->has_value() || (*record)->state != ReleaseRecord::State::kHidden) {
    return MakeError(Reason::kTransferUnknown,
                     "no hidden copy waits under that transfer; `arkshare-cli limbo` lists them");
  }
  const SharedFolder::HiddenFile hidden{id, (*record)->item.listing};
  if (!folder_->StatHidden(hidden).ok()) {
    return MakeError(Reason::kFileNotFound,
                     "the hidden copy is no longer on the disk: it was removed by hand");
  }
  absl::StatusOr<std::optional<ListingRecord>> listing = listings_->Find((*record)->item.listing);
  if (!listing.ok()) return listing.status();
  // Recorded first: from here on a Confirm changes nothing, and a restart completes the rest.
  if (absl::Status s = releases_->RecordState({id}, ReleaseRecord::State::kRestored); !s.ok()) {
    return s;
  }
  copies_.Forget(id);
  return copies_.PutBack(hidden, listing->has_value() ? (*listing)->path : id.hex());
}

}  // namespace arkshare
