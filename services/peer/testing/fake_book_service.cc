#include "services/peer/testing/fake_book_service.h"

#include <algorithm>
#include <chrono>

#include "lib/core/merkle.h"
#include "lib/core/ticket.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

// `message` has the header of the range.
grpc::Status TellNothing(HolderChatter chatter, v1::DownloadResponse message,
                         grpc::ServerWriter<v1::DownloadResponse>* writer) {
  switch (chatter) {
    case HolderChatter::kHeaders:
      break;
    case HolderChatter::kNothing:
      message.Clear();
      break;
    case HolderChatter::kPlacesAfterHeader:
      writer->Write(message);
      message.mutable_queued()->set_position(1);
      break;
    case HolderChatter::kOtherRange:
      message.mutable_header()->set_range_offset(message.header().range_offset() + 1);
      break;
    case HolderChatter::kBytesFirst:
      message.mutable_chunk()->set_data("x");
      break;
  }
  while (writer->Write(message)) {
  }
  return grpc::Status::CANCELLED;
}

grpc::Status Moved(const PublicKey& to) {
  return ToGrpcStatus(
      MakeError(Reason::kBookMoved, "it has moved", {{"moved_to_public_key", to.hex()}}));
}

}  // namespace

void FakeBookService::Change(const std::function<void(HolderManners& manners)>& change) {
  MutexLock lock(&mutex_);
  change(manners_);
  changed_.NotifyAll();
}

HolderCounts FakeBookService::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

bool FakeBookService::AwaitStall() {
  MutexLock lock(&mutex_);
  for (int seconds = 0; stalled_ == 0; ++seconds) {
    if (seconds == 60) return false;
    changed_.WaitFor(&mutex_, absl::Seconds(1));
  }
  return true;
}

void FakeBookService::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

grpc::Status FakeBookService::Ping(grpc::ServerContext* context, const v1::PingRequest* request,
                                   v1::PingResponse* response) {
  const HolderManners now = manners();
  if (now.silent) return Stall(context);
  const PrivateKey& signer = now.another_key ? other_key_ : key_;
  response->set_nonce(request->nonce());
  response->set_boot_id("0123456789abcdef");
  response->set_public_key(key_.public_key().bytes());
  response->set_signature(signer.Sign(PingSignedBytes(request->nonce(), response->boot_id(), "")));
  return grpc::Status::OK;
}

grpc::Status FakeBookService::GetManifest(grpc::ServerContext* context,
                                          const v1::GetManifestRequest* request,
                                          v1::GetManifestResponse* response) {
  const HolderManners now = manners();
  {
    MutexLock lock(&mutex_);
    ++counts_.manifests;
    counts_.manifest_patience =
        std::max(counts_.manifest_patience,
                 absl::FromChrono(context->deadline() - std::chrono::system_clock::now()));
    while (now.manifest_late && counts_.downloads == 0 && !context->IsCancelled()) {
      changed_.WaitFor(&mutex_, absl::Milliseconds(100));
    }
  }
  if (now.silent || now.keep_manifest) return Stall(context);
  if (now.moved_to) return Moved(*now.moved_to);
  if (now.no_manifest) return ToGrpcStatus(MakeError(Reason::kPieceNotHere, "not yet"));
  *response->mutable_content() = request->content();
  response->set_piece_length_bytes(PieceLength(book_.id.size));
  std::string* hashes = response->mutable_piece_hashes();
  for (const Sha256Digest& piece : book_.pieces) hashes->append(DigestBytes(piece));
  if (!now.lie) return grpc::Status::OK;
  switch (*now.lie) {
    case HolderLie::kWrongHash:
      hashes->back() = static_cast<char>(hashes->back() ^ 1);
      break;
    case HolderLie::kNoHashes:
      hashes->clear();
      break;
    case HolderLie::kOneTooFew:
      hashes->resize(hashes->size() - 32);
      break;
    case HolderLie::kHalfAHash:
      hashes->append(16, 'x');
      break;
  }
  return grpc::Status::OK;
}

grpc::Status FakeBookService::ReportMismatch(grpc::ServerContext*,
                                             const v1::ReportMismatchRequest* request,
                                             v1::ReportMismatchResponse*) {
  MutexLock lock(&mutex_);
  counts_.reports += Must(FromProto(request->content())) == book_.id ? 1 : 0;
  return grpc::Status::OK;
}

