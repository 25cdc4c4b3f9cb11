#include "services/peer/transfer/transfer_store.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

// Says for people why a book cannot enter the folder under this name.
absl::Status CannotEnter(const BookName& name, const absl::Status& why) {
  if (absl::IsResourceExhausted(why)) {
    return MakeError(Reason::kDiskFull, "the disk of this peer is full; make room and try again");
  }
  return MakeError(
      Reason::kPlaceUnusable,
      absl::StrCat(EscapeForDisplay(name.value()), " cannot enter your folder: ", why.message(),
                   "; mend that, or choose another name for it (--as)"));
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// Returns the folders on the way to a path, innermost first.
std::vector<std::string> FoldersAbove(const std::string& path) {
  std::vector<std::string> folders;
  for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    folders.push_back(path.substr(0, slash));
  }
  return folders;
}

// The places for a book that cannot enter at its own: its name in the shared folder itself, then a
// name that every file system takes.
std::vector<BookName> OtherPlaces(const TransferRecord& record) {
  std::vector<BookName> places;
  const std::string& path = record.name.value();
  for (const std::string& other :
       {path.substr(FolderOf(path).size()), absl::StrCat("book-", record.id.hex().substr(0, 12))}) {
    absl::StatusOr<BookName> name = BookName::Parse(other);
    if (name.ok() && *name != record.name) places.push_back(*std::move(name));
  }
  return places;
}

}  // namespace

absl::StatusOr<std::vector<TransferStore::Recovered>> TransferStore::Recover() {
  absl::StatusOr<std::vector<TransferRecord>> open = ledger_transfers_->Open();
  if (!open.ok()) return open.status();
  std::vector<Recovered> go_on;
  std::set<TransferId> kept;
  for (TransferRecord& record : *open) {
    if (record.state == TransferRecord::State::kIntent) {
      folder_->entrance().TakeBack(record.id, record.name.value()).IgnoreError();
      if (!CanResume(record)) {
        DropUnprepared(record);
        continue;
      }
    }
    kept.insert(record.id);
    Recovered recovered{std::move(record)};
    if (recovered.record.state == TransferRecord::State::kOwned) {
      if (absl::Status s = RecoverOwned(recovered); !s.ok()) return s;
    } else {
      const BookName& name = recovered.record.name;
      library_->ReserveName(name).IgnoreError();
      if (recovered.record.state == TransferRecord::State::kPrepared) {
        folder_->entrance().BringNear(recovered.record.id, name.value()).IgnoreError();
      }
    }
    go_on.push_back(std::move(recovered));
  }
  const auto keep = [&](const TransferId& id) { return kept.contains(id); };
  folder_->staging().RemoveOthers(keep);
  folder_->entrance().RemoveOthers(keep);
  return go_on;
}

// The file first: on a full disk it makes the room that the record needs. If the record is not
// written, the next start drops the transfer again.
void TransferStore::DropUnprepared(const TransferRecord& record) {
  folder_->entrance().Remove(record.id, record.name.value()).IgnoreError();
  if (absl::Status s = ledger_transfers_->RecordDropped(record.id); !s.ok()) {
    LogWarning("drop_not_recorded", {{"transfer", record.id}, {"why", s}});
  }
}

absl::Status TransferStore::RecoverOwned(Recovered& recovered) {
  TransferRecord& record = recovered.record;
  absl::StatusOr<std::optional<ListingRecord>> found = ledger_listings_->Find(record.listing);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return absl::OkStatus();
  ListingRecord& listing = **found;
  ListingRecord placed = listing;
  const bool there = Identify(placed);
  // With one inode, a crash may have left both names; they are one file.
  const bool same_file = there && placed.identity.inode == listing.identity.inode;
  const absl::Status waiting = same_file
                                   ? absl::NotFoundError("it has entered")
                                   : folder_->entrance().Stat(record.id, listing.path).status();
  if (same_file) folder_->entrance().Remove(record.id, listing.path).IgnoreError();
  if (absl::IsNotFound(waiting)) {
    // It is in its place, or a person has deleted it and the scan says so.
    if (there && placed.identity != listing.identity) {
      ledger_transfers_->RecordProgress({}, {placed}).IgnoreError();
    }
    return absl::OkStatus();
  }
  library_->TryClaimPath(listing.path);
  if (absl::Status s = waiting.ok() ? Admit(record, listing) : waiting; !s.ok()) {
    LogError("not_admitted", {{"book", listing.path}, {"why", s}});
    recovered.to_admit = std::move(listing);
    return absl::OkStatus();
  }
  folder_->SyncAdmitted({listing.path});
  ledger_transfers_->RecordProgress({}, {listing}).IgnoreError();
  library_->UnclaimPath(listing.path);
  return absl::OkStatus();
}

