// Converts protos to core types and back. FromProto checks every field once; the core type is the
// proof. All parsers return kInvalidField or kInvalidName with a message that names the field.
#ifndef ARKSHARE_LIB_RPC_CONVERT_H_
#define ARKSHARE_LIB_RPC_CONVERT_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lib/core/book_listing.h"
#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/file_attributes.h"
#include "lib/core/ticket.h"

// Declared only: protobuf's headers would cost each includer seconds of build time.
namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf
namespace arkshare::v1 {
class ContentId;
class FileAttributes;
class Listing;
class MoveTicket;
class ReleaseRequest_Item;  // v1::ReleaseRequest::Item
}  // namespace arkshare::v1

namespace arkshare {

// The unchecked fields of a message, for code that parses the wire format without protobuf.
struct ContentFields {
  absl::string_view root;
  uint64_t size = 0;
};
struct ListingFields {
  uint64_t number = 0;
  absl::string_view name;
  ContentFields content;
  bool partial = false;
};
// Check the fields, with the same errors as FromProto.
absl::StatusOr<ContentId> ToContent(const ContentFields& fields);
absl::StatusOr<BookListing> ToListing(const ListingFields& fields);

absl::StatusOr<ContentId> FromProto(const v1::ContentId& proto);
v1::ContentId ToProto(const ContentId& id);

absl::StatusOr<BookListing> FromProto(const v1::Listing& proto);
v1::Listing ToProto(const BookListing& listing);

absl::StatusOr<MoveTicket> FromProto(const v1::MoveTicket& proto);
v1::MoveTicket ToProto(const MoveTicket& ticket);

absl::StatusOr<ReleaseItem> FromProto(const v1::ReleaseRequest_Item& proto);
v1::ReleaseRequest_Item ToProto(const ReleaseItem& item);

// Clamps `duration` to 0 to 10,000 years, the maximum of the proto.
google::protobuf::Duration ToProto(absl::Duration duration);
// Parses a duration of 0 or more. `field` names the field in the error.
absl::StatusOr<absl::Duration> DurationFromProto(const google::protobuf::Duration& proto,
                                                 absl::string_view field);

// Returns a time for people: "2024-05-17 12:00:03" in local time; "" for none.
std::string LocalTime(const google::protobuf::Timestamp& time);

// Parses a key by the rules of PublicKey::FromBytes. `field` names the field in the error.
absl::StatusOr<PublicKey> KeyFromProto(absl::string_view bytes, absl::string_view field);
absl::StatusOr<TransferId> TransferIdFromProto(absl::string_view bytes);

// Returns the page size to use, 1 to `most`: `standard` for 0. kInvalidField when negative.
absl::StatusOr<int> PageSize(int32_t requested, int standard, int most);

v1::FileAttributes ToProto(const FileAttributes& attributes);
// nullopt when the time is unset or no time of the proto.
std::optional<FileAttributes> FromProto(const v1::FileAttributes& proto);
// The attributes in a message that may have some.
template <typename Message>
std::optional<FileAttributes> AttributesIn(const Message& message) {
  if (!message.has_attributes()) return std::nullopt;
  return FromProto(message.attributes());
}

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONVERT_H_