grpc::Status FakeBookService::Download(grpc::ServerContext* context,
                                       const v1::DownloadRequest* request,
                                       grpc::ServerWriter<v1::DownloadResponse>* writer) {
  const HolderManners now = manners();
  {
    MutexLock lock(&mutex_);
    ++counts_.downloads;
    changed_.NotifyAll();
    counts_.offsets.push_back(request->read_offset());
    counts_.bites.push_back(request->max_chunk_bytes());
    if (manners_.queue_full > 0) --manners_.queue_full;
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
    MutexLock lock(&mutex_);
    changed_.WaitFor(&mutex_, absl::Milliseconds(10));
  }
  uint64_t offset = request->read_offset();
  uint64_t end = book_.id.size;
  if (request->read_limit() > 0) end = std::min(end, offset + request->read_limit());
  *message.mutable_header()->mutable_content() = ToProto(book_.id);
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
    std::string data = book_.bytes.substr(offset, n);
    Corrupt(now, offset, data);
    message.mutable_chunk()->set_offset(offset + (now.wrong_offsets ? 1 : 0));
    message.mutable_chunk()->set_data(data);
    if (!writer->Write(message)) return grpc::Status::CANCELLED;
    offset += n;
    sent += n;
    MutexLock lock(&mutex_);
    counts_.bytes_sent += n;
  }
  if (now.too_much) {
    message.mutable_chunk()->set_offset(offset);
    message.mutable_chunk()->set_data("more");
    writer->Write(message);
  }
  return grpc::Status::OK;
}

grpc::Status FakeBookService::WatchPieces(grpc::ServerContext* context,
                                          const v1::WatchPiecesRequest*,
                                          grpc::ServerWriter<v1::WatchPiecesResponse>* writer) {
  if (manners().chatter) {
    while (writer->Write(v1::WatchPiecesResponse())) {
    }
    return grpc::Status::CANCELLED;
  }
  MutexLock lock(&mutex_);
  for (size_t seen = 0; !stopping_ && !context->IsCancelled();) {
    v1::WatchPiecesResponse news;
    news.set_whole(!manners_.pieces);
    if (manners_.pieces) {
      for (; seen < manners_.pieces->size(); ++seen) {
        news.add_pieces(static_cast<uint32_t>((*manners_.pieces)[seen]));
      }
    }
    if (news.whole() || news.pieces_size() > 0) writer->Write(news);
    if (news.whole()) return grpc::Status::OK;
    if (manners_.gave_up) return ToGrpcStatus(MakeError(Reason::kBookGone, "it has given up"));
    changed_.WaitFor(&mutex_, absl::Milliseconds(10));
  }
  return grpc::Status::CANCELLED;
}

grpc::Status FakeBookService::Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                                      v1::ReleaseResponse* response) {
  std::function<void()> asked;
  {
    MutexLock lock(&mutex_);
    ++counts_.releases;
    asked = manners_.on_release;
    if (!manners_.refusal.ok()) {
      for (int i = 0; i < request->items_size(); ++i) {
        *response->add_results()->mutable_refusal() = ToItemError(manners_.refusal);
      }
      return grpc::Status::OK;
    }
  }
  if (asked) asked();
  return ToGrpcStatus(absl::UnavailableError("ask again later"));
}

bool FakeBookService::HasPieces(const std::vector<uint64_t>& pieces, uint64_t offset,
                                uint64_t bytes) const {
  const uint64_t length = PieceLength(book_.id.size);
  for (uint64_t piece = offset / length; piece * length < offset + bytes; ++piece) {
    if (std::find(pieces.begin(), pieces.end(), piece) == pieces.end()) return false;
  }
  return true;
}

HolderManners FakeBookService::manners() const {
  MutexLock lock(&mutex_);
  return manners_;
}

// Changes the last byte of each corrupt piece in `data`, which begins at `offset` of the book_.
void FakeBookService::Corrupt(const HolderManners& now, uint64_t offset, std::string& data) const {
  for (uint64_t piece : now.corrupt) {
    const uint64_t at = piece * PieceLength(book_.id.size) + PieceBytes(book_.id.size, piece) - 1;
    if (at >= offset && at - offset < data.size()) {
      data[at - offset] = static_cast<char>(data[at - offset] ^ 1);
    }
  }
}

grpc::Status FakeBookService::Stall(grpc::ServerContext* context) {
  MutexLock lock(&mutex_);
  ++stalled_;
  changed_.NotifyAll();
  while (!stopping_ && !context->IsCancelled()) changed_.WaitFor(&mutex_, absl::Milliseconds(10));
  return grpc::Status::CANCELLED;
}

}  // namespace arkshare
