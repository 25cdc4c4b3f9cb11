#include "lib/rpc/convert.h"

#include <absl/strings/str_cat.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "arkshare/v1/file.pb.h"
#include "arkshare/v1/types.pb.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

// The limit of google/protobuf/duration.proto.
constexpr int64_t kMostDurationSeconds = 315'576'000'000;

// The first and the last second of google/protobuf/timestamp.proto.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

// The largest possible file; below it, arithmetic on pieces cannot overflow.
constexpr uint64_t kMaxBookBytes = std::numeric_limits<int64_t>::max();

absl::Status WrongLength(absl::string_view field, size_t expected, size_t actual) {
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(field, " must be ", expected, " bytes, not ", actual));
}

}  // namespace

absl::StatusOr<ContentId> ToContent(const ContentFields& fields) {
  absl::StatusOr<Sha256Digest> root = DigestFromBytes(fields.root);
  if (!root.ok()) return WrongLength("content.root", 32, fields.root.size());
  if (fields.size > kMaxBookBytes) {
    return MakeError(Reason::kInvalidField, "content.size_bytes is larger than any file can be");
  }
  return ContentId{*root, fields.size};
}

absl::StatusOr<ContentId> FromProto(const v1::ContentId& proto) {
  return ToContent({proto.root(), proto.size_bytes()});
}

v1::ContentId ToProto(const ContentId& id) {
  v1::ContentId proto;
  proto.set_root(DigestBytes(id.root));
  proto.set_size_bytes(id.size);
  return proto;
}

absl::StatusOr<BookListing> ToListing(const ListingFields& fields) {
  if (fields.number == 0) {
    return MakeError(Reason::kInvalidField, "listing_number must be 1 or more");
  }
  absl::StatusOr<BookName> name = BookName::Parse(fields.name);
  if (!name.ok()) {
    std::string message(name.status().message());
    return MakeError(Reason::kInvalidName, message);
  }
  absl::StatusOr<ContentId> content = ToContent(fields.content);
  if (!content.ok()) return content.status();
  return BookListing{fields.number, *std::move(name), *content, fields.partial};
}

absl::StatusOr<BookListing> FromProto(const v1::Listing& proto) {
  return ToListing({proto.listing_number(),
                    proto.name(),
                    {proto.content().root(), proto.content().size_bytes()},
                    proto.partial()});
}

v1::Listing ToProto(const BookListing& listing) {
  v1::Listing proto;
  proto.set_listing_number(listing.number);
  proto.set_name(listing.name.value());
  *proto.mutable_content() = ToProto(listing.content);
  proto.set_partial(listing.partial);
  return proto;
}

absl::StatusOr<MoveTicket> FromProto(const v1::MoveTicket& proto) {
  MoveTicket ticket;
  absl::StatusOr<TransferId> transfer_id = TransferIdFromProto(proto.transfer_id());
  if (!transfer_id.ok()) return transfer_id.status();
  absl::StatusOr<PublicKey> source =
      KeyFromProto(proto.source_public_key(), "ticket.source_public_key");
  if (!source.ok()) return source.status();
  absl::StatusOr<PublicKey> receiver =
      KeyFromProto(proto.receiver_public_key(), "ticket.receiver_public_key");
  if (!receiver.ok()) return receiver.status();
  absl::StatusOr<ContentId> content = FromProto(proto.content());
  if (!content.ok()) return content.status();
  if (proto.source_listing_number() == 0) {
    return MakeError(Reason::kInvalidField, "ticket.source_listing_number must be 1 or more");
  }
  if (proto.batch_size() < 1 || proto.batch_size() > kMaxItems ||
      proto.batch_index() >= proto.batch_size()) {
    return MakeError(Reason::kInvalidField,
                     "ticket.batch_size must be 1 to 1,000, and ticket.batch_index less than it");
  }
  // A tree of 1,000 leaves is ten levels high.
  if (proto.batch_path_size() > 10) {
    return MakeError(Reason::kInvalidField, "ticket.batch_path must have at most 10 hashes");
  }
  for (const std::string& step : proto.batch_path()) {
    absl::StatusOr<Sha256Digest> digest = DigestFromBytes(step);
    if (!digest.ok()) return WrongLength("ticket.batch_path", 32, step.size());
    ticket.batch_path.push_back(*digest);
  }
  if (proto.signature().size() != kSignatureBytes) {
    return WrongLength("ticket.signature", kSignatureBytes, proto.signature().size());
  }
  ticket.body = {*transfer_id, *source, proto.source_listing_number(), *receiver, *content};
  ticket.batch_size = proto.batch_size();
  ticket.batch_index = proto.batch_index();
  ticket.signature = proto.signature();
  return ticket;
}

