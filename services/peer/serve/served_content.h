// Reads the bytes of a content that this peer has, whole or in part.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_SERVED_CONTENT_H_
#define ARKSHARE_SERVICES_PEER_SERVE_SERVED_CONTENT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/core/content_id.h"
#include "lib/core/file_attributes.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/served_proofs.h"

namespace arkshare {

// Reads bytes of the book as it was when it was hashed, and notes in `proofs` that they were read
// from the file of this listing. Sets `book.identity` when the file was touched. Errors:
// kBookChanged.
absl::Status ReadServed(ServedBook& book, uint64_t offset, absl::Span<uint8_t> out,
                        ServedProofs* proofs);

// A content that is open for reading: a listed book, or a book that this peer still receives. Not
// thread-safe.
class ServedContent {
 public:
  struct Parts {  // all must outlive the result
    Library* library;
    const PartialBooks* partials;
    ServedProofs* proofs;
  };
  // Prefers a listed book, and among those listing `preferred`. For the errors see
  // Library::OpenForServing.
  static absl::StatusOr<ServedContent> Open(const ContentId& content, const Parts& parts,
                                            uint64_t preferred);

  // When the listing has gone, goes on with another listing of the same content.
  // Errors: kBookChanged; kPieceNotHere for a part that has not come; those of Open.
  absl::Status Read(uint64_t offset, absl::Span<uint8_t> out);
  // Returns the name of the listing that it reads; empty for a book that this peer still receives.
  std::string name() const { return book_ ? book_->book.record.name.value() : ""; }
  // Returns those of the file; nullopt for a book that this peer still receives.
  std::optional<FileAttributes> attributes() const;

 private:
  ServedContent(const ContentId& content, const Parts& parts) : id_(content), parts_(parts) {}

  ContentId id_;
  Parts parts_;
  std::optional<ServedBook> book_;        // either this
  std::shared_ptr<PartialBook> partial_;  // or this
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_SERVED_CONTENT_H_
