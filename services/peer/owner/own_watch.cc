#include "services/peer/owner/own_watch.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "services/peer/owner/owner_protos.h"

namespace arkshare {
namespace {

// How long a stream may run without a look whether its reader is still there.
constexpr absl::Duration kLongestWait = absl::Seconds(1);

v1::WatchOwnRequest AllIfNone(v1::WatchOwnRequest request) {
  if (request.status() || request.transfers() || request.uploads() || request.library() ||
      request.limbo() || request.wishes()) {
    return request;
  }
  request.set_status(true);
  request.set_transfers(true);
  request.set_uploads(true);
  request.set_library(true);
  request.set_limbo(true);
  request.set_wishes(true);
  return request;
}

}  // namespace

OwnWatch::OwnWatch(const Parts& parts, const v1::WatchOwnRequest& request)
    : parts_(parts), request_(AllIfNone(request)), heard_(parts.bell->rings()) {
  if (request_.library()) library_ = parts_.library->Watch(parts_.bell);
}

absl::Status OwnWatch::Run(const std::string& boot_id, Write write,
                           absl::FunctionRef<bool()> gone) {
  for (bool first = true, more = true; more; first = false) {
    Look look = LookAtAll();
    if (first) look.message.set_boot_id(boot_id);
    more = look.more;
    look.message.set_snapshot_complete(!more);
    if (!write(look.message)) return absl::OkStatus();
  }
  WatchPace pace(parts_.clock->Monotonic());
  while (AwaitLook(pace, gone)) {
    if (parts_.bell->closed()) {
      return MakeError(Reason::kShuttingDown, "the peer is shutting down");
    }
    bool more = true;
    while (more) {
      const Look look = LookAtAll();
      more = look.more;
      pace.Looked(look.found, look.moving, parts_.clock->Monotonic());
      if (look.found && !write(look.message)) return absl::OkStatus();
    }
    const absl::Time now = parts_.clock->Monotonic();
    if (!pace.SignIsDue(now)) continue;
    if (!write({})) return absl::OkStatus();
    pace.SignSent(now);
  }
  return absl::OkStatus();
}

bool OwnWatch::AwaitLook(const WatchPace& pace, absl::FunctionRef<bool()> gone) {
  Bell::Rings rings = parts_.bell->rings();
  while (!gone()) {
    const WatchPace::News news = rings.urgent != heard_.urgent ? WatchPace::News::kUrgent
                                 : rings.all != heard_.all     ? WatchPace::News::kSome
                                                               : WatchPace::News::kNone;
    const absl::Duration left = pace.UntilLook(news, parts_.clock->Monotonic());
    if (left <= absl::ZeroDuration() || parts_.bell->closed()) break;
    const absl::Duration wait = std::min(left, kLongestWait);
    switch (news) {
      case WatchPace::News::kNone:
        rings = parts_.bell->Await(rings, wait);
        break;
      case WatchPace::News::kSome:
        rings = parts_.bell->AwaitUrgent(rings, wait);
        break;
      case WatchPace::News::kUrgent:
        // Nothing ends this wait, of at most 40 ms, early.
        rings = parts_.bell->AwaitUrgent(parts_.bell->rings(), wait);
        break;
    }
  }
  // Before the look, which thus sees all that was rung for.
  heard_ = parts_.bell->rings();
  return !gone();
}

OwnWatch::Look OwnWatch::LookAtAll() {
  Look look;
  if (request_.status()) AddStatus(look);
  if (request_.transfers()) AddTransfers(look);
  if (request_.uploads()) AddUploads(look);
  if (library_ != nullptr) AddLibrary(look);
  if (request_.limbo()) AddLimbo(look);
  if (request_.wishes()) AddWishes(look);
  return look;
}

void OwnWatch::AddStatus(Look& look) {
  v1::GetStatusResponse status = parts_.status->Describe();
  if (!sent_status_.Change(0, status.SerializeAsString())) return;
  *look.message.mutable_status() = std::move(status);
  look.found = true;
}

void OwnWatch::AddTransfers(Look& look) {
  const TransferBoard::Changes changes = parts_.transfers->ChangesSince(transfers_mark_, kMaxItems);
  transfers_mark_ = changes.mark;
  look.more = look.more || changes.more;
  for (const TransferView& view : changes.views) {
    v1::Transfer transfer = ToProto(view);
    // The estimate gets shorter by itself, which is no news.
    v1::Transfer compared = transfer;
    compared.clear_estimated_wait();
    if (!sent_transfers_.Change(transfer.transfer_id(), compared.SerializeAsString())) continue;
    *look.message.add_transfers() = std::move(transfer);
    look.found = true;
  }
  if (!changes.remaining) return;
  absl::flat_hash_set<std::string> remaining;
  for (const TransferId& id : *changes.remaining) remaining.emplace(id.bytes());
  for (std::string& id : sent_transfers_.Retain(remaining)) {
    look.message.add_transfers_forgotten(std::move(id));
    look.found = true;
  }
}

void OwnWatch::AddUploads(Look& look) {
  absl::flat_hash_set<uint64_t> here;
  for (const UploadQueue::View& view : parts_.queue->List()) {
    here.insert(view.stream);
    look.moving = true;
    v1::Upload upload = ToProto(view);
    if (!sent_uploads_.Change(view.stream, upload.SerializeAsString())) continue;
    *look.message.add_uploads() = std::move(upload);
    look.found = true;
  }
  for (const uint64_t id : sent_uploads_.Retain(here)) {
    look.message.add_uploads_ended(id);
    look.found = true;
  }
}

void OwnWatch::AddLibrary(Look& look) {
  LibraryWatch::News news = library_->Next(kMaxItems);
  look.more = look.more || news.more;
  for (v1::LibraryEntry& entry : parts_.entries->Describe(news.items)) {
    *look.message.add_library() = std::move(entry);
    look.found = true;
  }
  for (std::string& path : news.gone) {
    look.message.add_library_gone(std::move(path));
    look.found = true;
  }
}

void OwnWatch::AddLimbo(Look& look) {
  const uint64_t changes = parts_.releases->changes();
  if (limbo_seen_ == changes) return;
  absl::StatusOr<std::vector<ReleaseRecord>> limbo = parts_.handover->Limbo();
  if (!limbo.ok()) return;  // the next look tries again
  bool all = true;
  absl::flat_hash_set<std::string> here;
  for (const ReleaseRecord& record : *limbo) {
    const std::string id(record.item.transfer_id.bytes());
    here.insert(id);
    // A release does not change while it is here.
    if (look.message.limbo_size() >= kMaxItems) {
      all = false;
    } else if (sent_limbo_.Change(id, "")) {
      *look.message.add_limbo() = ToProto(record, parts_.handover->NameOf(record.item.listing));
      look.found = true;
    }
  }
  for (std::string& id : sent_limbo_.Retain(here)) {
    look.message.add_limbo_gone(std::move(id));
    look.found = true;
  }
  if (all) limbo_seen_ = changes;
  look.more = look.more || !all;
}

void OwnWatch::AddWishes(Look& look) {
  const uint64_t changes = parts_.wishes->changes();
  if (wishes_seen_ == changes) return;
  wishes_seen_ = changes;
  absl::flat_hash_set<uint64_t> here;
  for (const WishView& view : parts_.wishes->List()) {
    here.insert(view.record.id);
    v1::Wish wish = ToProto(view);
    if (!sent_wishes_.Change(view.record.id, wish.SerializeAsString())) continue;
    *look.message.add_wishes() = std::move(wish);
    look.found = true;
  }
  for (const uint64_t id : sent_wishes_.Retain(here)) {
    look.message.add_wishes_gone(id);
    look.found = true;
  }
}

}  // namespace arkshare
