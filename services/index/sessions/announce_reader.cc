#include "services/index/sessions/announce_reader.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "arkshare/v1/index.pb.h"
#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"
#include "services/index/sessions/wire_reader.h"

namespace arkshare {
namespace {

// The content by itself takes more.
constexpr size_t kLeastStatementBytes = 32;

// The fields of a statement, unchecked. As in protobuf, a message that is repeated is merged, and
// the last value of a repeated field counts.
struct RawStatement {
  v1::Statement::StatementCase what = v1::Statement::STATEMENT_NOT_SET;
  ListingFields listing;
  uint64_t gone = 0;
};

// Each returns false when the bytes are malformed.
bool Read(absl::string_view bytes, ContentFields& to) {
  WireReader in(bytes);
  while (in.Next()) {
    if (in.IsBytes(v1::ContentId::kRootFieldNumber)) to.root = in.bytes();
    if (in.IsNumber(v1::ContentId::kSizeBytesFieldNumber)) to.size = in.number();
  }
  return in.ok();
}

bool Read(absl::string_view bytes, ListingFields& to) {
  WireReader in(bytes);
  while (in.Next()) {
    if (in.IsNumber(v1::Listing::kListingNumberFieldNumber)) to.number = in.number();
    if (in.IsBytes(v1::Listing::kNameFieldNumber)) to.name = in.bytes();
    if (in.IsBytes(v1::Listing::kContentFieldNumber) && !Read(in.bytes(), to.content)) return false;
    if (in.IsNumber(v1::Listing::kPartialFieldNumber)) to.partial = in.number() != 0;
  }
  return in.ok();
}

bool Read(absl::string_view bytes, RawStatement& to) {
  WireReader in(bytes);
  while (in.Next()) {
    if (in.IsBytes(v1::Statement::kPresentFieldNumber)) {
      if (std::exchange(to.what, v1::Statement::kPresent) != v1::Statement::kPresent) {
        to.listing = {};
      }
      if (!Read(in.bytes(), to.listing)) return false;
    } else if (in.IsNumber(v1::Statement::kGoneListingNumberFieldNumber)) {
      to.what = v1::Statement::kGoneListingNumber;
      to.gone = in.number();
    }
  }
  return in.ok();
}

absl::StatusOr<StatementRecord> ToRecord(const RawStatement& raw) {
  switch (raw.what) {
    case v1::Statement::kPresent: {
      absl::StatusOr<BookListing> listing = ToListing(raw.listing);
      if (!listing.ok()) return listing.status();
      return StatementRecord::Present(*std::move(listing));
    }
    case v1::Statement::kGoneListingNumber:
      if (raw.gone == 0) {
        return MakeError(Reason::kInvalidField, "gone_listing_number must be 1 or more");
      }
      return StatementRecord::Gone(raw.gone);
    case v1::Statement::STATEMENT_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidField, "a statement must be present or gone");
}

}  // namespace

absl::StatusOr<AnnounceMessage> ReadAnnouncement(absl::string_view bytes) {
  AnnounceMessage read;
  read.statements.reserve(std::min(bytes.size() / kLeastStatementBytes, size_t{kMaxItems}));
  size_t count = 0;
  absl::Status objection;  // to the first invalid statement; the rest is only parsed
  WireReader in(bytes);
  while (in.Next()) {
    if (in.IsBytes(v1::AnnounceRequest::kStatementsFieldNumber)) {
      RawStatement raw;
      if (!Read(in.bytes(), raw)) return absl::DataLossError("a statement is malformed");
      if (++count > kMaxItems || !objection.ok()) continue;
      absl::StatusOr<StatementRecord> statement = ToRecord(raw);
      if (statement.ok()) {
        read.statements.push_back(*std::move(statement));
      } else {
        objection = statement.status();
      }
    } else if (in.IsBytes(v1::AnnounceRequest::kSilentPublicKeysFieldNumber)) {
      if (read.silent.size() >= size_t{kMaxSilentPeers}) continue;
      const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(in.bytes());
      if (key.ok()) read.silent.push_back(*key);
    } else if (in.IsNumber(v1::AnnounceRequest::kFirstSequenceFieldNumber)) {
      read.first_sequence = in.number();
    } else if (in.IsNumber(v1::AnnounceRequest::kSnapshotCompleteFieldNumber)) {
      read.snapshot_complete = in.number() != 0;
    } else if (in.IsNumber(v1::AnnounceRequest::kFreeSlotsFieldNumber)) {
      read.free_slots = static_cast<uint32_t>(in.number());
    } else if (in.IsNumber(v1::AnnounceRequest::kUploadLimitFieldNumber)) {
      read.upload_limit = in.number();
    } else if (in.IsNumber(v1::AnnounceRequest::kMembersVersionFieldNumber)) {
      read.members_version = in.number();
    } else if (in.IsBytes(v1::AnnounceRequest::kMembersDigestFieldNumber)) {
      read.members_digest = std::string(in.bytes());
    } else if (in.IsBytes(v1::AnnounceRequest::kMembersSignatureFieldNumber)) {
      read.members_signature = std::string(in.bytes());
    } else if (in.IsBytes(v1::AnnounceRequest::kLocalAddressFieldNumber)) {
      read.local_address = std::string(in.bytes());
    }
  }
  if (!in.ok()) return absl::DataLossError("the message is malformed");
  if (count > kMaxItems) {
    return MakeError(
        Reason::kInvalidField,
        absl::StrCat("at most ", kMaxItems, " statements fit in a message, not ", count));
  }
  if (!read.local_address.empty() && !IsPrivateAddress(read.local_address)) {
    return MakeError(Reason::kInvalidField,
                     "local_address must be IP:PORT with a private address, such as "
                     "192.168.1.5:4000");
  }
  if (!objection.ok()) {
    return MakeError(GetReason(objection),
                     absl::StrCat("statement ", read.first_sequence + read.statements.size(), ": ",
                                  objection.message()));
  }
  return read;
}

}  // namespace arkshare
