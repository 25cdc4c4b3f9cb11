#include "services/peer/serve/handover.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"

namespace arkshare {
namespace {

bool IsFinal(const absl::Status& refusal) { return IsFinalRefusal(GetReason(refusal)); }

}  // namespace

// One item on its way through a call.
struct Handover::Attempt {
  const ReleaseItem* item;
  absl::StatusOr<MoveTicket> answer = absl::UnknownError("undecided");
  std::optional<Book> book{};  // being released
};

absl::Status Handover::Recover() {
  absl::StatusOr<std::vector<ReleaseRecord>> hidden = ledger_->HiddenReleases();
  if (!hidden.ok()) return hidden.status();
  // Deleted for a Confirm that was not recorded any more, or by hand: nothing is left to restore.
  std::vector<TransferId> deleted;
  for (const ReleaseRecord& record : *hidden) {
    const SharedFolder::HiddenFile file{record.item.transfer_id, record.item.listing};
    if (absl::IsNotFound(folder_->StatHidden(file).status())) deleted.push_back(file.transfer_id);
  }
  if (!deleted.empty()) {
    absl::Status s = ledger_->RecordReleaseStates(deleted, ReleaseRecord::State::kGone);
    if (!s.ok()) return s;
  }
  std::vector<SharedFolder::HiddenFile> confirmed;
  for (const SharedFolder::HiddenFile& file : folder_->ListHidden()) {
    absl::StatusOr<std::optional<ReleaseRecord>> record = ledger_->FindRelease(file.transfer_id);
    if (!record.ok()) return record.status();
    const auto state = record->has_value() && (*record)->item.listing == file.listing
                           ? (*record)->state
                           : ReleaseRecord::State::kRefused;
    if (state == ReleaseRecord::State::kHidden) continue;
    if (state == ReleaseRecord::State::kGone) {
      confirmed.push_back(file);
      continue;
    }
    // Hidden before the commit point, or restored by the owner: it belongs into the library.
    absl::StatusOr<std::optional<ListingRecord>> listing = ledger_->FindListing(file.listing);
    if (!listing.ok()) return listing.status();
    const std::string path = listing->has_value() ? (*listing)->path : file.transfer_id.hex();
    absl::StatusOr<std::string> back = PutBack(file, path);
    if (!back.ok()) {
      return absl::Status(back.status().code(),
                          absl::StrCat("a book that was not given away cannot be put back: ",
                                       back.status().message(), "; mend that and start again"));
    }
    LogInfo("put_back", {{"book", *back}, {"transfer", file.transfer_id}});
  }
  return confirmed.empty() ? absl::OkStatus() : folder_->RemoveHidden(confirmed);
}

absl::StatusOr<std::string> Handover::PutBack(const SharedFolder::HiddenFile& hidden,
                                              const std::string& path) {
  std::string wanted = path;
  std::string at = wanted;
  for (int n = 2;; ++n) {
    absl::Status status = folder_->Unhide(hidden, at);
    if (status.ok()) return at;
    const size_t slash = wanted.rfind('/');
    if (absl::IsInvalidArgument(status) && slash != std::string::npos) {
      // What was a folder on the way is something else now.
      at = wanted = wanted.substr(slash + 1);
      n = 1;
      continue;
    }
    if (!absl::IsAlreadyExists(status)) return status;
    absl::StatusOr<BookName> name = BookName::Parse(wanted);
    at = name.ok() ? name->WithSuffix(n).value() : absl::StrCat(hidden.transfer_id.hex(), "-", n);
  }
}

void Handover::Enter(absl::Span<const TransferId> ids) {
  MutexLock lock(&mutex_);
  while (std::any_of(ids.begin(), ids.end(),
                     [this](const TransferId& id)
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return busy_.contains(id); })) {
    left_.Wait(&mutex_);
  }
  busy_.insert(ids.begin(), ids.end());
}

void Handover::Leave(absl::Span<const TransferId> ids) {
  MutexLock lock(&mutex_);
  for (const TransferId& id : ids) busy_.erase(id);
  left_.NotifyAll();
}

absl::StatusOr<MoveTicket> Handover::Answer(const ReleaseRecord& record, const PublicKey& receiver,
                                            const ReleaseItem& item) const {
  if (record.receiver != receiver || record.item != item) {
    return MakeError(Reason::kTransferConflict,
                     "this transfer id was used before for something else; begin a new transfer");
  }
  if (record.state == ReleaseRecord::State::kRefused) return record.refusal;
  return record.ticket;
}

