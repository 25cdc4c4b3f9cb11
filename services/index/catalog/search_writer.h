// The answer to a search, as it goes over the wire.
#ifndef ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_
#define ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_

#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/core/content_id.h"
#include "services/index/catalog/records.h"

namespace arkshare {

// Writes the bytes of a v1::SearchResponse. A message of ten holders is seventy strings: to make
// them, and the bytes of them then, takes several times as long as the search. Not thread-safe.
class SearchWriter {
 public:
  // What a v1::Holder says of its peer, made once for many answers.
  static std::string EncodePeer(const PeerInfo& peer);

  struct Holder {
    absl::string_view peer;  // of EncodePeer
    uint64_t listing_number = 0;
    bool partial = false;  // it has a part of the book
  };
  // One content under one name, and who has it; `holder_count` have the whole book.
  void AddResult(absl::string_view name, const ContentId& content, absl::Span<const Holder> holders,
                 uint32_t holder_count);
  // Puts the results in another order: of their numbers, which are 0, 1 ... as they were added.
  void Arrange(absl::Span<const size_t> order);
  // Last.
  void SetNextPageToken(absl::string_view token);
  // For another answer, in the same memory.
  void Clear();

  size_t result_count() const { return ends_.size(); }
  absl::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  // Room for so many bytes more.
  char* Reserve(size_t more);

  std::string bytes_;     // as much memory as there is
  std::string arranged_;  // and for Arrange
  size_t size_ = 0;
  std::vector<size_t> ends_;  // of results, in bytes_
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_CATALOG_SEARCH_WRITER_H_
