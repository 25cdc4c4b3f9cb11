#include "services/peer/disk/ledger_listings.h"

#include <algorithm>

#include "services/peer/disk/ledger_meta.h"
#include "services/peer/disk/listing_rows.h"

namespace arkshare {

absl::Status LedgerListings::ComparePlace(SqlDatabase* db, const FolderTraits& traits) {
  const absl::StatusOr<std::optional<int64_t>> place = FindMeta(db, "place");
  if (!place.ok()) return place.status();
  const bool same = *place == traits.place && traits.place != 0;
  if (same && traits.ctime_trusted) return absl::OkStatus();
  if (absl::Status s = ListingRows(db).DoubtAll(); !s.ok()) return s;
  return SetMeta(db, "place", traits.place);
}

absl::StatusOr<std::vector<ListingRecord>> LedgerListings::Present() {
  return file_->Read([](SqlDatabase* db) { return ListingRows(db).Present(); });
}

absl::StatusOr<std::optional<ListingRecord>> LedgerListings::Find(uint64_t number) {
  return file_->Read([&](SqlDatabase* db) { return ListingRows(db).Find(number); });
}

absl::StatusOr<std::vector<absl::Time>> LedgerListings::Times(absl::Span<const uint64_t> numbers) {
  return file_->Read([&](SqlDatabase* db) { return ListingRows(db).Times(numbers); });
}

absl::StatusOr<uint64_t> LedgerListings::Replace(uint64_t gone, ListingRecord::State gone_state,
                                                 const ListingRecord& added) {
  absl::StatusOr<std::vector<uint64_t>> numbers = ReplaceAll({{gone, gone_state, &added}});
  if (!numbers.ok()) return numbers.status();
  return numbers->front();
}

absl::StatusOr<std::vector<uint64_t>> LedgerListings::ReplaceAll(
    absl::Span<const Replacement> changes, uint64_t above) {
  std::vector<uint64_t> numbers;
  absl::Status status = file_->Commit([&](SqlDatabase* db) {
    ListingRows rows(db);
    numbers.assign(changes.size(), 0);
    if (above != 0) {
      if (absl::Status s = rows.SkipTo(above); !s.ok()) return s;
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      const auto& [gone, gone_state, added] = changes[i];
      if (gone != 0) {
        if (absl::Status s = rows.SetState({gone}, gone_state); !s.ok()) return s;
      }
      if (added == nullptr) continue;
      absl::StatusOr<uint64_t> inserted = rows.Insert(*added, clock_->Now());
      if (!inserted.ok()) return inserted.status();
      numbers[i] = *inserted;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return numbers;
}

absl::Status LedgerListings::End(uint64_t number, ListingRecord::State state) {
  return file_->Commit([&](SqlDatabase* db) { return ListingRows(db).SetState({number}, state); });
}

absl::Status LedgerListings::Settle(absl::Span<const uint64_t> numbers) {
  return file_->Commit([&](SqlDatabase* db) { return ListingRows(db).Settle(numbers); });
}

absl::Status LedgerListings::RecordIdentities(absl::Span<const Identity> identities) {
  return file_->Commit([&](SqlDatabase* db) {
    ListingRows rows(db);
    absl::Status status;
    for (const auto& [listing, identity] : identities) {
      if (status.ok()) status = rows.SetIdentity(listing, identity);
    }
    return status;
  });
}

absl::Status LedgerListings::Prune() {
  constexpr uint64_t kKept = 10'000;
  constexpr uint64_t kSlice = 50'000;  // numbers in one transaction, which holds the lock
  const absl::StatusOr<uint64_t> last = LastNumber();
  if (!last.ok()) return last.status();
  for (uint64_t after = 0; after + kKept < *last; after += kSlice) {
    const uint64_t through = std::min(after + kSlice, *last - kKept);
    absl::Status s =
        file_->Commit([&](SqlDatabase* db) { return ListingRows(db).DeleteEnded(after, through); });
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> LedgerListings::LastNumber() {
  return file_->Read([](SqlDatabase* db) { return ListingRows(db).LastNumber(); });
}

absl::StatusOr<uint64_t> LedgerListings::DrawNumber() {
  uint64_t number = 0;
  absl::Status status = file_->Commit([&](SqlDatabase* db) {
    absl::StatusOr<uint64_t> drawn = ListingRows(db).DrawNumber();
    if (drawn.ok()) number = *drawn;
    return drawn.status();
  });
  if (!status.ok()) return status;
  return number;
}

}  // namespace arkshare
