#include "services/peer/transfer/transfer_store.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <set>
#include <utility>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/failpoint.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/file_io.h"

namespace arkshare {
namespace {

// The pieces of an interrupted download are kept for this long.
constexpr absl::Duration kKeepFor = absl::Hours(24 * 7);

}  // namespace

absl::StatusOr<std::vector<TransferRecord>> TransferStore::Recover() {
  absl::StatusOr<std::vector<TransferRecord>> open = ledger_->OpenTransfers();
  if (!open.ok()) return open.status();
  std::vector<TransferRecord> go_on;
  std::set<TransferId> kept;
  for (TransferRecord& record : *open) {
    if (record.state == TransferRecord::State::kIntent && !CanResume(record)) {
      // The file first: on a full disk it makes the room that the record needs.
      folder_->RemoveStaging(record.id).IgnoreError();
      if (absl::Status s = ledger_->RecordDropped(record.id); !s.ok()) return s;
      continue;
    }
    kept.insert(record.id);
    if (record.state == TransferRecord::State::kOwned) {
      if (absl::Status s = RecoverOwned(record); !s.ok()) return s;
    } else {
      library_->ReserveName(record.name).IgnoreError();
    }
    go_on.push_back(std::move(record));
  }
  for (const TransferId& id : folder_->ListStaging()) {
    if (!kept.contains(id)) folder_->RemoveStaging(id).IgnoreError();
  }
  return go_on;
}

absl::Status TransferStore::RecoverOwned(TransferRecord& record) {
  absl::StatusOr<std::optional<ListingRecord>> listing = ledger_->FindListing(record.listing);
  if (!listing.ok()) return listing.status();
  // A book that is not in staging is in its place, or a person has deleted it and the scan says so.
  if (!listing->has_value() || !folder_->StatStaging(record.id).ok()) return absl::OkStatus();
  if (absl::Status s = Admit(record, **listing); !s.ok()) {
    return absl::Status(s.code(),
                        absl::StrCat("a received book cannot enter the folder: ", s.message(),
                                     "; mend that and start the peer again"));
  }
  folder_->SyncAdmitted({(*listing)->path});
  library_->UnclaimPath((*listing)->path);
  return absl::OkStatus();
}

absl::Status TransferStore::ReserveName(const BookName& name) {
  // A file that the library does not list (unshared, or not yet hashed) has its name all the same.
  if (folder_->Stat(name.value()).ok()) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a file named ", EscapeForDisplay(name.value()),
                                  " in your folder; choose another name for this book (--as)"));
  }
  return library_->ReserveName(name);
}

absl::Status TransferStore::RecordIntents(absl::Span<const TransferRecord> records) {
  absl::Status recorded = ledger_->RecordIntents(records);
  if (recorded.ok()) {
    ARKSHARE_FAILPOINT("receiver.intent");
    return recorded;
  }
  for (const TransferRecord& record : records) library_->UnreserveName(record.name);
  if (!absl::IsResourceExhausted(recorded)) return recorded;
  return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
}

bool TransferStore::CanResume(const TransferRecord& record) const {
  if (PieceCount(record.content.size) <= 1) return false;
  const absl::StatusOr<FileStat> staged = folder_->StatStaging(record.id);
  return staged.ok() && clock_->Now() - absl::FromUnixNanos(staged->identity.mtime_ns) < kKeepFor;
}

absl::StatusOr<UniqueFd> TransferStore::OpenStaging(const TransferRecord& record) const {
  absl::StatusOr<UniqueFd> fd = folder_->ReopenStaging(record.id, record.content.size);
  if (fd.ok()) return fd;
  if (!absl::IsResourceExhausted(fd.status())) {
    return MakeError(Reason::kInternal, fd.status().message());
  }
  return MakeError(Reason::kDiskFull,
                   absl::StrCat("the disk of this peer has no room for the ", record.content.size,
                                " bytes of this book; make room and try again"));
}