v1::MoveTicket ToProto(const MoveTicket& ticket) {
  v1::MoveTicket proto;
  proto.set_transfer_id(ticket.body.transfer_id.bytes());
  proto.set_source_public_key(ticket.body.source.bytes());
  proto.set_source_listing_number(ticket.body.source_listing);
  proto.set_receiver_public_key(ticket.body.receiver.bytes());
  *proto.mutable_content() = ToProto(ticket.body.content);
  proto.set_batch_size(ticket.batch_size);
  proto.set_batch_index(ticket.batch_index);
  for (const Sha256Digest& step : ticket.batch_path) proto.add_batch_path(DigestBytes(step));
  proto.set_signature(ticket.signature);
  return proto;
}

absl::StatusOr<ReleaseItem> FromProto(const v1::ReleaseRequest::Item& proto) {
  absl::StatusOr<TransferId> transfer_id = TransferIdFromProto(proto.transfer_id());
  if (!transfer_id.ok()) return transfer_id.status();
  if (proto.listing_number() == 0) {
    return MakeError(Reason::kInvalidField, "listing_number must be 1 or more");
  }
  absl::StatusOr<ContentId> content = FromProto(proto.content());
  if (!content.ok()) return content.status();
  return ReleaseItem{*transfer_id, proto.listing_number(), *content};
}

v1::ReleaseRequest::Item ToProto(const ReleaseItem& item) {
  v1::ReleaseRequest::Item proto;
  proto.set_transfer_id(item.transfer_id.bytes());
  proto.set_listing_number(item.listing);
  *proto.mutable_content() = ToProto(item.content);
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  const absl::Duration cut =
      std::clamp(duration, absl::ZeroDuration(), absl::Seconds(kMostDurationSeconds));
  google::protobuf::Duration proto;
  proto.set_seconds(absl::ToInt64Seconds(cut));
  proto.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(cut - absl::Seconds(proto.seconds()))));
  return proto;
}

absl::StatusOr<absl::Duration> DurationFromProto(const google::protobuf::Duration& proto,
                                                 absl::string_view field) {
  if (proto.seconds() < 0 || proto.seconds() > kMostDurationSeconds || proto.nanos() < 0 ||
      proto.nanos() >= 1'000'000'000) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat(field, " must be a google.protobuf.Duration of 0 or more"));
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

std::string LocalTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

absl::StatusOr<PublicKey> KeyFromProto(absl::string_view bytes, absl::string_view field) {
  absl::StatusOr<PublicKey> key = PublicKey::FromBytes(bytes);
  if (!key.ok()) {
    return MakeError(Reason::kInvalidField, absl::StrCat(field, ": ", key.status().message()));
  }
  return key;
}

absl::StatusOr<TransferId> TransferIdFromProto(absl::string_view bytes) {
  absl::StatusOr<TransferId> id = TransferId::FromBytes(bytes);
  if (!id.ok()) return WrongLength("transfer_id", 16, bytes.size());
  return id;
}

absl::StatusOr<int> PageSize(int32_t requested, int standard, int most) {
  if (requested < 0) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("page_size must be 0 to ", most, ", not ", requested));
  }
  return requested == 0 ? standard : std::min<int>(requested, most);
}

v1::FileAttributes ToProto(const FileAttributes& attributes) {
  v1::FileAttributes proto;
  const timespec time = absl::ToTimespec(attributes.modified);
  proto.mutable_modify_time()->set_seconds(
      std::clamp<int64_t>(time.tv_sec, kFirstSecond, kLastSecond));
  proto.mutable_modify_time()->set_nanos(static_cast<int32_t>(time.tv_nsec));
  proto.set_permissions(attributes.permissions);
  return proto;
}

std::optional<FileAttributes> FromProto(const v1::FileAttributes& proto) {
  const int64_t seconds = proto.modify_time().seconds();
  const int32_t nanos = proto.modify_time().nanos();
  if (!proto.has_modify_time() || seconds < kFirstSecond || seconds > kLastSecond || nanos < 0 ||
      nanos >= 1'000'000'000) {
    return std::nullopt;
  }
  return FileAttributes{absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos),
                        proto.permissions() & 0777U};
}

}  // namespace arkshare
