#include "services/peer/serve/file_service.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/core/limits.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr absl::Duration kStallLimit = absl::Seconds(30);
constexpr int kMaxPieceWatchers = 64;
// News of pieces go out when there are so many, or after a moment.
constexpr size_t kEnoughNews = 16;
constexpr absl::Duration kNewsAtLeastEvery = absl::Milliseconds(10);

// Checks whom a signed request is for and whom it is from; yields the sender.
absl::StatusOr<PublicKey> CheckParties(const PublicKey& self, absl::string_view source,
                                       absl::string_view receiver) {
  absl::StatusOr<PublicKey> to = KeyFromProto(source, "source_public_key");
  if (!to.ok()) return to.status();
  absl::StatusOr<PublicKey> from = KeyFromProto(receiver, "receiver_public_key");
  if (!from.ok()) return from.status();
  if (*to != self) {
    return MakeError(Reason::kSignatureInvalid,
                     "the request is meant for another peer; ask the index for its address again");
  }
  return *from;
}

absl::Status BadSignature() {
  return MakeError(Reason::kSignatureInvalid,
                   "the signature does not belong to the receiver's key and this request");
}

// Pieces that are here do not change any more.
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
  // Looked at after the read: bytes that were read before a change are those that were hashed.
  if (read.ok() && now.ok() && now->identity == book.book.record.identity) return read;
  return MakeError(Reason::kBookChanged,
                   "the file is no longer what this peer listed; search again");
}

v1::DownloadResponse::Queued ToProto(const UploadQueue::Place& place) {
  v1::DownloadResponse::Queued queued;
  queued.set_position(static_cast<uint32_t>(place.position));
  if (place.estimated_wait) *queued.mutable_estimated_wait() = ToProto(*place.estimated_wait);
  return queued;
}

FileService::FileService(Parts parts, PrivateKey key)
    : parts_(parts), key_(std::move(key)), boot_id_(RandomBytes(16)) {
  MarkMethodStreamed(DownloadMethodIndex(), NewDownloadHandler([this](grpc::ServerContext* context,
                                                                      DownloadStream* stream) {
                       return ToGrpcStatus(Serve(context, stream));
                     }));
}

grpc::Status FileService::Ping(grpc::ServerContext*, const v1::PingRequest* request,
                               v1::PingResponse* response) {
  const std::string& id = request->registration_id();
  if (request->nonce().size() < 16 || request->nonce().size() > 64) {
    return ToGrpcStatus(MakeError(Reason::kInvalidField, "nonce must be 16 to 64 bytes"));
  }
  if (!id.empty() && !parts_.gate->Vouches(id)) {
    return ToGrpcStatus(
        MakeError(Reason::kRegistrationUnknown, "this peer did not begin that registration"));
  }
  response->set_nonce(request->nonce());
  response->set_boot_id(boot_id_);
  response->set_public_key(key_.public_key().bytes());
  response->set_signature(key_.Sign(PingSignedBytes(request->nonce(), boot_id_, id)));
  return grpc::Status::OK;
}

grpc::Status FileService::GetManifest(grpc::ServerContext*, const v1::GetManifestRequest* request,
                                      v1::GetManifestResponse* response) {
  return ToGrpcStatus(FillManifest(*request, response));
}

absl::Status FileService::FillManifest(const v1::GetManifestRequest& request,
                                       v1::GetManifestResponse* response) {
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  absl::StatusOr<std::vector<Sha256Digest>> pieces = PiecesOf(*id);
  if (!pieces.ok()) return pieces.status();
  *response->mutable_content() = ToProto(*id);
  response->set_piece_length_bytes(PieceLength(id->size));
  std::string* out = response->mutable_piece_hashes();
  out->reserve(pieces->size() * sizeof(Sha256Digest));
  for (const Sha256Digest& piece : *pieces) out->append(DigestBytes(piece));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Sha256Digest>> FileService::PiecesOf(const ContentId& id) {
  absl::StatusOr<ServedBook> book = parts_.library->OpenForServing(id);
  if (!book.ok()) {
    const std::shared_ptr<PartialBook> partial = parts_.partials->Find(id);
    if (partial == nullptr) return book.status();
    if (std::optional<std::vector<Sha256Digest>> known = partial->manifest()) return *known;
    return MakeError(Reason::kPieceNotHere, "this peer does not know the book's pieces yet");
  }
  if (PieceCount(id.size) == 0) return std::vector<Sha256Digest>();
  if (PieceCount(id.size) == 1) return std::vector<Sha256Digest>{id.root};
  if (std::optional<std::vector<Sha256Digest>> known = parts_.cache->FindPieces(id)) return *known;
  // The cache was thrown away.
  const FileIdentity& identity = book->book.record.identity;
  absl::StatusOr<HashedFile> hashed = HashFile(book->fd.get(), identity);
  if (!hashed.ok() || hashed->id != id) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; search again");
  }
  parts_.cache->Remember(identity, id, hashed->pieces);
  return std::move(hashed->pieces);
}

