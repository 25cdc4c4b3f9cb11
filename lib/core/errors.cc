#include "lib/core/errors.h"

#include <absl/strings/cord.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace arkshare {
namespace {

struct ReasonRow {
  Reason reason;
  absl::string_view name;
  absl::StatusCode code;
};

// In the order of the enum: a reason is the index of its row.
constexpr ReasonRow kReasons[] = {
    {Reason::kUnspecified, "", absl::StatusCode::kUnknown},
    {Reason::kInvalidField, "INVALID_FIELD", absl::StatusCode::kInvalidArgument},
    {Reason::kInvalidName, "INVALID_NAME", absl::StatusCode::kInvalidArgument},
    {Reason::kQueryEmpty, "QUERY_EMPTY", absl::StatusCode::kInvalidArgument},
    {Reason::kPageTokenInvalid, "PAGE_TOKEN_INVALID", absl::StatusCode::kInvalidArgument},
    {Reason::kAddressNotAllowed, "ADDRESS_NOT_ALLOWED", absl::StatusCode::kInvalidArgument},
    {Reason::kSessionUnknown, "SESSION_UNKNOWN", absl::StatusCode::kUnauthenticated},
    {Reason::kSignInNeeded, "SIGN_IN_NEEDED", absl::StatusCode::kUnauthenticated},
    {Reason::kSignatureInvalid, "SIGNATURE_INVALID", absl::StatusCode::kPermissionDenied},
    {Reason::kTicketInvalid, "TICKET_INVALID", absl::StatusCode::kPermissionDenied},
    {Reason::kRegistrationUnknown, "REGISTRATION_UNKNOWN", absl::StatusCode::kPermissionDenied},
    {Reason::kNotAMember, "NOT_A_MEMBER", absl::StatusCode::kPermissionDenied},
    {Reason::kRoleForbids, "ROLE_FORBIDS", absl::StatusCode::kPermissionDenied},
    {Reason::kInvitationUsed, "INVITATION_USED", absl::StatusCode::kPermissionDenied},
    {Reason::kInvitationExpired, "INVITATION_EXPIRED", absl::StatusCode::kPermissionDenied},
    {Reason::kWrongKey, "WRONG_KEY", absl::StatusCode::kPermissionDenied},
    {Reason::kPageCodeInvalid, "PAGE_CODE_INVALID", absl::StatusCode::kPermissionDenied},
    {Reason::kNotFromAPage, "NOT_FROM_A_PAGE", absl::StatusCode::kPermissionDenied},
    {Reason::kBookGone, "BOOK_GONE", absl::StatusCode::kNotFound},
    {Reason::kBookNotFound, "BOOK_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kPeerUnknown, "PEER_UNKNOWN", absl::StatusCode::kNotFound},
    {Reason::kTransferUnknown, "TRANSFER_UNKNOWN", absl::StatusCode::kNotFound},
    {Reason::kFileNotFound, "FILE_NOT_FOUND", absl::StatusCode::kNotFound},
    {Reason::kInvitationUnknown, "INVITATION_UNKNOWN", absl::StatusCode::kNotFound},
    {Reason::kMemberUnknown, "MEMBER_UNKNOWN", absl::StatusCode::kNotFound},
    {Reason::kWishUnknown, "WISH_UNKNOWN", absl::StatusCode::kNotFound},
    {Reason::kAlreadyInLibrary, "ALREADY_IN_LIBRARY", absl::StatusCode::kAlreadyExists},
    {Reason::kNameTaken, "NAME_TAKEN", absl::StatusCode::kAlreadyExists},
    {Reason::kKeyInUse, "KEY_IN_USE", absl::StatusCode::kAlreadyExists},
    {Reason::kTransferConflict, "TRANSFER_CONFLICT", absl::StatusCode::kAlreadyExists},
    {Reason::kBookMoved, "BOOK_MOVED", absl::StatusCode::kFailedPrecondition},
    {Reason::kBookChanged, "BOOK_CHANGED", absl::StatusCode::kFailedPrecondition},
    {Reason::kNotForTaking, "NOT_FOR_TAKING", absl::StatusCode::kFailedPrecondition},
    {Reason::kAmbiguousName, "AMBIGUOUS_NAME", absl::StatusCode::kFailedPrecondition},
    {Reason::kSequenceGap, "SEQUENCE_GAP", absl::StatusCode::kFailedPrecondition},
    {Reason::kPieceNotHere, "PIECE_NOT_HERE", absl::StatusCode::kFailedPrecondition},
    {Reason::kTransferNotWaiting, "TRANSFER_NOT_WAITING", absl::StatusCode::kFailedPrecondition},
    {Reason::kTransferNotEndable, "TRANSFER_NOT_ENDABLE", absl::StatusCode::kFailedPrecondition},
    {Reason::kPlaceUnusable, "PLACE_UNUSABLE", absl::StatusCode::kFailedPrecondition},
    {Reason::kGroupUnknown, "GROUP_UNKNOWN", absl::StatusCode::kFailedPrecondition},
    {Reason::kMembersOutdated, "MEMBERS_OUTDATED", absl::StatusCode::kFailedPrecondition},
    {Reason::kSessionSuperseded, "SESSION_SUPERSEDED", absl::StatusCode::kAborted},
    {Reason::kStreamReplaced, "STREAM_REPLACED", absl::StatusCode::kAborted},
    {Reason::kTransferCancelled, "TRANSFER_CANCELLED", absl::StatusCode::kAborted},
    {Reason::kOffsetOutOfRange, "OFFSET_OUT_OF_RANGE", absl::StatusCode::kOutOfRange},
    {Reason::kQueueFull, "QUEUE_FULL", absl::StatusCode::kResourceExhausted},
    {Reason::kWatchLagged, "WATCH_LAGGED", absl::StatusCode::kResourceExhausted},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", absl::StatusCode::kResourceExhausted},
    {Reason::kDiskFull, "DISK_FULL", absl::StatusCode::kResourceExhausted},
    {Reason::kStoreFull, "STORE_FULL", absl::StatusCode::kResourceExhausted},
    {Reason::kStreamStalled, "STREAM_STALLED", absl::StatusCode::kDeadlineExceeded},
    {Reason::kBookUnsettled, "BOOK_UNSETTLED", absl::StatusCode::kUnavailable},
    {Reason::kNoHolderReachable, "NO_HOLDER_REACHABLE", absl::StatusCode::kUnavailable},
    {Reason::kIndexUnreachable, "INDEX_UNREACHABLE", absl::StatusCode::kUnavailable},
    {Reason::kPeerUnreachable, "PEER_UNREACHABLE", absl::StatusCode::kUnavailable},
    {Reason::kHandshakeRefused, "HANDSHAKE_REFUSED", absl::StatusCode::kUnavailable},
    {Reason::kShuttingDown, "SHUTTING_DOWN", absl::StatusCode::kUnavailable},
    {Reason::kStoreUnreachable, "STORE_UNREACHABLE", absl::StatusCode::kUnavailable},
    {Reason::kIndexBehind, "INDEX_BEHIND", absl::StatusCode::kUnavailable},
    {Reason::kContentMismatch, "CONTENT_MISMATCH", absl::StatusCode::kDataLoss},
    {Reason::kAnswerInvalid, "ANSWER_INVALID", absl::StatusCode::kInternal},
    {Reason::kInternal, "INTERNAL", absl::StatusCode::kInternal},
};

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (static_cast<size_t>(kReasons[i].reason) != i) return false;
  }
  return std::size(kReasons) == static_cast<size_t>(Reason::kInternal) + 1;
}
static_assert(InOrder(), "kReasons must list every Reason in the order of the enum");