// Steps 1 and 2.
absl::Status Handover::Hide(const Book& book, const ReleaseItem& item) {
  const SharedFolder::HiddenFile hidden{item.transfer_id, item.listing};
  absl::StatusOr<FileStat> stat = folder_->Hide(book.record.path, hidden);
  if (absl::IsNotFound(stat.status())) {
    return MakeError(Reason::kBookGone, "this peer no longer has the book; keep the copy");
  }
  if (!stat.ok()) {
    LogError("not_hidden", {{"book", book.record.path}, {"why", stat.status()}});
    return MakeError(Reason::kInternal, "this peer cannot hand the book over now; ask again");
  }
  ARKSHARE_FAILPOINT("source.hidden");
  const bool same = stat->kind == FileKind::kRegular && stat->identity == book.record.identity;
  if (same && stat->links == 1) return absl::OkStatus();
  absl::StatusOr<std::string> back = PutBack(hidden, book.record.path);
  if (!back.ok()) {
    LogError("not_put_back", {{"book", book.record.path},
                              {"why", back.status()},
                              {"hint", "it is in .arkshare/released until the next start"}});
  }
  if (same) {
    return MakeError(Reason::kNotForTaking,
                     "the file has more than one hard link, so this peer only lends it; keep the "
                     "copy as a copy");
  }
  return MakeError(Reason::kBookChanged,
                   "the file is no longer what this peer listed; keep the copy");
}

std::vector<absl::StatusOr<MoveTicket>> Handover::Release(const PublicKey& receiver,
                                                          absl::Span<const ReleaseItem> items) {
  ARKSHARE_FAILPOINT("source.release_asked");
  std::vector<TransferId> ids;
  for (const ReleaseItem& item : items) ids.push_back(item.transfer_id);
  Enter(ids);

  std::vector<Attempt> attempts;
  for (const ReleaseItem& item : items) attempts.push_back({.item = &item});
  // By listing, so that two calls that wait for each other's listings cannot wait in a circle.
  std::sort(attempts.begin(), attempts.end(),
            [](const Attempt& a, const Attempt& b) { return a.item->listing < b.item->listing; });

  std::vector<std::string> hidden_paths;
  std::vector<TicketBody> bodies;
  for (Attempt& attempt : attempts) {
    const ReleaseItem& item = *attempt.item;
    absl::StatusOr<std::optional<ReleaseRecord>> earlier = ledger_->FindRelease(item.transfer_id);
    if (!earlier.ok()) {
      attempt.answer = MakeError(Reason::kInternal, "this peer cannot read its ledger; ask again");
    } else if (earlier->has_value()) {
      attempt.answer = Answer(**earlier, receiver, item);
    } else if (absl::StatusOr<Book> book = library_->BeginRelease(item); !book.ok()) {
      attempt.answer = book.status();
    } else if (absl::Status hidden = Hide(*book, item); !hidden.ok()) {
      attempt.answer = hidden;
      library_->CancelRelease(item.listing);
    } else {
      hidden_paths.push_back(book->record.path);
      bodies.push_back({item.transfer_id, key_.public_key(), item.listing, receiver, item.content});
      attempt.book = *std::move(book);
    }
  }

  if (!hidden_paths.empty()) folder_->SyncHidden(hidden_paths);
  ARKSHARE_FAILPOINT("source.hidden_synced");

  // What is new is recorded in one transaction, before any of it is answered.
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
    } else if (!attempt.answer.ok() && IsFinal(attempt.answer.status())) {
      absl::StatusOr<std::optional<ReleaseRecord>> earlier =
          ledger_->FindRelease(attempt.item->transfer_id);
      if (!earlier.ok() || earlier->has_value()) continue;
      record.refusal = attempt.answer.status();
    } else {
      continue;
    }
    records.push_back(std::move(record));
  }
  absl::Status recorded = records.empty() ? absl::OkStatus() : ledger_->RecordReleases(records);
  if (recorded.ok() && !bodies.empty()) ARKSHARE_FAILPOINT("source.released");
  if (recorded.ok() && bodies.empty() && !records.empty()) {
    ARKSHARE_FAILPOINT("source.refusal_recorded");
  }

  for (Attempt& attempt : attempts) {
    if (!recorded.ok() && (attempt.book || IsFinal(attempt.answer.status()))) {
      // Nothing was written, so nothing was decided.
      attempt.answer = MakeError(
          Reason::kDiskFull, "the source's disk is full, so it cannot hand over; ask again later",
          {}, absl::Seconds(5));
      if (attempt.book) {
        PutBack({attempt.item->transfer_id, attempt.item->listing}, attempt.book->record.path)
            .status()
            .IgnoreError();
        library_->CancelRelease(attempt.item->listing);
      }
    } else if (attempt.book) {
      library_->FinishRelease(attempt.item->listing);
      LogInfo("released", {{"book", attempt.book->record.name},
                           {"bytes", attempt.item->content.size},
                           {"to", receiver},
                           {"transfer", attempt.item->transfer_id}});
    }
  }
  Leave(ids);

  std::vector<absl::StatusOr<MoveTicket>> answers(items.size(), absl::UnknownError(""));
  for (Attempt& attempt : attempts)
    answers[attempt.item - items.data()] = std::move(attempt.answer);
  return answers;
}