// The source's story of one download: find the book, wait for a slot, send the range.
absl::Status FileService::Serve(grpc::ServerContext* context, DownloadStream* stream) {
  IdleWatchdog::Watch watch(parts_.watchdog, kStallLimit, [context] { context->TryCancel(); });
  v1::DownloadRequest request;
  if (!stream->Read(&request)) {
    return MakeError(Reason::kInvalidField, "the request cannot be read");
  }
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  if (request.read_offset() > id->size) {
    return MakeError(Reason::kOffsetOutOfRange,
                     absl::StrCat("read_offset ", request.read_offset(),
                                  " is beyond the end of the book at ", id->size));
  }
  absl::StatusOr<ServedBook> book = parts_.library->OpenForServing(*id);
  // What is still being received can be served as far as it has come.
  const std::shared_ptr<PartialBook> partial = book.ok() ? nullptr : parts_.partials->Find(*id);
  if (!book.ok() && partial == nullptr) return book.status();

  v1::DownloadResponse response;
  uint64_t offset = request.read_offset();
  uint64_t end = id->size;
  if (request.read_limit() > 0) end = offset + std::min(request.read_limit(), end - offset);
  // The connection stands for the receiver: its key is not known here, and several may share an
  // address.
  absl::StatusOr<UploadQueue::Slot> slot =
      parts_.queue->Enter(context->peer(), end - offset, [&](const UploadQueue::Place& place) {
        *response.mutable_queued() = ToProto(place);
        watch.Progress();
        return !context->IsCancelled() && stream->Write(response);
      });
  if (!slot.ok()) return slot.status();

  *response.mutable_header()->mutable_content() = ToProto(*id);
  response.mutable_header()->set_range_offset(offset);
  response.mutable_header()->set_range_length(end - offset);
  if (!stream->Write(response)) return absl::CancelledError("the receiver has gone");

  const std::function<bool()> wanted = [&] {
    watch.Progress();
    return !context->IsCancelled();
  };
  const uint64_t most = request.max_chunk_bytes() == 0
                            ? kMaxChunkBytes
                            : std::max<uint64_t>(request.max_chunk_bytes(), kBlockBytes);
  while (offset < end) {
    const uint64_t n = slot->Next(std::min(most, end - offset), wanted);
    if (n == 0) return absl::CancelledError("the receiver has gone");
    if (partial == nullptr && book->ended->load(std::memory_order_relaxed)) {
      // This listing went; another one with the same content may still be here.
      book = parts_.library->OpenForServing(*id);
      if (!book.ok()) return book.status();
    }
    const ChunkFrame chunk(offset, n);
    absl::Status read = partial == nullptr ? ReadServed(*book, offset, chunk.data())
                                           : ReadPartial(*partial, offset, chunk.data());
    if (!read.ok()) return read;
    if (!stream->Write(chunk)) return absl::CancelledError("the receiver has gone");
    watch.Progress();
    offset += n;
  }
  return absl::OkStatus();
}

grpc::Status FileService::WatchPieces(grpc::ServerContext* context,
                                      const v1::WatchPiecesRequest* request,
                                      grpc::ServerWriter<v1::WatchPiecesResponse>* writer) {
  absl::Status status = MakeError(Reason::kQueueFull, "too many others watch this peer's pieces",
                                  {}, absl::Seconds(5));
  if (++piece_watchers_ <= kMaxPieceWatchers) status = TellPieces(context, *request, writer);
  --piece_watchers_;
  return ToGrpcStatus(status);
}

