#include "services/peer/file_service.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

constexpr uint64_t kChunkBytes = 1024 * 1024;
constexpr uint64_t kSmallestChunkBytes = 4 * 1024;
constexpr absl::Duration kStallLimit = absl::Seconds(30);
constexpr int kMaxBatch = 1000;

absl::Status CheckBatch(int size) {
  if (size >= 1 && size <= kMaxBatch) return absl::OkStatus();
  return MakeError(Reason::kInvalidField,
                   absl::StrCat("a call takes 1 to ", kMaxBatch, " items, not ", size));
}

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

// How much to send at a time: about half a second's worth of one upload's share of the limit. A
// receiver that hears nothing for some seconds turns to another holder.
uint64_t ChunkBytes(uint64_t bytes_per_second, int uploads) {
  if (bytes_per_second == 0) return kChunkBytes;
  const uint64_t share = bytes_per_second / static_cast<uint64_t>(std::max(uploads, 1));
  return std::clamp<uint64_t>(share / 2, kSmallestChunkBytes, kChunkBytes);
}

// Takes `bytes` from the limiter and sleeps as it says, in pieces, so that a cancelled call ends
// soon.
bool Pace(RateLimiter* limiter, uint64_t bytes, grpc::ServerContext* context,
          IdleWatchdog::Watch& watch) {
  absl::Duration wait = limiter->Take(bytes);
  while (wait > absl::ZeroDuration()) {
    if (context->IsCancelled()) return false;
    const absl::Duration nap = std::min(wait, absl::Milliseconds(100));
    absl::SleepFor(nap);
    wait -= nap;
    watch.Progress();
  }
  return true;
}

}  // namespace

std::string RegistrationGate::Begin() {
  MutexLock lock(&mutex_);
  current_ = RandomBytes(16);
  return current_;
}

bool RegistrationGate::Vouches(absl::string_view registration_id) const {
  MutexLock lock(&mutex_);
  return !current_.empty() && current_ == registration_id;
}

FileService::FileService(Parts parts, PrivateKey key)
    : parts_(parts), key_(std::move(key)), boot_id_(RandomBytes(16)) {}

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
  absl::StatusOr<ServedBook> book = parts_.library->OpenForServing(*id);
  if (!book.ok()) return book.status();
  *response->mutable_content() = ToProto(*id);
  response->set_piece_length_bytes(PieceLength(id->size));
  std::vector<Sha256Digest> pieces;
  if (PieceCount(id->size) == 1) {
    pieces = {id->root};
  } else if (PieceCount(id->size) > 1) {
    std::optional<std::vector<Sha256Digest>> known = parts_.cache->FindPieces(*id);
    if (!known) {  // the cache was thrown away
      const FileIdentity& identity = book->book.record.identity;
      absl::StatusOr<HashedFile> hashed = HashFile(book->fd.get(), identity);
      if (!hashed.ok() || hashed->id != *id) {
        return MakeError(Reason::kBookChanged,
                         "the file is no longer what this peer listed; search again");
      }
      parts_.cache->Remember(identity, *id, hashed->pieces);
      known = std::move(hashed->pieces);
    }
    pieces = *std::move(known);
  }
  std::string* out = response->mutable_piece_hashes();
  out->reserve(pieces.size() * sizeof(Sha256Digest));
  for (const Sha256Digest& piece : pieces) out->append(DigestBytes(piece));
  return absl::OkStatus();
}

grpc::Status FileService::Download(grpc::ServerContext* context, const v1::DownloadRequest* request,
                                   grpc::ServerWriter<v1::DownloadResponse>* writer) {
  return ToGrpcStatus(Serve(context, *request, writer));
}

// The source's story of one download: find the book, wait for a slot, send the range.
absl::Status FileService::Serve(grpc::ServerContext* context, const v1::DownloadRequest& request,
                                grpc::ServerWriter<v1::DownloadResponse>* writer) {
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  if (request.read_offset() > id->size) {
    return MakeError(Reason::kOffsetOutOfRange,
                     absl::StrCat("read_offset ", request.read_offset(),
                                  " is beyond the end of the book at ", id->size));
  }
  absl::StatusOr<ServedBook> book = parts_.library->OpenForServing(*id);
  if (!book.ok()) return book.status();

  IdleWatchdog::Watch watch(parts_.watchdog, kStallLimit, [context] { context->TryCancel(); });
  v1::DownloadResponse response;
  absl::StatusOr<UploadQueue::Slot> slot = parts_.queue->Enter([&](int position) {
    response.mutable_queued()->set_position(static_cast<uint32_t>(position));
    watch.Progress();
    return !context->IsCancelled() && writer->Write(response);
  });
  if (!slot.ok()) return slot.status();

  uint64_t offset = request.read_offset();
  uint64_t end = id->size;
  if (request.read_limit() > 0) end = offset + std::min(request.read_limit(), end - offset);
  *response.mutable_header()->mutable_content() = ToProto(*id);
  response.mutable_header()->set_range_offset(offset);
  response.mutable_header()->set_range_length(end - offset);
  if (!writer->Write(response)) return absl::CancelledError("the receiver has gone");

  while (offset < end) {
    if (book->ended->load(std::memory_order_relaxed)) {
      // This listing went; another one with the same content may still be here.
      book = parts_.library->OpenForServing(*id);
      if (!book.ok()) return book.status();
    }
    const size_t n =
        std::min(ChunkBytes(parts_.upload_limiter->rate(), parts_.queue->running()), end - offset);
    v1::DownloadResponse::Chunk* chunk = response.mutable_chunk();
    chunk->set_offset(offset);
    chunk->mutable_data()->resize(n);
    absl::Status read = ReadFully(book->fd.get(), offset,
                                  reinterpret_cast<uint8_t*>(chunk->mutable_data()->data()), n);
    absl::StatusOr<FileStat> now = StatFd(book->fd.get());
    // Looked at after the read: bytes that were read before a change are those that were hashed.
    if (!read.ok() || !now.ok() || now->identity != book->book.record.identity) {
      return MakeError(Reason::kBookChanged,
                       "the file is no longer what this peer listed; search again");
    }
    if (!Pace(parts_.upload_limiter, n, context, watch) || !writer->Write(response)) {
      return absl::CancelledError("the receiver has gone");
    }
    watch.Progress();
    offset += n;
  }
  return absl::OkStatus();
}

grpc::Status FileService::Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                                  v1::ReleaseResponse* response) {
  if (absl::Status s = CheckBatch(request->items_size()); !s.ok()) return ToGrpcStatus(s);
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
  if (absl::Status s = CheckBatch(request->transfer_ids_size()); !s.ok()) return ToGrpcStatus(s);
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