constexpr absl::string_view kReasonUrl = "type.googleapis.com/arkshare.Reason";
constexpr absl::string_view kMetadataUrl = "type.googleapis.com/arkshare.Metadata";
constexpr absl::string_view kRetryAfterUrl = "type.googleapis.com/arkshare.RetryAfter";

const ReasonRow& Row(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

// Encodes each string as "LENGTH:BYTES", so that it can contain any bytes.
void AppendString(std::string& out, absl::string_view text) {
  absl::StrAppend(&out, text.size(), ":", text);
}

// Removes the next string from the front of `in`; nullopt when there is none.
std::optional<std::string> TakeString(absl::string_view& in) {
  const size_t colon = in.find(':');
  uint64_t length = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(in.substr(0, colon), &length) ||
      length > in.size() - colon - 1) {
    return std::nullopt;
  }
  std::string text(in.substr(colon + 1, length));
  in.remove_prefix(colon + 1 + length);
  return text;
}

std::optional<std::string> Payload(const absl::Status& status, absl::string_view url) {
  std::optional<std::string> text;
  if (const absl::optional<absl::Cord> payload = status.GetPayload(url)) {
    text = std::string(*payload);
  }
  return text;
}

}  // namespace

absl::Span<const Reason> AllReasons() {
  static const auto* const reasons = [] {
    auto* all = new std::vector<Reason>;
    for (const ReasonRow& row : kReasons) {
      if (row.reason != Reason::kUnspecified) all->push_back(row.reason);
    }
    return all;
  }();
  return *reasons;
}