absl::StatusOr<UniqueFd> TransferStore::StageSmall(const TransferRecord& record,
                                                   const std::string& bytes) const {
  absl::StatusOr<UniqueFd> fd = folder_->CreateStaging(record.id, 0);
  if (!fd.ok()) return fd;
  if (absl::Status s = WriteFully(fd->get(), 0, AsBytes(bytes).data(), bytes.size()); !s.ok()) {
    folder_->RemoveStaging(record.id).IgnoreError();
    return s;
  }
  return fd;
}

absl::Status TransferStore::Prepare(absl::Span<const int> fds, absl::Span<const TransferId> moves) {
  folder_->SyncStaging(fds);
  ARKSHARE_FAILPOINT("receiver.synced");
  if (!moves.empty()) {
    if (absl::Status s = ledger_->RecordPrepared(moves); !s.ok()) return s;
  }
  ARKSHARE_FAILPOINT("receiver.prepared");
  return absl::OkStatus();
}

absl::StatusOr<FileStat> TransferStore::FindStaged(const TransferRecord& record) const {
  absl::StatusOr<FileStat> staged = folder_->StatStaging(record.id);
  if (staged.ok() && staged->identity.size == record.content.size) return staged;
  LogCritical("staged_book_lost", {{"transfer", record.id},
                                   {"book", record.name},
                                   {"why", ".arkshare/staging was changed by hand"}});
  return MakeError(
      Reason::kInternal,
      "the received book was removed from .arkshare/staging by hand; if its source has "
      "given it away already, it keeps a hidden copy (`arkshare-cli limbo` there)");
}

absl::Status TransferStore::ClaimPath(const std::string& path) {
  if (!library_->TryClaimPath(path)) return absl::UnavailableError("the path is in use");
  // If the path stayed unshared, the scanner would end the listing of the book that comes there. It
  // is shared before that listing is recorded, so a crash between the two does no harm. A file that
  // is there by now keeps what its owner chose.
  if (!library_->UnsharedByOwner(path) || folder_->Stat(path).ok()) return absl::OkStatus();
  absl::Status shared = library_->SetUnsharedByOwner(path, false);
  if (!shared.ok()) library_->UnclaimPath(path);
  return shared;
}

absl::StatusOr<std::vector<uint64_t>> TransferStore::RecordOwned(
    absl::Span<const Ledger::Owned> books) {
  absl::StatusOr<std::vector<uint64_t>> numbers = ledger_->RecordOwned(books);
  if (numbers.ok()) ARKSHARE_FAILPOINT("receiver.owned");
  return numbers;
}

// Writes the ledger before it renames, so that a crash leaves a ledger that Recover can follow.
absl::Status TransferStore::Admit(TransferRecord& record, ListingRecord& listing) {
  const BookName wanted = record.name;
  for (int n = 2;; ++n) {
    absl::Status admitted = folder_->Admit(record.id, listing.path);
    if (!absl::IsAlreadyExists(admitted)) return admitted;
    const BookName other = wanted.WithSuffix(n);
    if (folder_->Stat(other.value()).ok() || library_->Find(other)) continue;
    if (!library_->TryClaimPath(other.value())) continue;
    // As in ClaimPath. While Recover runs, the library does not know yet which paths are unshared.
    absl::Status s = library_->SetUnsharedByOwner(other.value(), false);
    if (s.ok()) s = ledger_->RenameOwned(record.id, listing.number, other);
    if (!s.ok()) {
      library_->UnclaimPath(other.value());
      return s;
    }
    library_->UnclaimPath(listing.path);
    record.name = listing.name = other;
    listing.path = other.value();
  }
}

void TransferStore::ShareAdmitted(absl::Span<const ListingRecord> listings) {
  std::vector<std::string> paths;
  for (const ListingRecord& listing : listings) paths.push_back(listing.path);
  folder_->SyncAdmitted(paths);
  ARKSHARE_FAILPOINT("receiver.admitted");
  library_->Receive(listings);
  for (const std::string& path : paths) library_->UnclaimPath(path);
}

void TransferStore::Drop(const TransferRecord& record) {
  folder_->RemoveStaging(record.id).IgnoreError();
  library_->UnreserveName(record.name);
  if (absl::Status s = ledger_->RecordDropped(record.id); !s.ok()) {
    LogWarning("drop_not_recorded", {{"transfer", record.id}, {"why", s}});
  }
}

}  // namespace arkshare
