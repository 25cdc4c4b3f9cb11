#include "services/peer/serve/download_many.h"

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/disk/file_attributes.h"
#include "services/peer/serve/served_content.h"

namespace arkshare {
namespace {

// Enough for a message to cost little beside its bytes.
constexpr uint64_t kMessageBytes = 256 * 1024;

absl::StatusOr<std::vector<ContentId>> ParseContents(const v1::DownloadManyRequest& request) {
  if (absl::Status s = CheckItemCount(request.contents_size()); !s.ok()) return s;
  if (request.listing_numbers_size() != 0 &&
      request.listing_numbers_size() != request.contents_size()) {
    return MakeError(Reason::kInvalidField, "listing_numbers needs one number for each content");
  }
  std::vector<ContentId> ids;
  for (const v1::ContentId& proto : request.contents()) {
    absl::StatusOr<ContentId> id = FromProto(proto);
    if (!id.ok()) return id.status();
    if (id->size > kMaxSmallBookBytes) {
      return MakeError(Reason::kInvalidField, "a book of more than 1 MiB needs a call of its own");
    }
    ids.push_back(*id);
  }
  return ids;
}

struct ReadBook {
  std::string bytes;
  std::optional<FileAttributes> attributes;
};

// Reads a whole book, as it was when it was hashed.
absl::StatusOr<ReadBook> Read(const ContentId& id, uint64_t listing, Library* library,
                              ServedProofs* proofs) {
  absl::StatusOr<ServedBook> book = library->OpenForServing(id, listing);
  if (!book.ok()) return book.status();
  std::string bytes(id.size, '\0');
  const absl::Status read = ReadServed(
      *book, 0, absl::MakeSpan(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()), proofs);
  if (!read.ok()) return read;
  return ReadBook{std::move(bytes), AttributesOf(book->fd.get())};
}

// Collects parts of books in a message. Its methods return false when the receiver has gone.
class PartWriter {
 public:
  PartWriter(UploadCall* call, grpc::ServerWriter<v1::DownloadManyResponse>* writer)
      : call_(call), writer_(writer) {}

  void AddError(size_t index, const absl::Status& why) {
    *AddPart(index)->mutable_error() = ToItemError(why);
  }

  bool AddBook(size_t index, const ReadBook& book) {
    const std::string& bytes = book.bytes;
    for (size_t at = 0;;) {
      v1::DownloadManyResponse::Part* const part = AddPart(index);
      const uint64_t left = bytes.size() - at;
      const uint64_t granted = left == 0 ? 0 : call_->NextBytes(left);
      if (left > 0 && granted == 0) return false;
      part->set_data(bytes.data() + at, granted);
      at += granted;
      filled_ += granted;
      if (at == bytes.size()) {
        part->set_last(true);
        if (book.attributes) *part->mutable_attributes() = ToProto(*book.attributes);
        return true;
      }
      // Under a limit less than the book may be granted. It is sent at once, because a receiver
      // that gets nothing for some seconds turns to another holder.
      if (!Flush()) return false;
    }
  }

  // Whether a book of this size still belongs into the message.
  bool HasRoom(uint64_t size) const {
    return filled_ < kMessageBytes && filled_ + size <= kMaxSmallBookBytes && !call_->limited();
  }

  bool Flush() {
    const bool sent = writer_->Write(message_);
    call_->Progress();
    message_.Clear();
    filled_ = 0;
    return sent;
  }

 private:
  v1::DownloadManyResponse::Part* AddPart(size_t index) {
    v1::DownloadManyResponse::Part* const part = message_.add_parts();
    part->set_index(static_cast<uint32_t>(index));
    return part;
  }

  UploadCall* const call_;
  grpc::ServerWriter<v1::DownloadManyResponse>* const writer_;
  v1::DownloadManyResponse message_;
  uint64_t filled_ = 0;  // bytes of books in message_
};

}  // namespace

absl::Status DownloadMany(UploadCall& call, const v1::DownloadManyRequest& request,
                          Library* library, ServedProofs* proofs,
                          grpc::ServerWriter<v1::DownloadManyResponse>* writer) {
  absl::StatusOr<std::vector<ContentId>> ids = ParseContents(request);
  if (!ids.ok()) return ids.status();
  uint64_t bytes = 0;
  for (const ContentId& id : *ids) bytes += id.size;
  UploadQueue::Subject subject{.content = ids->front(),
                               .books = static_cast<uint32_t>(ids->size())};
  if (const std::optional<Book> first = library->FindContent(ids->front())) {
    subject.name = first->record.name.value();
  }
  const absl::Status slot =
      call.WaitForSlot(std::move(subject), bytes, [&](const v1::DownloadResponse::Queued& place) {
        v1::DownloadManyResponse message;
        *message.mutable_queued() = place;
        return writer->Write(message);
      });
  if (!slot.ok()) return slot;

  PartWriter parts(&call, writer);
  for (size_t i = 0; i < ids->size(); ++i) {
    const uint64_t listing =
        request.listing_numbers_size() == 0 ? 0 : request.listing_numbers(static_cast<int>(i));
    const absl::StatusOr<ReadBook> book = Read((*ids)[i], listing, library, proofs);
    if (!book.ok()) {
      parts.AddError(i, book.status());
    } else if (!parts.AddBook(i, *book)) {
      return ReceiverGone();
    }
    const bool last = i + 1 == ids->size();
    if (!last && parts.HasRoom((*ids)[i + 1].size)) continue;
    if (!parts.Flush()) return ReceiverGone();
  }
  return absl::OkStatus();
}

}  // namespace arkshare
