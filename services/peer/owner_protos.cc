#include "services/peer/owner_protos.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

v1::TransferState ToProto(TransferView::State state) {
  switch (state) {
    case TransferView::State::kQueued:
      return v1::TRANSFER_STATE_QUEUED;
    case TransferView::State::kFetching:
      return v1::TRANSFER_STATE_FETCHING;
    case TransferView::State::kHandingOver:
      return v1::TRANSFER_STATE_HANDING_OVER;
    case TransferView::State::kDone:
      return v1::TRANSFER_STATE_DONE;
    case TransferView::State::kFailed:
      return v1::TRANSFER_STATE_FAILED;
  }
  return v1::TRANSFER_STATE_UNSPECIFIED;
}

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(time));
}

v1::Transfer ToProto(const TransferView& view) {
  v1::Transfer proto;
  proto.set_transfer_id(view.record.id.bytes());
  proto.set_name(view.record.name.value());
  *proto.mutable_content() = ToProto(view.record.content);
  proto.set_state(ToProto(view.state));
  proto.set_bytes_done(view.bytes_done);
  proto.set_bytes_per_second(view.bytes_per_second);
  proto.set_queue_position(static_cast<uint32_t>(view.queue_position));
  if (view.estimated_wait) {
    *proto.mutable_estimated_wait() = arkshare::ToProto(*view.estimated_wait);
  }
  proto.set_from_peer_id(view.from_peer_id);
  proto.set_source_public_key(view.record.source.bytes());
  proto.set_moving(view.record.move);
  proto.set_message(view.message);
  proto.set_waits_for_place(view.waits_for_place);
  if (!view.error.ok()) *proto.mutable_error() = ToItemError(view.error);
  *proto.mutable_start_time() = ToProto(view.start);
  if (view.end != absl::Time()) *proto.mutable_end_time() = ToProto(view.end);
  for (const auto& [key, brought] : view.brought) {
    v1::Contribution& contribution = *proto.add_contributions();
    contribution.set_peer_id(brought.peer_id);
    contribution.set_bytes(brought.bytes);
    contribution.set_public_key(key.bytes());
    contribution.set_relayed(brought.relayed);
  }
  std::stable_sort(proto.mutable_contributions()->begin(), proto.mutable_contributions()->end(),
                   [](const auto& a, const auto& b) { return a.bytes() > b.bytes(); });
  return proto;
}

v1::LibraryEntry ToProto(const LibraryItem& item) {
  v1::LibraryEntry proto;
  absl::StatusOr<BookName> name = BookName::Parse(item.path);
  proto.set_name(name.ok() ? name->value() : EscapeForDisplay(item.path));
  proto.set_size_bytes(item.size);
  proto.set_unshared_reason(item.unshared_reason);
  if (item.book) {
    *proto.mutable_listing() = ToProto(item.book->listing());
    const std::string reason = WhyOnlyLent(*item.book);
    proto.set_lend_only(!reason.empty());
    proto.set_lend_only_reason(reason);
    proto.set_trouble(item.book->trouble);
  }
  return proto;
}

absl::StatusOr<FetchWish> FromProto(const v1::FetchRequest& request) {
  FetchWish wish;
  if (!request.name().empty()) {
    absl::StatusOr<BookName> name = BookName::Parse(request.name());
    if (!name.ok()) return name.status();
    wish.name = *std::move(name);
  }
  if (request.has_content()) {
    absl::StatusOr<ContentId> content = FromProto(request.content());
    if (!content.ok()) return content.status();
    wish.content = *content;
  }
  if (!request.save_as().empty()) {
    absl::StatusOr<BookName> name = BookName::Parse(request.save_as());
    if (!name.ok()) return name.status();
    wish.save_as = *std::move(name);
  }
  wish.from_peer_id = request.from_peer_id();
  wish.copy_only = request.copy_only();
  wish.listing = request.listing_number();
  if (wish.listing != 0 && (!wish.name || !wish.content || wish.from_peer_id == 0)) {
    return MakeError(Reason::kInvalidField,
                     "listing_number needs name, content and from_peer_id as well");
  }
  return wish;
}

v1::Transfer RefusedWish(const v1::FetchRequest& wish, const absl::Status& why) {
  v1::Transfer proto;
  proto.set_name(wish.save_as().empty() ? wish.name() : wish.save_as());
  if (wish.has_content()) *proto.mutable_content() = wish.content();
  proto.set_state(v1::TRANSFER_STATE_FAILED);
  proto.set_from_peer_id(wish.from_peer_id());
  proto.set_message(std::string(why.message()));
  *proto.mutable_error() = ToItemError(why);
  return proto;
}

}  // namespace arkshare
