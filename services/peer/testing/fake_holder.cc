#include "services/peer/testing/fake_holder.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/merkle.h"
#include "lib/core/mutex.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/server.h"
#include "lib/rpc/status.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/testing/grpc_runtime.h"
#include "services/peer/testing/must.h"

namespace arkshare {

struct FakeHolder::State final : v1::FileService::Service {
  // How it answers.
  struct Manners {
    std::set<uint64_t> corrupt{};
    std::optional<uint64_t> stop_after{};
    bool silent = false;
    bool another_key = false;
    std::optional<PublicKey> moved_to{};
    bool break_off = false;
    int queue_full = 0;
    absl::Duration retry_after = absl::ZeroDuration();
    std::vector<uint32_t> positions{};
    bool queue_for_ever = false;
    std::optional<Lie> lie{};
    bool wrong_offsets = false;
    std::optional<uint64_t> end_after{};
    bool too_much = false;
    bool empty_chunks = false;
    uint64_t chunk_bytes = 1024 * 1024;
    std::optional<FileAttributes> attributes{};
    bool manifest_late = false;
    // The pieces of a book that it is still receiving, in the order in which they came.
    std::optional<std::vector<uint64_t>> pieces{};
    std::optional<Chatter> chatter{};
    bool keep_manifest = false;
    bool gave_up = false;
    bool no_manifest = false;
  };

  explicit State(FakeBook b) : book(std::move(b)) {}

  grpc::Status Ping(grpc::ServerContext* context, const v1::PingRequest* request,
                    v1::PingResponse* response) override {
    const Manners now = Begin();
    if (now.silent) return Stall(context);
    const PrivateKey& signer = now.another_key ? other_key : key;
    response->set_nonce(request->nonce());
    response->set_boot_id("0123456789abcdef");
    response->set_public_key(key.public_key().bytes());
    response->set_signature(
        signer.Sign(PingSignedBytes(request->nonce(), response->boot_id(), "")));
    return grpc::Status::OK;
  }

