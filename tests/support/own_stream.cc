#include "tests/support/own_stream.h"

#include <utility>

#include "lib/rpc/channel.h"

namespace arkshare {

OwnStream::OwnStream(PeerProcess& peer, const v1::WatchOwnRequest& request) {
  SetTimeout(context_, kPatience);
  reader_ = peer.control_stub().WatchOwn(&context_, request);
}

OwnStream::~OwnStream() {
  context_.TryCancel();
  reader_->Finish();
}

bool OwnStream::Until(absl::FunctionRef<bool()> done) {
  v1::WatchOwnResponse message;
  while (!done()) {
    if (!reader_->Read(&message)) return false;
    ++messages;
    Apply(message);
  }
  return true;
}

void OwnStream::Apply(const v1::WatchOwnResponse& message) {
  if (!message.boot_id().empty()) boot_id = message.boot_id();
  complete = complete || message.snapshot_complete();
  if (message.has_status()) status = message.status();
  for (const v1::Transfer& transfer : message.transfers()) {
    transfers[transfer.transfer_id()] = transfer;
  }
  for (const std::string& id : message.transfers_forgotten()) transfers.erase(id);
  for (const v1::Upload& upload : message.uploads()) uploads[upload.upload_id()] = upload;
  for (const uint64_t id : message.uploads_ended()) {
    ended_uploads[id] = std::move(uploads[id]);
    uploads.erase(id);
  }
  for (const v1::LibraryEntry& entry : message.library()) library[entry.path()] = entry;
  for (const std::string& path : message.library_gone()) library.erase(path);
  for (const v1::LimboEntry& entry : message.limbo()) limbo[entry.transfer_id()] = entry;
  for (const std::string& id : message.limbo_gone()) limbo.erase(id);
  for (const v1::Wish& wish : message.wishes()) wishes[wish.wish_id()] = wish;
  for (const uint64_t id : message.wishes_gone()) wishes.erase(id);
}

}  // namespace arkshare
