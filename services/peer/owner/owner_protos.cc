#include "services/peer/owner/owner_protos.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/caller_shares.h"
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

v1::UploadState ToProto(UploadQueue::View::State state) {
  switch (state) {
    case UploadQueue::View::State::kWaiting:
      return v1::UPLOAD_STATE_WAITING;
    case UploadQueue::View::State::kRunning:
      return v1::UPLOAD_STATE_RUNNING;
    case UploadQueue::View::State::kParked:
      return v1::UPLOAD_STATE_PARKED;
  }
  return v1::UPLOAD_STATE_UNSPECIFIED;
}

v1::WishAction ToProto(WishRecord::Action action) {
  switch (action) {
    case WishRecord::Action::kTell:
      return v1::WISH_ACTION_TELL;
    case WishRecord::Action::kCopy:
      return v1::WISH_ACTION_COPY;
    case WishRecord::Action::kAny:
      return v1::WISH_ACTION_ANY;
  }
  return v1::WISH_ACTION_UNSPECIFIED;
}

v1::HistoryKind ToProto(HistoryRecord::Kind kind) {
  switch (kind) {
    case HistoryRecord::Kind::kReceived:
      return v1::HISTORY_KIND_RECEIVED;
    case HistoryRecord::Kind::kCopied:
      return v1::HISTORY_KIND_COPIED;
    case HistoryRecord::Kind::kGiven:
      return v1::HISTORY_KIND_GIVEN;
    case HistoryRecord::Kind::kRestored:
      return v1::HISTORY_KIND_RESTORED;
  }
  return v1::HISTORY_KIND_UNSPECIFIED;
}

// The longest keywords of a wish, in bytes.
constexpr size_t kMaxWishBytes = 1024;

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
    contribution.set_called_back(brought.called_back);
  }
  std::stable_sort(proto.mutable_contributions()->begin(), proto.mutable_contributions()->end(),
                   [](const auto& a, const auto& b) { return a.bytes() > b.bytes(); });
  return proto;
}

v1::LibraryEntry ToProto(const LibraryItem& item) {
  v1::LibraryEntry proto;
  absl::StatusOr<BookName> name = BookName::Parse(item.path);
  proto.set_name(name.ok() ? name->value() : EscapeForDisplay(item.path));
  proto.set_path(item.path);
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

v1::Upload ToProto(const UploadQueue::View& view) {
  v1::Upload proto;
  proto.set_upload_id(view.stream);
  proto.set_state(ToProto(view.state));
  proto.set_name(view.subject.name);
  *proto.mutable_content() = ToProto(view.subject.content);
  proto.set_book_count(view.subject.books);
  proto.set_range_offset(view.subject.offset);
  proto.set_range_length(view.bytes);
  proto.set_bytes_sent(view.bytes_sent);
  proto.set_bytes_per_second(static_cast<uint64_t>(view.bytes_per_second));
  proto.set_queue_position(static_cast<uint32_t>(view.position));
  proto.set_receiver_address(AddressOfCaller(view.flow));
  if (view.subject.receiver) proto.set_receiver_public_key(view.subject.receiver->bytes());
  *proto.mutable_start_time() = ToProto(view.start);
  return proto;
}

v1::LimboEntry ToProto(const ReleaseRecord& record, const std::string& name) {
  v1::LimboEntry proto;
  proto.set_transfer_id(record.item.transfer_id.bytes());
  proto.set_name(name);
  *proto.mutable_content() = ToProto(record.item.content);
  proto.set_receiver_public_key(record.receiver.bytes());
  *proto.mutable_release_time() = ToProto(record.time);
  return proto;
}

v1::Wish ToProto(const WishView& view) {
  v1::Wish proto;
  const WishRecord& record = view.record;
  proto.set_wish_id(record.id);
  if (const auto* name = std::get_if<BookName>(&record.query)) {
    proto.set_name(name->value());
  } else if (const auto* content = std::get_if<ContentId>(&record.query)) {
    *proto.mutable_content() = ToProto(*content);
  } else {
    proto.set_keywords(std::get<WishKeywords>(record.query).text);
  }
  proto.set_action(ToProto(record.action));
  proto.set_fetch_limit(record.fetch_limit);
  *proto.mutable_add_time() = ToProto(record.time);
  proto.set_found_count(static_cast<uint32_t>(view.found_count));
  proto.set_fetched_count(static_cast<uint32_t>(view.fetched_count));
  for (const WishFind& find : record.finds) {
    v1::Wish::Found* const found = proto.add_found();
    found->set_name(find.name.value());
    *found->mutable_content() = ToProto(find.content);
    found->set_peer_id(find.peer_id);
    *found->mutable_time() = ToProto(find.time);
    found->set_fetched(find.fetched);
  }
  if (!view.error.ok()) *proto.mutable_last_error() = ToItemError(view.error);
  proto.set_watched(view.watched);
  return proto;
}

v1::HistoryEntry ToProto(const HistoryRecord& record) {
  v1::HistoryEntry proto;
  proto.set_kind(ToProto(record.kind));
  proto.set_transfer_id(record.place.id.bytes());
  proto.set_name(record.name);
  *proto.mutable_content() = ToProto(record.content);
  proto.set_public_key(record.other.bytes());
  if (record.place.time != absl::UnixEpoch()) *proto.mutable_time() = ToProto(record.place.time);
  return proto;
}

absl::StatusOr<WishRecord> FromProto(const v1::AddWishRequest& request) {
  WishRecord wish;
  switch (request.query_case()) {
    case v1::AddWishRequest::kName: {
      absl::StatusOr<BookName> name = BookName::Parse(request.name());
      if (!name.ok()) return name.status();
      wish.query = *std::move(name);
      break;
    }
    case v1::AddWishRequest::kKeywords:
      if (request.keywords().size() > kMaxWishBytes) {
        return MakeError(Reason::kInvalidField,
                         absl::StrCat("give at most ", kMaxWishBytes, " bytes of words"));
      }
      wish.query = WishKeywords{request.keywords()};
      break;
    case v1::AddWishRequest::kContent: {
      absl::StatusOr<ContentId> content = FromProto(request.content());
      if (!content.ok()) return content.status();
      wish.query = *content;
      break;
    }
    case v1::AddWishRequest::QUERY_NOT_SET:
      return MakeError(Reason::kQueryEmpty, "wish for a name, keywords or a content");
  }
  switch (request.action()) {
    case v1::WISH_ACTION_COPY:
      wish.action = WishRecord::Action::kCopy;
      break;
    case v1::WISH_ACTION_ANY:
      wish.action = WishRecord::Action::kAny;
      break;
    default:
      wish.action = WishRecord::Action::kTell;
      break;
  }
  if (request.fetch_limit() > kMaxItems) {
    return MakeError(Reason::kInvalidField, absl::StrCat("fetch_limit is at most ", kMaxItems));
  }
  wish.fetch_limit = std::max<uint32_t>(request.fetch_limit(), 1);
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
