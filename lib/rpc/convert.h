// proto <-> core. Everything that comes in is checked here, once; the core types are the proof.
// All parsers return MakeError(kInvalidField | kInvalidName) that names the field.
#ifndef ARKSHARE_LIB_RPC_CONVERT_H_
#define ARKSHARE_LIB_RPC_CONVERT_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <google/protobuf/duration.pb.h>

#include "arkshare/v1/file.pb.h"
#include "arkshare/v1/types.pb.h"
#include "lib/core/book_listing.h"
#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/ticket.h"

namespace arkshare {

// The fields of the messages as they came, for those who read the wire by themselves.
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
// Check them as FromProto does, with the same errors.
absl::StatusOr<ContentId> ToContent(const ContentFields& fields);
absl::StatusOr<BookListing> ToListing(const ListingFields& fields);

absl::StatusOr<ContentId> FromProto(const v1::ContentId& proto);
v1::ContentId ToProto(const ContentId& id);

absl::StatusOr<BookListing> FromProto(const v1::Listing& proto);
v1::Listing ToProto(const BookListing& listing);

absl::StatusOr<MoveTicket> FromProto(const v1::MoveTicket& proto);
v1::MoveTicket ToProto(const MoveTicket& ticket);

absl::StatusOr<ReleaseItem> FromProto(const v1::ReleaseRequest::Item& proto);
v1::ReleaseRequest::Item ToProto(const ReleaseItem& item);

// A duration that is not negative; what is beyond the 10,000 years of a proto one is cut there.
google::protobuf::Duration ToProto(absl::Duration duration);
// `field` names the field in the error.
absl::StatusOr<absl::Duration> DurationFromProto(const google::protobuf::Duration& proto,
                                                 absl::string_view field);

// `field` names the field in the error.
absl::StatusOr<PublicKey> KeyFromProto(absl::string_view bytes, absl::string_view field);
absl::StatusOr<TransferId> TransferIdFromProto(absl::string_view bytes);

// A page size within 1 to `most`; `standard` for 0. kInvalidField for a negative one.
absl::StatusOr<int> PageSize(int32_t requested, int standard, int most);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CONVERT_H_
