#include "services/peer/owner/library_entries.h"

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>

#include "services/peer/owner/owner_protos.h"

namespace arkshare {

std::vector<v1::LibraryEntry> LibraryEntries::Describe(absl::Span<const LibraryItem> items) const {
  std::vector<v1::LibraryEntry> entries;
  std::vector<uint64_t> numbers;
  for (const LibraryItem& item : items) {
    v1::LibraryEntry entry = ToProto(item);
    if (item.book) {
      const ListingRecord& record = item.book->record;
      numbers.push_back(record.number);
      entry.set_not_indexed_reason(
          record.unsettled ? "it was received just now, and the index is still to be told"
                           : announcer_->WhyLeftOut(record.number));
    }
    entries.push_back(std::move(entry));
  }
  const absl::StatusOr<std::vector<absl::Time>> times = listings_->Times(numbers);
  if (!times.ok()) return entries;  // they are only an ornament
  size_t next = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!items[i].book) continue;
    const absl::Time listed = (*times)[next++];
    if (listed != absl::UnixEpoch()) *entries[i].mutable_listed_time() = ToProto(listed);
  }
  return entries;
}

}  // namespace arkshare
