// Puts the parts of a DownloadMany stream together to books, and verifies them.
#ifndef ARKSHARE_SERVICES_PEER_FETCH_PART_ASSEMBLER_H_
#define ARKSHARE_SERVICES_PEER_FETCH_PART_ASSEMBLER_H_

#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstddef>
#include <optional>
#include <string>

#include "arkshare/v1/file.pb.h"
#include "lib/core/content_id.h"
#include "lib/core/file_attributes.h"

namespace arkshare {

// Takes the parts as the contract of DownloadManyResponse allows them: in the order of the books,
// each with bytes of a book, or with its end. So there are not more parts than bytes and books. A
// book that is cut off counts as missing. Pure. Not thread-safe.
class PartAssembler {
 public:
  // The contents, of at most kMaxSmallBookBytes each, must outlive it.
  explicit PartAssembler(absl::Span<const ContentId> contents) : contents_(contents) {}

  struct Whole {
    size_t index = 0;  // in the contents
    std::string bytes{};
    std::optional<FileAttributes> attributes{};
  };
  // Returns the book that `part`, whose data it may take, makes whole; nullopt when it makes none.
  // After an error the stream is worth nothing more. kAnswerInvalid: the part breaks the contract.
  // kContentMismatch: the bytes are not those of the book part.index().
  absl::StatusOr<std::optional<Whole>> Take(v1::DownloadManyResponse::Part& part);

 private:
  const absl::Span<const ContentId> contents_;
  size_t next_ = 0;    // the first book that has not ended
  std::string bytes_;  // of the book next_
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_FETCH_PART_ASSEMBLER_H_