absl::Status FileService::TellPieces(grpc::ServerContext* context,
                                     const v1::WatchPiecesRequest& request,
                                     grpc::ServerWriter<v1::WatchPiecesResponse>* writer) {
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  v1::WatchPiecesResponse response;
  const absl::Status whole = parts_.library->OpenForServing(*id).status();
  const std::shared_ptr<PartialBook> partial = whole.ok() ? nullptr : parts_.partials->Find(*id);
  if (partial == nullptr) {
    if (!whole.ok()) return whole;
    response.set_whole(true);
    writer->Write(response);
    return absl::OkStatus();
  }
  for (size_t seen = 0; !response.whole();) {
    // Not for longer: a cancelled call tells nobody.
    PartialBook::News news = partial->Await(seen, 1, absl::Seconds(1));
    if (!news.pieces.empty()) news = partial->Await(seen, kEnoughNews, kNewsAtLeastEvery);
    if (context->IsCancelled()) return absl::CancelledError("the receiver has gone");
    if (news.closed && !news.whole) {
      return MakeError(Reason::kBookGone, "this peer does not receive the book any more");
    }
    if (news.pieces.empty() && !news.whole) continue;
    seen += news.pieces.size();
    response.clear_pieces();
    for (const uint64_t piece : news.pieces) response.add_pieces(static_cast<uint32_t>(piece));
    response.set_whole(news.whole);
    if (!writer->Write(response)) return absl::CancelledError("the receiver has gone");
  }
  return absl::OkStatus();
}

grpc::Status FileService::Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                                  v1::ReleaseResponse* response) {
  if (absl::Status s = CheckItemCount(request->items_size()); !s.ok()) return ToGrpcStatus(s);
  absl::StatusOr<PublicKey> receiver =
      CheckParties(key_.public_key(), request->source_public_key(), request->receiver_public_key());
  if (!receiver.ok()) return ToGrpcStatus(receiver.status());
  std::vector<ReleaseItem> items;
  std::set<TransferId> transfers;
  std::set<uint64_t> listings;
  for (const v1::ReleaseRequest::Item& proto : request->items()) {
    absl::StatusOr<ReleaseItem> item = FromProto(proto);
    if (!item.ok()) return ToGrpcStatus(item.status());
    if (!transfers.insert(item->transfer_id).second || !listings.insert(item->listing).second) {
      return ToGrpcStatus(
          MakeError(Reason::kInvalidField, "a transfer or a listing stands twice among the items"));
    }
    items.push_back(*item);
  }
  if (!receiver->Verify(ReleaseSignedBytes(key_.public_key(), *receiver, items),
                        request->signature())) {
    return ToGrpcStatus(BadSignature());
  }
  for (absl::StatusOr<MoveTicket>& answer : parts_.handover->Release(*receiver, items)) {
    v1::ReleaseResponse::Result* result = response->add_results();
    if (answer.ok()) {
      *result->mutable_ticket() = ToProto(*answer);
    } else {
      *result->mutable_refusal() = ToItemError(answer.status());
    }
  }
  return grpc::Status::OK;
}

grpc::Status FileService::Confirm(grpc::ServerContext*, const v1::ConfirmRequest* request,
                                  v1::ConfirmResponse* response) {
  if (absl::Status s = CheckItemCount(request->transfer_ids_size()); !s.ok())
    return ToGrpcStatus(s);
  absl::StatusOr<PublicKey> receiver =
      CheckParties(key_.public_key(), request->source_public_key(), request->receiver_public_key());
  if (!receiver.ok()) return ToGrpcStatus(receiver.status());
  std::vector<TransferId> transfers;
  for (const std::string& bytes : request->transfer_ids()) {
    absl::StatusOr<TransferId> id = TransferIdFromProto(bytes);
    if (!id.ok()) return ToGrpcStatus(id.status());
    transfers.push_back(*id);
  }
  if (!receiver->Verify(ConfirmSignedBytes(key_.public_key(), *receiver, transfers),
                        request->signature())) {
    return ToGrpcStatus(BadSignature());
  }
  for (const absl::Status& status : parts_.handover->Confirm(*receiver, transfers)) {
    v1::ConfirmResponse::Result* result = response->add_results();
    if (!status.ok()) *result->mutable_error() = ToItemError(status);
  }
  return grpc::Status::OK;
}

}  // namespace arkshare
