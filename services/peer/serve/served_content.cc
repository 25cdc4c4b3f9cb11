#include "services/peer/serve/served_content.h"

#include <atomic>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "services/peer/disk/file_attributes.h"
#include "services/peer/disk/file_io.h"
#include "services/peer/library/missing_book.h"

namespace arkshare {
namespace {

// How often bytes are read whose file is touched all the time, by a program that adds links to it.
constexpr int kMaxReads = 3;

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

absl::Status ReadServed(ServedBook& book, uint64_t offset, absl::Span<uint8_t> out,
                        ServedProofs* proofs) {
  for (int attempt = 1;; ++attempt) {
    const absl::Status read = ReadFully(book.fd.get(), offset, out.data(), out.size());
    // Compared after the read: bytes that were read before a change are those that were hashed.
    const absl::StatusOr<FileStat> now = StatFd(book.fd.get());
    // FailedPrecondition: the file has become shorter.
    if (!read.ok() && !absl::IsFailedPrecondition(read)) {
      LogWarning("not_readable", {{"book", book.book.record.path}, {"why", read}});
      return CannotReadBook(read);
    }
    if (!read.ok() || !now.ok() || !SameButCtime(now->identity, book.book.record.identity)) {
      return MakeError(Reason::kBookChanged,
                       "the file is no longer what this peer listed; search again");
    }
    if (IsUnchanged(book.identity, now->identity)) {
      proofs->Note(book.book.record.number, book.identity, offset, out.size());
      return absl::OkStatus();
    }
    // It was touched meanwhile. The bytes prove something once they are read without that.
    book.identity = now->identity;
    if (attempt == kMaxReads) return absl::OkStatus();
  }
}

absl::StatusOr<ServedContent> ServedContent::Open(const ContentId& content, const Parts& parts,
                                                  uint64_t preferred) {
  ServedContent result(content, parts);
  absl::StatusOr<ServedBook> book = parts.library->OpenForServing(content, preferred);
  if (book.ok()) {
    result.book_ = *std::move(book);
    return result;
  }
  result.partial_ = parts.partials->Find(content);
  if (result.partial_ == nullptr) return book.status();
  return result;
}

absl::Status ServedContent::Read(uint64_t offset, absl::Span<uint8_t> out) {
  if (partial_ != nullptr) return ReadPartial(*partial_, offset, out);
  if (book_->ended->load(std::memory_order_relaxed)) {
    absl::StatusOr<ServedBook> other = parts_.library->OpenForServing(id_);
    if (!other.ok()) return other.status();
    book_.emplace(*std::move(other));
  }
  return ReadServed(*book_, offset, out, parts_.proofs);
}

std::optional<FileAttributes> ServedContent::attributes() const {
  if (!book_) return std::nullopt;
  return AttributesOf(book_->fd.get());
}

}  // namespace arkshare