std::vector<absl::Status> Handover::Confirm(const PublicKey& receiver,
                                            absl::Span<const TransferId> transfers) {
  ARKSHARE_FAILPOINT("source.confirm_asked");
  Enter(transfers);
  std::vector<absl::Status> results;
  std::vector<SharedFolder::HiddenFile> files;
  std::vector<TransferId> ids;
  std::vector<size_t> places;  // of their results
  for (const TransferId& id : transfers) {
    absl::StatusOr<std::optional<ReleaseRecord>> record = ledger_->FindRelease(id);
    if (!record.ok()) {
      results.push_back(
          MakeError(Reason::kInternal, "this peer cannot read its ledger; ask again"));
    } else if (!record->has_value() || (*record)->receiver != receiver ||
               (*record)->state == ReleaseRecord::State::kRefused) {
      results.push_back(MakeError(Reason::kTransferUnknown,
                                  "this peer has released nothing to the caller by that transfer"));
    } else {
      results.push_back(absl::OkStatus());
      library_->AnnounceGone((*record)->item.listing);
      if ((*record)->state != ReleaseRecord::State::kHidden) continue;
      if (KeepEdited({id, (*record)->item.listing})) continue;
      files.push_back({id, (*record)->item.listing});
      ids.push_back(id);
      places.push_back(results.size() - 1);
    }
  }
  if (!files.empty()) {
    absl::Status removed = folder_->RemoveHidden(files);
    ARKSHARE_FAILPOINT("source.unlinked");
    if (removed.ok()) removed = ledger_->RecordReleaseStates(ids, ReleaseRecord::State::kGone);
    ARKSHARE_FAILPOINT("source.gone");
    if (!removed.ok()) {
      // Answered with an error, so that the receiver says it again: a copy that stays in limbo
      // could be restored one day although its receiver has confirmed.
      LogError("hidden_copies_not_removed", {{"why", removed}});
      const Reason reason =
          absl::IsResourceExhausted(removed) ? Reason::kDiskFull : Reason::kInternal;
      for (size_t place : places) {
        results[place] = MakeError(reason, "the source cannot record this now; confirm again");
      }
    }
  }
  Leave(transfers);
  return results;
}

bool Handover::KeepEdited(const SharedFolder::HiddenFile& hidden) {
  absl::StatusOr<FileStat> stat = folder_->StatHidden(hidden);
  absl::StatusOr<std::optional<ListingRecord>> listing = ledger_->FindListing(hidden.listing);
  if (!stat.ok() || !listing.ok() || !listing->has_value()) return false;
  if (stat->kind != FileKind::kRegular || stat->identity == (*listing)->identity) return false;
  // Recorded first, as in Restore: a restart ends what is left to do.
  absl::Status kept =
      ledger_->RecordReleaseStates({hidden.transfer_id}, ReleaseRecord::State::kRestored);
  if (kept.ok()) kept = PutBack(hidden, (*listing)->path).status();
  LogWarning("kept", {{"book", (*listing)->path},
                      {"transfer", hidden.transfer_id},
                      {"why", "it was written to after it was given away"},
                      {"recorded", kept}});
  return true;
}

std::string Handover::NameOf(uint64_t listing) {
  absl::StatusOr<std::optional<ListingRecord>> record = ledger_->FindListing(listing);
  return record.ok() && record->has_value() ? (*record)->name.value() : "";
}

absl::StatusOr<std::string> Handover::Restore(const TransferId& id) {
  Enter({id});
  const auto restore = [&]() -> absl::StatusOr<std::string> {
    absl::StatusOr<std::optional<ReleaseRecord>> record = ledger_->FindRelease(id);
    if (!record.ok()) return record.status();
    if (!record->has_value() || (*record)->state != ReleaseRecord::State::kHidden) {
      return MakeError(Reason::kTransferUnknown,
                       "no hidden copy waits under that transfer; `arkshare-cli limbo` lists them");
    }
    const SharedFolder::HiddenFile hidden{id, (*record)->item.listing};
    if (!folder_->StatHidden(hidden).ok()) {
      return MakeError(Reason::kFileNotFound,
                       "the hidden copy is no longer on the disk: somebody removed it by hand");
    }
    absl::StatusOr<std::optional<ListingRecord>> listing =
        ledger_->FindListing((*record)->item.listing);
    if (!listing.ok()) return listing.status();
    // Recorded first: from here on a Confirm changes nothing, and a restart ends what is left to
    // do.
    if (absl::Status s = ledger_->RecordReleaseStates({id}, ReleaseRecord::State::kRestored);
        !s.ok()) {
      return s;
    }
    return PutBack(hidden, listing->has_value() ? (*listing)->path : id.hex());
  };
  absl::StatusOr<std::string> path = restore();
  Leave({id});
  return path;
}

}  // namespace arkshare