absl::Status TransferStore::ReserveName(const BookName& name, Entrance::Checked& checked) {
  // A file that the library does not list (unshared, or not yet hashed) has its name all the same.
  if (folder_->Stat(name.value()).ok()) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a file named ", EscapeForDisplay(name.value()),
                                  " in your folder; choose another name for this book (--as)"));
  }
  const absl::Status place = folder_->entrance().CheckPlace(name.value(), checked);
  return place.ok() ? library_->ReserveName(name) : CannotEnter(name, place);
}

absl::Status TransferStore::RecordIntents(absl::Span<const TransferRecord> records) {
  absl::Status recorded = ledger_transfers_->RecordIntents(records);
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
  const absl::StatusOr<absl::Time> changed = folder_->staging().ChangedAt(record.id);
  return changed.ok() && clock_->Now() - *changed < kKeepFor;
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

absl::Status TransferStore::BringNear(const TransferRecord& record) const {
  const std::string& path = record.name.value();
  NoteFoldersMade(path);
  absl::Status brought = folder_->entrance().BringNear(record.id, path);
  // Drop of another book may have removed the folder in between.
  if (absl::IsNotFound(brought)) brought = folder_->entrance().BringNear(record.id, path);
  if (brought.ok()) return brought;
  // The check knows better words.
  Entrance::Checked checked;
  const absl::Status words = folder_->entrance().CheckPlace(path, checked);
  return CannotEnter(record.name, words.ok() ? brought : words);
}

absl::Status TransferStore::Prepare(absl::Span<const int> fds, absl::Span<const std::string> paths,
                                    absl::Span<const TransferId> moves) {
  folder_->SyncStaged(fds, paths);
  ARKSHARE_FAILPOINT("receiver.synced");
  if (!moves.empty()) {
    if (absl::Status s = ledger_transfers_->RecordPrepared(moves); !s.ok()) return s;
  }
  ARKSHARE_FAILPOINT("receiver.prepared");
  return absl::OkStatus();
}

void TransferStore::NoteFoldersMade(const std::string& path) const {
  const absl::StatusOr<std::vector<std::string>> made = folder_->entrance().MakeFolders(path);
  if (!made.ok()) return;  // the next step says why
  MutexLock lock(&mutex_);
  made_.insert(made->begin(), made->end());
}

void TransferStore::RemoveFoldersMade(const std::string& path) {
  for (const std::string& folder : FoldersAbove(path)) {
    {
      MutexLock lock(&mutex_);
      if (!made_.contains(folder)) return;
    }
    // Other books may be in it, or on their way there.
    if (!folder_->entrance().RemoveEmptyFolder(folder).ok()) return;
    MutexLock lock(&mutex_);
    made_.erase(folder);
  }
}

absl::Status TransferStore::PlacePrepared(TransferRecord& record, const BookName& name) {
  const std::string from = record.name.value();
  NoteFoldersMade(name.value());
  absl::Status placed = folder_->entrance().MoveNear(record.id, from, name.value());
  // The book is found beside either place if a crash comes between the two.
  if (placed.ok()) folder_->SyncStaged({}, {name.value()});
  if (placed.ok()) placed = ledger_transfers_->Rename(record.id, name);
  if (!placed.ok()) return placed;
  record.name = name;
  RemoveFoldersMade(from);
  return placed;
}

absl::StatusOr<FileStat> TransferStore::FindStaged(const TransferRecord& record) const {
  absl::StatusOr<FileStat> staged = folder_->entrance().Stat(record.id, record.name.value());
  if (staged.ok() && staged->identity.size == record.content.size) return staged;
  if (!staged.ok() && !absl::IsNotFound(staged.status())) return staged;
  LogCritical("staged_book_lost", {{"transfer", record.id},
                                   {"book", record.name},
                                   {"file", Entrance::PartName(record.id)},
                                   {"why", "it was changed by hand"}});
  return MakeError(
      Reason::kInternal,
      absl::StrCat("the received book was removed by hand from ", Entrance::PartName(record.id),
                   " beside its place; if its source has given it away already, it "
                   "keeps a hidden copy (`arkshare-cli limbo` there)"));
}

absl::Status TransferStore::ClaimPath(const std::string& path) {
  if (!library_->TryClaimPath(path)) return absl::UnavailableError("the path is in use");
  // If the path stayed unshared, the scanner would end the listing of the book that comes there. It
  // is shared before that listing is recorded, so a crash between the two does no harm. A file that
  // is there by now keeps what its owner chose.
  if (!library_->unshared().Covers(path) || folder_->Stat(path).ok()) return absl::OkStatus();
  absl::Status shared = library_->unshared().Share(path);
  if (!shared.ok()) library_->UnclaimPath(path);
  return shared;
}

absl::StatusOr<std::vector<uint64_t>> TransferStore::RecordOwned(
    absl::Span<const LedgerTransfers::Owned> books) {
  absl::StatusOr<std::vector<uint64_t>> numbers = ledger_transfers_->RecordOwned(books);
  if (numbers.ok()) ARKSHARE_FAILPOINT("receiver.owned");
  return numbers;
}

absl::Status TransferStore::Admit(TransferRecord& record, ListingRecord& listing) {
  absl::Status waits = folder_->entrance().Stat(record.id, listing.path).status();
  if (!waits.ok()) return waits;  // another place would not help
  absl::Status admitted = folder_->Admit(record.id, listing.path);
  if (absl::IsAlreadyExists(admitted)) admitted = AdmitAs(record, listing, record.name);
  Entrance::Checked checked;
  // A person has changed the folder since the book was prepared.
  for (const BookName& other : OtherPlaces(record)) {
    if (admitted.ok() || absl::IsResourceExhausted(admitted)) break;
    if (!folder_->entrance().CheckPlace(other.value(), checked).ok()) continue;
    admitted = AdmitAs(record, listing, other);
  }
  if (admitted.ok()) Identify(listing);
  return admitted;
}

absl::Status TransferStore::AdmitAt(TransferRecord& record, ListingRecord& listing,
                                    const BookName& name) {
  absl::Status admitted = folder_->entrance().Stat(record.id, listing.path).status();
  if (admitted.ok()) admitted = Rename(record, listing, name);
  if (absl::IsAlreadyExists(admitted)) {
    return MakeError(Reason::kNameTaken,
                     absl::StrCat("there is already a file named ", EscapeForDisplay(name.value()),
                                  " in your folder; choose another name"));
  }
  if (admitted.ok()) Identify(listing);
  return admitted;
}

absl::Status TransferStore::AdmitAs(TransferRecord& record, ListingRecord& listing,
                                    const BookName& wanted) {
  for (int n = wanted == record.name ? 2 : 1;; ++n) {
    const absl::Status s = Rename(record, listing, n == 1 ? wanted : wanted.WithSuffix(n));
    if (!absl::IsAlreadyExists(s)) return s;
  }
}

// Writes the ledger before it renames, so that a crash leaves a ledger that Recover can follow.
absl::Status TransferStore::Rename(TransferRecord& record, ListingRecord& listing,
                                   const BookName& name) {
  if (folder_->Stat(name.value()).ok() || library_->Find(name) ||
      !library_->TryClaimPath(name.value())) {
    return absl::AlreadyExistsError(name.value());
  }
  // As in ClaimPath. While Recover runs, the library does not know yet which paths are unshared.
  absl::Status s = library_->unshared().Share(name.value());
  if (s.ok()) s = ledger_transfers_->RenameOwned(record.id, listing.number, name);
  if (!s.ok()) {
    library_->UnclaimPath(name.value());
    return s;
  }
  library_->UnclaimPath(listing.path);
  record.name = listing.name = name;
  listing.path = name.value();
  return folder_->Admit(record.id, listing.path);
}

bool TransferStore::Identify(ListingRecord& listing) const {
  const absl::StatusOr<FileStat> stat = folder_->Stat(listing.path);
  if (!stat.ok() || stat->kind != FileKind::kRegular) return false;
  const FileIdentity& now = stat->identity;
  const FileIdentity& then = listing.identity;
  // A rename changes ctime, and on some file systems the inode.
  if (now.size != then.size || now.mtime_ns != then.mtime_ns) return false;
  listing.identity = now;
  return true;
}

void TransferStore::ShareAdmitted(absl::Span<const ListingRecord> listings) {
  std::vector<std::string> paths;
  for (const ListingRecord& listing : listings) paths.push_back(listing.path);
  folder_->SyncAdmitted(paths);
  ARKSHARE_FAILPOINT("receiver.admitted");
  library_->Receive(listings);
  for (const std::string& path : paths) library_->UnclaimPath(path);
  MutexLock lock(&mutex_);
  for (const std::string& path : paths) {
    for (const std::string& folder : FoldersAbove(path)) made_.erase(folder);
  }
}

void TransferStore::Drop(const TransferRecord& record) {
  folder_->entrance().Remove(record.id, record.name.value()).IgnoreError();
  RemoveFoldersMade(record.name.value());
  library_->UnreserveName(record.name);
  if (absl::Status s = ledger_transfers_->RecordDropped(record.id); !s.ok()) {
    LogWarning("drop_not_recorded", {{"transfer", record.id}, {"why", s}});
  }
}

}  // namespace arkshare