  grpc::Status GetManifest(grpc::ServerContext* context, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override {
    const Manners now = Begin();
    {
      MutexLock lock(&mutex);
      ++manifests;
      manifest_patience =
          std::max(manifest_patience,
                   absl::FromChrono(context->deadline() - std::chrono::system_clock::now()));
      while (now.manifest_late && downloads == 0 && !context->IsCancelled()) {
        changed.WaitFor(&mutex, absl::Milliseconds(100));
      }
    }
    if (now.silent || now.keep_manifest) return Stall(context);
    if (now.moved_to) return Moved(*now.moved_to);
    if (now.no_manifest) return ToGrpcStatus(MakeError(Reason::kPieceNotHere, "not yet"));
    *response->mutable_content() = request->content();
    response->set_piece_length_bytes(PieceLength(book.id.size));
    std::string* hashes = response->mutable_piece_hashes();
    for (const Sha256Digest& piece : book.pieces) hashes->append(DigestBytes(piece));
    if (!now.lie) return grpc::Status::OK;
    switch (*now.lie) {
      case Lie::kWrongHash:
        hashes->back() = static_cast<char>(hashes->back() ^ 1);
        break;
      case Lie::kNoHashes:
        hashes->clear();
        break;
      case Lie::kOneTooFew:
        hashes->resize(hashes->size() - 32);
        break;
      case Lie::kHalfAHash:
        hashes->append(16, 'x');
        break;
    }
    return grpc::Status::OK;
  }

  grpc::Status ReportMismatch(grpc::ServerContext*, const v1::ReportMismatchRequest* request,
                              v1::ReportMismatchResponse*) override {
    MutexLock lock(&mutex);
    reports += Must(FromProto(request->content())) == book.id ? 1 : 0;
    return grpc::Status::OK;
  }

  grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override {
    Manners now = Begin();
    {
      MutexLock lock(&mutex);
      ++downloads;
      changed.NotifyAll();
      offsets.push_back(request->read_offset());
      bites.push_back(request->max_chunk_bytes());
      if (manners.queue_full > 0) --manners.queue_full;
    }
    if (now.silent) return Stall(context);
    if (now.moved_to) return Moved(*now.moved_to);
    if (now.break_off) return grpc::Status::CANCELLED;
    if (now.queue_full > 0) {
      return ToGrpcStatus(MakeError(Reason::kQueueFull, "too many wait", {}, now.retry_after));
    }
    v1::DownloadResponse message;
    for (uint32_t position : now.positions) {
      message.mutable_queued()->set_position(position);
      writer->Write(message);
    }
    while (now.queue_for_ever) {
      message.mutable_queued();
      if (!writer->Write(message)) return grpc::Status::CANCELLED;
      MutexLock lock(&mutex);
      changed.WaitFor(&mutex, absl::Milliseconds(10));
    }
    uint64_t offset = request->read_offset();
    uint64_t end = book.id.size;
    if (request->read_limit() > 0) end = std::min(end, offset + request->read_limit());
    *message.mutable_header()->mutable_content() = ToProto(book.id);
    message.mutable_header()->set_range_offset(offset);
    message.mutable_header()->set_range_length(end - offset);
    if (now.attributes) *message.mutable_header()->mutable_attributes() = ToProto(*now.attributes);
    if (now.chatter) return TellNothing(*now.chatter, message, writer);
    writer->Write(message);
    uint64_t sent = 0;
    while (offset < end) {
      if (now.empty_chunks) {
        message.mutable_chunk()->set_offset(offset);
        message.mutable_chunk()->clear_data();
        if (!writer->Write(message)) return grpc::Status::CANCELLED;
        continue;
      }
      uint64_t n = std::min(now.chunk_bytes, end - offset);
      if (now.stop_after) n = std::min(n, *now.stop_after - std::min(*now.stop_after, sent));
      if (now.end_after) n = std::min(n, *now.end_after - std::min(*now.end_after, sent));
      if (n == 0) return now.end_after ? grpc::Status::OK : Stall(context);
      if (now.pieces && !HasPieces(*now.pieces, offset, n)) {
        return ToGrpcStatus(MakeError(Reason::kPieceNotHere, "that piece is not here"));
      }
      std::string data = book.bytes.substr(offset, n);
      Corrupt(now, offset, data);
      message.mutable_chunk()->set_offset(offset + (now.wrong_offsets ? 1 : 0));
      message.mutable_chunk()->set_data(data);
      if (!writer->Write(message)) return grpc::Status::CANCELLED;
      offset += n;
      sent += n;
      MutexLock lock(&mutex);
      bytes_sent += n;
    }
    if (now.too_much) {
      message.mutable_chunk()->set_offset(offset);
      message.mutable_chunk()->set_data("more");
      writer->Write(message);
    }
    return grpc::Status::OK;
  }

  // `message` has the header of the range.
  static grpc::Status TellNothing(Chatter chatter, v1::DownloadResponse message,
                                  grpc::ServerWriter<v1::DownloadResponse>* writer) {
    switch (chatter) {
      case Chatter::kHeaders:
        break;
      case Chatter::kNothing:
        message.Clear();
        break;
      case Chatter::kPlacesAfterHeader:
        writer->Write(message);
        message.mutable_queued()->set_position(1);
        break;
      case Chatter::kOtherRange:
        message.mutable_header()->set_range_offset(message.header().range_offset() + 1);
        break;
      case Chatter::kBytesFirst:
        message.mutable_chunk()->set_data("x");
        break;
    }
    while (writer->Write(message)) {
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest*,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override {
    if (Begin().chatter) {
      while (writer->Write(v1::WatchPiecesResponse())) {
      }
      return grpc::Status::CANCELLED;
    }
    MutexLock lock(&mutex);
    for (size_t seen = 0; !stopping && !context->IsCancelled();) {
      v1::WatchPiecesResponse news;
      news.set_whole(!manners.pieces);
      if (manners.pieces) {
        for (; seen < manners.pieces->size(); ++seen) {
          news.add_pieces(static_cast<uint32_t>((*manners.pieces)[seen]));
        }
      }
      if (news.whole() || news.pieces_size() > 0) writer->Write(news);
      if (news.whole()) return grpc::Status::OK;
      if (manners.gave_up) return ToGrpcStatus(MakeError(Reason::kBookGone, "it has given up"));
      changed.WaitFor(&mutex, absl::Milliseconds(10));
    }
    return grpc::Status::CANCELLED;
  }

  grpc::Status Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override {
    std::function<void()> asked;
    {
      MutexLock lock(&mutex);
      ++releases;
      asked = on_release;
      if (!refusal.ok()) {
        for (int i = 0; i < request->items_size(); ++i) {
          *response->add_results()->mutable_refusal() = ToItemError(refusal);
        }
        return grpc::Status::OK;
      }
    }
    if (asked) asked();
    return ToGrpcStatus(absl::UnavailableError("ask again later"));
  }

  bool HasPieces(const std::vector<uint64_t>& pieces, uint64_t offset, uint64_t bytes) const {
    const uint64_t length = PieceLength(book.id.size);
    for (uint64_t piece = offset / length; piece * length < offset + bytes; ++piece) {
      if (std::find(pieces.begin(), pieces.end(), piece) == pieces.end()) return false;
    }
    return true;
  }

  Manners Begin() {
    MutexLock lock(&mutex);
    return manners;
  }

  // Changes the last byte of each corrupt piece in `data`, which begins at `offset` of the book.
  void Corrupt(const Manners& now, uint64_t offset, std::string& data) const {
    for (uint64_t piece : now.corrupt) {
      const uint64_t at = piece * PieceLength(book.id.size) + PieceBytes(book.id.size, piece) - 1;
      if (at >= offset && at - offset < data.size()) {
        data[at - offset] = static_cast<char>(data[at - offset] ^ 1);
      }
    }
  }

  static grpc::Status Moved(const PublicKey& to) {
    return ToGrpcStatus(
        MakeError(Reason::kBookMoved, "it has moved", {{"moved_to_public_key", to.hex()}}));
  }

  // Waits until the call is cancelled. gRPC does not tell a blocking call, so this polls.
  grpc::Status Stall(grpc::ServerContext* context) {
    MutexLock lock(&mutex);
    ++stalled;
    changed.NotifyAll();
    while (!stopping && !context->IsCancelled()) changed.WaitFor(&mutex, absl::Milliseconds(10));
    return grpc::Status::CANCELLED;
  }

  const FakeBook book;
  const PrivateKey key = PrivateKey::Generate();
  const PrivateKey other_key = PrivateKey::Generate();
  Mutex mutex;
  CondVar changed;
  Manners manners ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  int stalled ABSL_GUARDED_BY(mutex) = 0;
  int manifests ABSL_GUARDED_BY(mutex) = 0;
  absl::Duration manifest_patience ABSL_GUARDED_BY(mutex);
  int downloads ABSL_GUARDED_BY(mutex) = 0;
  int releases ABSL_GUARDED_BY(mutex) = 0;
  int reports ABSL_GUARDED_BY(mutex) = 0;
  std::function<void()> on_release ABSL_GUARDED_BY(mutex);
  absl::Status refusal ABSL_GUARDED_BY(mutex);
  uint64_t bytes_sent ABSL_GUARDED_BY(mutex) = 0;
  std::vector<uint64_t> offsets ABSL_GUARDED_BY(mutex);
  std::vector<uint64_t> bites ABSL_GUARDED_BY(mutex);
  std::unique_ptr<RpcServer> server;
};

FakeHolder::FakeHolder(FakeBook book) : state_(std::make_unique<State>(std::move(book))) {
  KeepGrpcRunning();
  state_->server = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {state_.get()}));
}

FakeHolder::~FakeHolder() {
  {
    MutexLock lock(&state_->mutex);
    state_->stopping = true;
    state_->changed.NotifyAll();
  }
  state_->server->Shutdown(absl::ZeroDuration());
}

const std::string& FakeHolder::address() const { return state_->server->address(); }

BookHolder FakeHolder::AsHolder(uint32_t peer_id) const {
  return {.peer_id = peer_id,
          .key = state_->key.public_key(),
          .address = address(),
          .listing = 1,
          .name = Must(BookName::Parse("book")),
          .partial = state_->Begin().pieces.has_value()};
}

void FakeHolder::HaveOnly(std::vector<uint64_t> pieces) {
  MutexLock lock(&state_->mutex);
  state_->manners.pieces = std::move(pieces);
  state_->changed.NotifyAll();
}

void FakeHolder::HaveAll() {
  MutexLock lock(&state_->mutex);
  state_->manners.pieces.reset();
  state_->changed.NotifyAll();
}

void FakeHolder::GiveUp() {
  MutexLock lock(&state_->mutex);
  state_->manners.gave_up = true;
  state_->changed.NotifyAll();
}

void FakeHolder::OnRelease(std::function<void()> asked) {
  MutexLock lock(&state_->mutex);
  state_->on_release = std::move(asked);
}

void FakeHolder::RefuseReleases(absl::Status why) {
  MutexLock lock(&state_->mutex);
  state_->refusal = std::move(why);
}

int FakeHolder::reports() const {
  MutexLock lock(&state_->mutex);
  return state_->reports;
}

int FakeHolder::releases() const {
  MutexLock lock(&state_->mutex);
  return state_->releases;
}

void FakeHolder::KnowNoManifest() {
  MutexLock lock(&state_->mutex);
  state_->manners.no_manifest = true;
}

void FakeHolder::CorruptPiece(uint64_t n) {
  MutexLock lock(&state_->mutex);
  state_->manners.corrupt.insert(n);
}

void FakeHolder::BreakOff() {
  MutexLock lock(&state_->mutex);
  state_->manners.break_off = true;
}

void FakeHolder::StopAnswering(uint64_t after_bytes) {
  MutexLock lock(&state_->mutex);
  state_->manners.stop_after = after_bytes;
}

bool FakeHolder::AwaitSilence() {
  MutexLock lock(&state_->mutex);
  for (int seconds = 0; state_->stalled == 0; ++seconds) {
    if (seconds == 60) return false;
    state_->changed.WaitFor(&state_->mutex, absl::Seconds(1));
  }
  return true;
}

void FakeHolder::FallSilent() {
  MutexLock lock(&state_->mutex);
  state_->manners.silent = true;
}

void FakeHolder::ProveAnotherKey() {
  MutexLock lock(&state_->mutex);
  state_->manners.another_key = true;
}

void FakeHolder::SayMoved(const PublicKey& to) {
  MutexLock lock(&state_->mutex);
  state_->manners.moved_to = to;
}

void FakeHolder::QueueFull(int times, absl::Duration retry_after) {
  MutexLock lock(&state_->mutex);
  state_->manners.queue_full = times;
  state_->manners.retry_after = retry_after;
}

void FakeHolder::QueueAt(std::vector<uint32_t> positions) {
  MutexLock lock(&state_->mutex);
  state_->manners.positions = std::move(positions);
}

void FakeHolder::QueueForEver() {
  MutexLock lock(&state_->mutex);
  state_->manners.queue_for_ever = true;
}

void FakeHolder::LieAboutManifest(Lie lie) {
  MutexLock lock(&state_->mutex);
  state_->manners.lie = lie;
}

void FakeHolder::GiveManifestLate() {
  MutexLock lock(&state_->mutex);
  state_->manners.manifest_late = true;
}

void FakeHolder::SendWrongOffsets() {
  MutexLock lock(&state_->mutex);
  state_->manners.wrong_offsets = true;
}

void FakeHolder::EndEarly(uint64_t after_bytes) {
  MutexLock lock(&state_->mutex);
  state_->manners.end_after = after_bytes;
}

void FakeHolder::SendTooMuch() {
  MutexLock lock(&state_->mutex);
  state_->manners.too_much = true;
}

void FakeHolder::SendEmptyChunks() {
  MutexLock lock(&state_->mutex);
  state_->manners.empty_chunks = true;
}

void FakeHolder::Chat(Chatter chatter) {
  MutexLock lock(&state_->mutex);
  state_->manners.chatter = chatter;
}

void FakeHolder::KeepManifest() {
  MutexLock lock(&state_->mutex);
  state_->manners.keep_manifest = true;
}

absl::Duration FakeHolder::manifest_patience() const {
  MutexLock lock(&state_->mutex);
  return state_->manifest_patience;
}

void FakeHolder::SetAttributes(const FileAttributes& attributes) {
  MutexLock lock(&state_->mutex);
  state_->manners.attributes = attributes;
}

void FakeHolder::SetChunkBytes(uint64_t bytes) {
  MutexLock lock(&state_->mutex);
  state_->manners.chunk_bytes = bytes;
}

int FakeHolder::manifests() const {
  MutexLock lock(&state_->mutex);
  return state_->manifests;
}

int FakeHolder::downloads() const {
  MutexLock lock(&state_->mutex);
  return state_->downloads;
}

uint64_t FakeHolder::bytes_sent() const {
  MutexLock lock(&state_->mutex);
  return state_->bytes_sent;
}

std::vector<uint64_t> FakeHolder::bites() const {
  MutexLock lock(&state_->mutex);
  return state_->bites;
}

std::vector<uint64_t> FakeHolder::offsets() const {
  MutexLock lock(&state_->mutex);
  return state_->offsets;
}

}  // namespace arkshare
