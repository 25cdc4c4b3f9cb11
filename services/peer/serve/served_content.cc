#include "services/peer/serve/served_content.h"

#include <atomic>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/file_attributes.h"
#include "services/peer/disk/file_io.h"

namespace arkshare {
namespace {

// A piece that has been verified does not change any more.
absl::Status ReadPartial(const PartialBook& book, uint64_t offset, absl::Span<uint8_t> out) {
  const uint64_t piece_length = PieceLength(book.content().size);
  for (uint64_t piece = offset / piece_length; piece * piece_length < offset + out.size();
       ++piece) {
    if (book.Has(piece)) continue;
    return MakeError(Reason::kPieceNotHere, "this peer has not received that piece yet");
  }
  return ReadFully(book.fd(), offset, out.data(), out.size());
}

}  // namespace

absl::Status ReadServed(const ServedBook& book, uint64_t offset, absl::Span<uint8_t> out) {
  const absl::Status read = ReadFully(book.fd.get(), offset, out.data(), out.size());
  const absl::StatusOr<FileStat> now = StatFd(book.fd.get());
  // Compared after the read: bytes that were read before a change are those that were hashed.
  if (read.ok() && now.ok() && now->identity == book.book.record.identity) return read;
  return MakeError(Reason::kBookChanged,
                   "the file is no longer what this peer listed; search again");
}

absl::StatusOr<ServedContent> ServedContent::Open(const ContentId& content, Library* library,
                                                  const PartialBooks* partials) {
  ServedContent result(content, library);
  absl::StatusOr<ServedBook> book = library->OpenForServing(content);
  if (book.ok()) {
    result.book_ = *std::move(book);
    return result;
  }
  result.partial_ = partials->Find(content);
  if (result.partial_ == nullptr) return book.status();
  return result;
}

absl::Status ServedContent::Read(uint64_t offset, absl::Span<uint8_t> out) {
  if (partial_ != nullptr) return ReadPartial(*partial_, offset, out);
  if (book_->ended->load(std::memory_order_relaxed)) {
    absl::StatusOr<ServedBook> other = library_->OpenForServing(id_);
    if (!other.ok()) return other.status();
    book_.emplace(*std::move(other));
  }
  return ReadServed(*book_, offset, out);
}

std::optional<FileAttributes> ServedContent::attributes() const {
  if (!book_) return std::nullopt;
  return AttributesOf(book_->fd.get());
}

}  // namespace arkshare
