#include "tests/support/false_holder.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <grpc/grpc.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/merkle.h"
#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

constexpr uint64_t kChunk = 256 * 1024;

}  // namespace

class FalseHolder::Service final : public v1::FileService::Service {
 public:
  explicit Service(std::string b) : book(std::move(b)), id(ContentOf(book)) {
    absl::StatusOr<std::unique_ptr<RpcServer>> started =
        RpcServer::Start({.listen = "127.0.0.1:0"}, {this});
    if (!started.ok()) std::abort();
    server = *std::move(started);
  }

  grpc::Status Ping(grpc::ServerContext*, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    response->set_nonce(request->nonce());
    response->set_boot_id("0123456789abcdef");
    response->set_public_key(key.public_key().bytes());
    response->set_signature(key.Sign(
        PingSignedBytes(request->nonce(), response->boot_id(), request->registration_id())));
    return grpc::Status::OK;
  }

  grpc::Status GetManifest(grpc::ServerContext*, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override {
    *response->mutable_content() = request->content();
    response->set_piece_length_bytes(PieceLength(id.size));
    for (uint64_t piece = 0; piece < PieceCount(id.size); ++piece) {
      const absl::string_view bytes =
          absl::string_view(book).substr(piece * PieceLength(id.size), PieceBytes(id.size, piece));
      response->mutable_piece_hashes()->append(DigestBytes(
          PieceHash(id.size, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})));
    }
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override {
    uint64_t left = book.size();  // that this stream may send
    {
      MutexLock lock(&mutex);
      ++downloads;
      if (stop_after) left = *stop_after;
    }
    uint64_t offset = request->read_offset();
    uint64_t end = book.size();
    if (request->read_limit() > 0) end = std::min(end, offset + request->read_limit());
    v1::DownloadResponse message;
    *message.mutable_header()->mutable_content() = ToProto(id);
    message.mutable_header()->set_range_offset(offset);
    message.mutable_header()->set_range_length(end - offset);
    writer->Write(message);
    while (offset < end) {
      const uint64_t n = std::min({kChunk, end - offset, left});
      if (n == 0) return StandStill(context);
      message.mutable_chunk()->set_offset(offset);
      message.mutable_chunk()->set_data(BytesAt(offset, n));
      if (!writer->Write(message)) break;
      offset += n;
      left -= n;
      MutexLock lock(&mutex);
      bytes_sent += n;
    }
    return grpc::Status::OK;
  }

  std::string BytesAt(uint64_t offset, uint64_t n) {
    std::string bytes = book.substr(offset, n);
    MutexLock lock(&mutex);
    if (garbage) bytes.back() = static_cast<char>(bytes.back() ^ 1);
    return bytes;
  }

  // A handler of gRPC's is not told when its call is cancelled, so this looks now and then.
  grpc::Status StandStill(grpc::ServerContext* context) {
    MutexLock lock(&mutex);
    while (!stopping && !context->IsCancelled()) changed.WaitFor(&mutex, absl::Milliseconds(10));
    return grpc::Status::CANCELLED;
  }

  const std::string book;
  const ContentId id;
  const PrivateKey key = PrivateKey::Generate();
  std::unique_ptr<RpcServer> server;
  // The session with the index.
  uint32_t peer_id = 0;
  grpc::ClientContext announce_context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AnnounceRequest, v1::AnnounceResponse>> announce;

  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool garbage ABSL_GUARDED_BY(mutex) = false;
  std::optional<uint64_t> stop_after ABSL_GUARDED_BY(mutex);
  int downloads ABSL_GUARDED_BY(mutex) = 0;
  uint64_t bytes_sent ABSL_GUARDED_BY(mutex) = 0;
};

FalseHolder::FalseHolder(std::string book) {
  // gRPC's own threads stay: stopped with the last server, one of them may be asleep for ten
  // seconds.
  [[maybe_unused]] static const bool kept = (grpc_init(), true);
  service_ = std::make_unique<Service>(std::move(book));
}

FalseHolder::~FalseHolder() {
  {
    MutexLock lock(&service_->mutex);
    service_->stopping = true;
    service_->changed.NotifyAll();
  }
  if (service_->announce) {
    service_->announce_context.TryCancel();
    service_->announce->Finish();
  }
  service_->server->Shutdown(absl::ZeroDuration());
}

absl::Status FalseHolder::Join(IndexProcess& index, const std::string& name) {
  absl::StatusOr<BookName> book_name = BookName::Parse(name);
  if (!book_name.ok()) return book_name.status();
  grpc::ClientContext context;
  v1::RegisterRequest request;
  request.set_port(static_cast<uint32_t>(service_->server->port()));
  request.set_public_key(service_->key.public_key().bytes());
  request.set_policy(v1::SHARE_POLICY_COPY);
  request.set_upload_slots(8);
  request.set_registration_id(RandomBytes(16));
  v1::RegisterResponse registered;
  const grpc::Status status = index.stub().Register(&context, request, &registered);
  if (!status.ok()) return FromGrpcStatus(status, "the index");
  service_->peer_id = registered.peer_id();

  service_->announce_context.AddMetadata("authorization",
                                         absl::StrCat("Bearer ", registered.session_token()));
  service_->announce = index.stub().Announce(&service_->announce_context);
  v1::AnnounceResponse acknowledged;
  if (!service_->announce->Read(&acknowledged)) return absl::UnavailableError("no Announce stream");
  v1::AnnounceRequest statement;
  statement.set_first_sequence(1);
  *statement.add_statements()->mutable_present() =
      ToProto(BookListing{1, *book_name, service_->id});
  statement.set_snapshot_complete(true);
  statement.set_free_slots(8);
  service_->announce->Write(statement);
  if (!service_->announce->Read(&acknowledged) || acknowledged.acknowledged_sequence() != 1) {
    return absl::UnavailableError("the index does not list it");
  }
  return absl::OkStatus();
}

void FalseHolder::SendGarbage() {
  MutexLock lock(&service_->mutex);
  service_->garbage = true;
}

void FalseHolder::StopAfter(uint64_t bytes) {
  MutexLock lock(&service_->mutex);
  service_->stop_after = bytes;
}

uint32_t FalseHolder::peer_id() const { return service_->peer_id; }

int FalseHolder::downloads() const {
  MutexLock lock(&service_->mutex);
  return service_->downloads;
}

uint64_t FalseHolder::bytes_sent() const {
  MutexLock lock(&service_->mutex);
  return service_->bytes_sent;
}

}  // namespace arkshare
