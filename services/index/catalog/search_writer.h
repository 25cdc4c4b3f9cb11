// The answer to a search, as it goes over the wire.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/core/content_id.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// Writes the bytes of a v1::SearchResponse. A message of ten holders has seventy strings; building
// and encoding it would take several times as long as the search. Not thread-safe.
class SearchWriter {
 public:
  // Encodes the fields of a v1::Holder that describe its peer, once for many answers.
  static std::string EncodePeer(const PeerInfo& peer);

  struct Holder {
    absl::string_view peer;  // of EncodePeer
    uint64_t listing_number = 0;
    bool partial = false;  // it has a part of the book
  };
  // Adds a result: one content under one name, and its holders. `holder_count` peers have the whole
  // book.
  void AddResult(absl::string_view name, const ContentId& content, absl::Span<const Holder> holders,
                 uint32_t holder_count);
  // Puts the results in another order. Results are numbered 0, 1 ... as they were added.
  void Arrange(absl::Span<const size_t> order);
  // Requires that all results have been added.
  void SetNextPageToken(absl::string_view token);
  // States that there may be better results. Requires that all results have been added.
  void SetIncomplete();
  // States which changes the answer contains, and for how long others may be missing; see
  // v1::SearchResponse. Requires that all results have been added.
  void SetRevision(uint64_t revision, absl::Duration behind);
  // Starts another answer in the same memory.
  void Clear();

  size_t result_count() const { return ends_.size(); }
  absl::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  // Makes room for `more` bytes.
  char* Reserve(size_t more);

  std::string bytes_;     // the first size_ bytes are used
  std::string arranged_;  // for Arrange
  size_t size_ = 0;
  std::vector<size_t> ends_;  // of the results in bytes_
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_
