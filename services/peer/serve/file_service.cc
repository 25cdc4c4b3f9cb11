#include "services/peer/serve/file_service.h"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "lib/core/limits.h"
#include "lib/core/log.h"
#include "lib/core/merkle.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/peer/serve/download_many.h"
#include "services/peer/serve/served_content.h"
#include "services/peer/serve/watch_pieces.h"

namespace arkshare {
namespace {

// Checks that this peer is the source of a signed request; returns the receiver, which sent it.
absl::StatusOr<PublicKey> CheckParties(const grpc::ServerContextBase& context,
                                       const PublicKey& self, absl::string_view source,
                                       absl::string_view receiver) {
  absl::StatusOr<PublicKey> to = KeyFromProto(source, "source_public_key");
  if (!to.ok()) return to.status();
  absl::StatusOr<PublicKey> from = KeyFromProto(receiver, "receiver_public_key");
  if (!from.ok()) return from.status();
  if (*to != self) {
    return MakeError(Reason::kSignatureInvalid,
                     "the request is meant for another peer; ask the index for its address again");
  }
  if (CallerKey(context).value_or(*from) != *from) {
    return MakeError(Reason::kSignatureInvalid,
                     "the receiver's key is not the one that the connection has proven");
  }
  return *from;
}

absl::Status BadSignature() {
  return MakeError(Reason::kSignatureInvalid,
                   "the signature does not belong to the receiver's key and this request");
}

}  // namespace

FileService::FileService(Parts parts, PrivateKey key)
    : parts_(parts),
      key_(std::move(key)),
      boot_id_(RandomBytes(16)),
      budget_(parts.queue->most_streams()) {
  MarkMethodStreamed(DownloadMethodIndex(), NewDownloadHandler([this](grpc::ServerContext* context,
                                                                      DownloadStream* stream) {
                       return Download(context, stream);
                     }));
}

absl::StatusOr<FileService::Call> FileService::Begin(CallBudget::Kind kind,
                                                     grpc::ServerContext* context,
                                                     absl::string_view method) {
  Call call;
  if (parts_.members != nullptr) {
    absl::StatusOr<MemberCalls::Call> member = parts_.members->Begin(context, method);
    if (!member.ok()) return member.status();
    call.member = *std::move(member);
  }
  absl::StatusOr<CallerShares::Share> share = budget_.Begin(kind, context->peer());
  if (!share.ok()) return share.status();
  call.share = *std::move(share);
  return call;
}

absl::Status FileService::CheckCaller(const grpc::ServerContextBase& context,
                                      absl::string_view method) const {
  if (parts_.members == nullptr) return absl::OkStatus();
  return parts_.members->Check(context, method);
}

grpc::ServerUnaryReactor* FileService::Ping(grpc::CallbackServerContext* context,
                                            const v1::PingRequest* request,
                                            v1::PingResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::Status status = CheckCaller(*context, "Ping");
  if (status.ok()) status = Answer(*request, *response);
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

absl::Status FileService::Answer(const v1::PingRequest& request, v1::PingResponse& response) const {
  const std::string& id = request.registration_id();
  if (request.nonce().size() < 16 || request.nonce().size() > 64) {
    return MakeError(Reason::kInvalidField, "nonce must be 16 to 64 bytes");
  }
  if (!id.empty() && !parts_.gate->Vouches(id)) {
    return MakeError(Reason::kRegistrationUnknown, "this peer did not begin that registration");
  }
  response.set_nonce(request.nonce());
  response.set_boot_id(boot_id_);
  response.set_public_key(key_.public_key().bytes());
  response.set_signature(key_.Sign(PingSignedBytes(request.nonce(), boot_id_, id)));
  return absl::OkStatus();
}

grpc::Status FileService::GetManifest(grpc::ServerContext* context,
                                      const v1::GetManifestRequest* request,
                                      v1::GetManifestResponse* response) {
  const auto call = Begin(CallBudget::Kind::kShort, context, "GetManifest");
  if (!call.ok()) return ToGrpcStatus(call.status());
  absl::StatusOr<ContentId> id = FromProto(request->content());
  if (!id.ok()) return ToGrpcStatus(id.status());
  absl::StatusOr<v1::GetManifestResponse> manifest = GetManifestOf(*id);
  if (!manifest.ok()) return ToGrpcStatus(manifest.status());
  *response = *std::move(manifest);
  return grpc::Status::OK;
}

absl::StatusOr<v1::GetManifestResponse> FileService::GetManifestOf(const ContentId& id) {
  absl::StatusOr<std::vector<Sha256Digest>> pieces = PiecesOf(id);
  if (!pieces.ok()) return pieces.status();
  v1::GetManifestResponse response;
  *response.mutable_content() = ToProto(id);
  response.set_piece_length_bytes(PieceLength(id.size));
  std::string* out = response.mutable_piece_hashes();
  out->reserve(pieces->size() * sizeof(Sha256Digest));
  for (const Sha256Digest& piece : *pieces) out->append(DigestBytes(piece));
  return response;
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
  // The cache was deleted.
  const FileIdentity& identity = book->identity;
  absl::StatusOr<HashedFile> hashed = HashFile(book->fd.get(), identity);
  if (!hashed.ok() || hashed->id != id) {
    return MakeError(Reason::kBookChanged,
                     "the file is no longer what this peer listed; search again");
  }
  parts_.cache->Remember(identity, id, hashed->pieces);
  return std::move(hashed->pieces);
}

grpc::Status FileService::Download(grpc::ServerContext* context, DownloadStream* stream) {
  const auto share = Begin(CallBudget::Kind::kUpload, context, "Download");
  if (!share.ok()) return ToGrpcStatus(share.status());
  UploadCall call(context, parts_.queue, parts_.watchdog);
  v1::DownloadRequest request;
  if (!stream->Read(&request)) {
    return ToGrpcStatus(MakeError(Reason::kInvalidField, "the request cannot be read"));
  }
  return ToGrpcStatus(DownloadRange(call, request, stream));
}

// Opens the book, waits for a slot, and sends the range.
absl::Status FileService::DownloadRange(UploadCall& call, const v1::DownloadRequest& request,
                                        DownloadStream* stream) {
  absl::StatusOr<ContentId> id = FromProto(request.content());
  if (!id.ok()) return id.status();
  if (request.read_offset() > id->size) {
    return MakeError(Reason::kOffsetOutOfRange,
                     absl::StrCat("read_offset ", request.read_offset(),
                                  " is beyond the end of the book at ", id->size));
  }
  absl::StatusOr<ServedContent> content = ServedContent::Open(
      *id, {parts_.library, parts_.partials, parts_.proofs}, request.listing_number());
  if (!content.ok()) return content.status();

  uint64_t offset = request.read_offset();
  uint64_t end = id->size;
  if (request.read_limit() > 0) end = offset + std::min(request.read_limit(), end - offset);
  v1::DownloadResponse response;
  const absl::Status slot =
      call.WaitForSlot({.name = content->name(), .content = *id, .offset = offset}, end - offset,
                       [&](const v1::DownloadResponse::Queued& place) {
                         *response.mutable_queued() = place;
                         return stream->Write(response);
                       });
  if (!slot.ok()) return slot;

  *response.mutable_header()->mutable_content() = ToProto(*id);
  response.mutable_header()->set_range_offset(offset);
  response.mutable_header()->set_range_length(end - offset);
  if (const std::optional<FileAttributes> attributes = content->attributes()) {
    *response.mutable_header()->mutable_attributes() = ToProto(*attributes);
  }
  if (!stream->Write(response)) return ReceiverGone();

  const uint64_t max_chunk = request.max_chunk_bytes() == 0
                                 ? kMaxChunkBytes
                                 : std::max<uint64_t>(request.max_chunk_bytes(), kBlockBytes);
  while (offset < end) {
    const uint64_t bytes = call.NextBytes(std::min(max_chunk, end - offset));
    if (bytes == 0) return ReceiverGone();
    const ChunkFrame chunk(offset, bytes);
    if (absl::Status read = content->Read(offset, chunk.data()); !read.ok()) return read;
    if (!stream->Write(chunk)) return ReceiverGone();
    call.Progress();
    offset += bytes;
  }
  return absl::OkStatus();
}

grpc::Status FileService::DownloadMany(grpc::ServerContext* context,
                                       const v1::DownloadManyRequest* request,
                                       grpc::ServerWriter<v1::DownloadManyResponse>* writer) {
  const auto share = Begin(CallBudget::Kind::kUpload, context, "DownloadMany");
  if (!share.ok()) return ToGrpcStatus(share.status());
  UploadCall call(context, parts_.queue, parts_.watchdog);
  return ToGrpcStatus(
      arkshare::DownloadMany(call, *request, parts_.library, parts_.proofs, writer));
}

grpc::Status FileService::WatchPieces(grpc::ServerContext* context,
                                      const v1::WatchPiecesRequest* request,
                                      grpc::ServerWriter<v1::WatchPiecesResponse>* writer) {
  const auto call = Begin(CallBudget::Kind::kWatch, context, "WatchPieces");
  if (!call.ok()) return ToGrpcStatus(call.status());
  return ToGrpcStatus(arkshare::WatchPieces(context, *request, parts_.library, parts_.partials,
                                            parts_.watchdog, writer));
}

grpc::Status FileService::ReportMismatch(grpc::ServerContext* context,
                                         const v1::ReportMismatchRequest* request,
                                         v1::ReportMismatchResponse*) {
  const auto call = Begin(CallBudget::Kind::kShort, context, "ReportMismatch");
  if (!call.ok()) return ToGrpcStatus(call.status());
  absl::StatusOr<ContentId> id = FromProto(request->content());
  if (!id.ok()) return ToGrpcStatus(id.status());
  parts_.library->Doubt(*id, [&](const FileIdentity& identity) {
    LogWarning("mismatch_reported", {{"root", *id}, {"bytes", id->size}});
    parts_.cache->Forget(identity);
  });
  return grpc::Status::OK;
}

grpc::Status FileService::Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                                  v1::ReleaseResponse* response) {
  const auto call = Begin(CallBudget::Kind::kShort, context, "Release");
  if (!call.ok()) return ToGrpcStatus(call.status());
  if (absl::Status s = CheckItemCount(request->items_size()); !s.ok()) return ToGrpcStatus(s);
  absl::StatusOr<PublicKey> receiver = CheckParties(
      *context, key_.public_key(), request->source_public_key(), request->receiver_public_key());
  if (!receiver.ok()) return ToGrpcStatus(receiver.status());
  std::vector<ReleaseItem> items;
  std::set<TransferId> transfers;
  std::set<uint64_t> listings;
  absl::flat_hash_set<TransferId> from_here;
  for (const v1::ReleaseRequest::Item& proto : request->items()) {
    absl::StatusOr<ReleaseItem> item = FromProto(proto);
    if (!item.ok()) return ToGrpcStatus(item.status());
    if (!transfers.insert(item->transfer_id).second || !listings.insert(item->listing).second) {
      return ToGrpcStatus(
          MakeError(Reason::kInvalidField, "a transfer or a listing is named twice"));
    }
    if (proto.all_bytes_from_source()) from_here.insert(item->transfer_id);
    items.push_back(*item);
  }
  if (!receiver->Verify(ReleaseSignedBytes(key_.public_key(), *receiver, items),
                        request->signature())) {
    return ToGrpcStatus(BadSignature());
  }
  for (absl::StatusOr<MoveTicket>& answer : parts_.handover->Release(*receiver, items, from_here)) {
    v1::ReleaseResponse::Result* result = response->add_results();
    if (answer.ok()) {
      *result->mutable_ticket() = ToProto(*answer);
    } else {
      *result->mutable_refusal() = ToItemError(answer.status());
    }
  }
  return grpc::Status::OK;
}

grpc::Status FileService::Confirm(grpc::ServerContext* context, const v1::ConfirmRequest* request,
                                  v1::ConfirmResponse* response) {
  const auto call = Begin(CallBudget::Kind::kShort, context, "Confirm");
  if (!call.ok()) return ToGrpcStatus(call.status());
  if (absl::Status s = CheckItemCount(request->transfer_ids_size()); !s.ok())
    return ToGrpcStatus(s);
  absl::StatusOr<PublicKey> receiver = CheckParties(
      *context, key_.public_key(), request->source_public_key(), request->receiver_public_key());
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