absl::string_view ReasonName(Reason reason) { return Row(reason).name; }

Reason ReasonFromName(absl::string_view name) {
  for (const ReasonRow& row : kReasons) {
    if (row.name == name) return row.reason;
  }
  return Reason::kUnspecified;
}

absl::StatusCode ReasonCode(Reason reason) { return Row(reason).code; }

bool IsFinalRefusal(Reason reason) {
  switch (reason) {
    case Reason::kBookMoved:
    case Reason::kNotForTaking:
    case Reason::kBookChanged:
    case Reason::kBookGone:
      return true;
    default:
      return false;
  }
}

absl::Status MakeError(Reason reason, absl::string_view message, ErrorMetadata metadata,
                       std::optional<absl::Duration> retry_after) {
  absl::Status status(ReasonCode(reason), message);
  if (reason != Reason::kUnspecified) {
    status.SetPayload(kReasonUrl, absl::Cord(ReasonName(reason)));
  }
  if (!metadata.empty()) {
    std::string encoded;
    for (const auto& [key, value] : metadata) {
      AppendString(encoded, key);
      AppendString(encoded, value);
    }
    status.SetPayload(kMetadataUrl, absl::Cord(std::move(encoded)));
  }
  if (retry_after.has_value()) {
    status.SetPayload(kRetryAfterUrl, absl::Cord(absl::FormatDuration(*retry_after)));
  }
  return status;
}

Reason GetReason(const absl::Status& status) {
  const std::optional<std::string> name = Payload(status, kReasonUrl);
  return name.has_value() ? ReasonFromName(*name) : Reason::kUnspecified;
}

ErrorMetadata GetErrorMetadata(const absl::Status& status) {
  const std::optional<std::string> encoded = Payload(status, kMetadataUrl);
  ErrorMetadata metadata;
  if (!encoded.has_value()) return metadata;
  absl::string_view rest = *encoded;
  while (!rest.empty()) {
    const std::optional<std::string> key = TakeString(rest);
    const std::optional<std::string> value = TakeString(rest);
    if (!key.has_value() || !value.has_value()) break;
    metadata[*key] = *value;
  }
  return metadata;
}

std::optional<absl::Duration> GetRetryAfter(const absl::Status& status) {
  const std::optional<std::string> text = Payload(status, kRetryAfterUrl);
  absl::Duration retry_after;
  if (!text.has_value() || !absl::ParseDuration(*text, &retry_after)) return std::nullopt;
  return retry_after;
}

}  // namespace arkshare
