#include "services/peer/testing/fake_holder.h"

#include <utility>

#include "services/peer/fetch/holders.h"
#include "services/peer/testing/fake_book_service.h"
#include "services/peer/testing/grpc_runtime.h"
#include "services/peer/testing/must.h"

namespace arkshare {

FakeHolder::FakeHolder(FakeBook book)
    : service_(std::make_unique<FakeBookService>(std::move(book))) {
  KeepGrpcRunning();
  server_ = Must(RpcServer::Start({.listen = "127.0.0.1:0"}, {service_.get()}));
}

FakeHolder::~FakeHolder() {
  service_->Stop();
  server_->Shutdown(absl::ZeroDuration());
}

const std::string& FakeHolder::address() const { return server_->address(); }

BookHolder FakeHolder::AsHolder(uint32_t peer_id) const {
  return {.peer_id = peer_id,
          .key = service_->public_key(),
          .address = address(),
          .listing = 1,
          .name = Must(BookName::Parse("book")),
          .partial = service_->manners().pieces.has_value()};
}

void FakeHolder::HaveOnly(std::vector<uint64_t> pieces) {
  service_->Change([&](HolderManners& manners) { manners.pieces = std::move(pieces); });
}

void FakeHolder::HaveAll() {
  service_->Change([&](HolderManners& manners) { manners.pieces.reset(); });
}

void FakeHolder::GiveUp() {
  service_->Change([&](HolderManners& manners) { manners.gave_up = true; });
}

void FakeHolder::OnRelease(std::function<void()> asked) {
  service_->Change([&](HolderManners& manners) { manners.on_release = std::move(asked); });
}

void FakeHolder::RefuseReleases(absl::Status why) {
  service_->Change([&](HolderManners& manners) { manners.refusal = std::move(why); });
}

int FakeHolder::reports() const { return service_->counts().reports; }

int FakeHolder::releases() const { return service_->counts().releases; }

void FakeHolder::KnowNoManifest() {
  service_->Change([&](HolderManners& manners) { manners.no_manifest = true; });
}

void FakeHolder::CorruptPiece(uint64_t n) {
  service_->Change([&](HolderManners& manners) { manners.corrupt.insert(n); });
}

void FakeHolder::BreakOff() {
  service_->Change([&](HolderManners& manners) { manners.break_off = true; });
}

void FakeHolder::StopAnswering(uint64_t after_bytes) {
  service_->Change([&](HolderManners& manners) { manners.stop_after = after_bytes; });
}

bool FakeHolder::AwaitSilence() { return service_->AwaitStall(); }

void FakeHolder::FallSilent() {
  service_->Change([&](HolderManners& manners) { manners.silent = true; });
}

void FakeHolder::ProveAnotherKey() {
  service_->Change([&](HolderManners& manners) { manners.another_key = true; });
}

void FakeHolder::SayMoved(const PublicKey& to) {
  service_->Change([&](HolderManners& manners) { manners.moved_to = to; });
}

void FakeHolder::QueueFull(int times, absl::Duration retry_after) {
  service_->Change([&](HolderManners& manners) {
    manners.queue_full = times;
    manners.retry_after = retry_after;
  });
}

void FakeHolder::QueueAt(std::vector<uint32_t> positions) {
  service_->Change([&](HolderManners& manners) { manners.positions = std::move(positions); });
}

void FakeHolder::QueueForEver() {
  service_->Change([&](HolderManners& manners) { manners.queue_for_ever = true; });
}

void FakeHolder::LieAboutManifest(Lie lie) {
  service_->Change([&](HolderManners& manners) { manners.lie = lie; });
}

void FakeHolder::GiveManifestLate() {
  service_->Change([&](HolderManners& manners) { manners.manifest_late = true; });
}

void FakeHolder::SendWrongOffsets() {
  service_->Change([&](HolderManners& manners) { manners.wrong_offsets = true; });
}

void FakeHolder::EndEarly(uint64_t after_bytes) {
  service_->Change([&](HolderManners& manners) { manners.end_after = after_bytes; });
}

void FakeHolder::SendTooMuch() {
  service_->Change([&](HolderManners& manners) { manners.too_much = true; });
}

void FakeHolder::SendEmptyChunks() {
  service_->Change([&](HolderManners& manners) { manners.empty_chunks = true; });
}

void FakeHolder::Chat(Chatter chatter) {
  service_->Change([&](HolderManners& manners) { manners.chatter = chatter; });
}

void FakeHolder::KeepManifest() {
  service_->Change([&](HolderManners& manners) { manners.keep_manifest = true; });
}

absl::Duration FakeHolder::manifest_patience() const {
  return service_->counts().manifest_patience;
}

void FakeHolder::SetAttributes(const FileAttributes& attributes) {
  service_->Change([&](HolderManners& manners) { manners.attributes = attributes; });
}

void FakeHolder::SetChunkBytes(uint64_t bytes) {
  service_->Change([&](HolderManners& manners) { manners.chunk_bytes = bytes; });
}

int FakeHolder::manifests() const { return service_->counts().manifests; }

int FakeHolder::downloads() const { return service_->counts().downloads; }

uint64_t FakeHolder::bytes_sent() const { return service_->counts().bytes_sent; }

std::vector<uint64_t> FakeHolder::bites() const { return service_->counts().bites; }

std::vector<uint64_t> FakeHolder::offsets() const { return service_->counts().offsets; }

}  // namespace arkshare
