// Every error that arkshare's programs return to each other: its reason, and the status code, which
// tells the caller what to do next. docs/protocol.md has the same table; a test compares the two.
#ifndef ARKSHARE_LIB_CORE_ERRORS_H_
#define ARKSHARE_LIB_CORE_ERRORS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <map>
#include <optional>
#include <string>

namespace arkshare {

// On the wire, kBookMoved is "BOOK_MOVED" (see ReasonName).
enum class Reason {
  kUnspecified,
  // INVALID_ARGUMENT: correct the request.
  kInvalidField,
  kInvalidName,
  kQueryEmpty,
  kPageTokenInvalid,
  kAddressNotAllowed,
  // UNAUTHENTICATED: register again after a random delay.
  kSessionUnknown,
  // UNAUTHENTICATED, at the web page only: sign in again.
  kSignInNeeded,
  // PERMISSION_DENIED: never repeat it.
  kSignatureInvalid,
  kTicketInvalid,
  kRegistrationUnknown,
  kNotAMember,
  kRoleForbids,
  kInvitationUsed,
  kInvitationExpired,
  kWrongKey,
  kPageCodeInvalid,
  kNotFromAPage,
  // NOT_FOUND: look elsewhere.
  kBookGone,
  kBookNotFound,
  kPeerUnknown,
  kTransferUnknown,
  kFileNotFound,
  kInvitationUnknown,
  kMemberUnknown,
  kWishUnknown,
  // ALREADY_EXISTS: the book is there, or the name or key is taken.
  kAlreadyInLibrary,
  kNameTaken,
  kKeyInUse,
  kTransferConflict,
  // FAILED_PRECONDITION: the state has changed; search again, or make the request more precise.
  kBookMoved,
  kBookChanged,
  kNotForTaking,
  kAmbiguousName,
  kSequenceGap,
  kPieceNotHere,
  kTransferNotWaiting,
  kTransferNotEndable,
  kPlaceUnusable,
  kGroupUnknown,
  kMembersOutdated,
  // ABORTED: a newer session or stream has replaced this one, or the owner has ended it; stop.
  kSessionSuperseded,
  kStreamReplaced,
  kTransferCancelled,
  // OUT_OF_RANGE: correct the offset.
  kOffsetOutOfRange,
  // RESOURCE_EXHAUSTED: wait (RetryInfo), or free some space.
  kQueueFull,
  kWatchLagged,
  kLimitExceeded,
  kDiskFull,
  kStoreFull,
  // DEADLINE_EXCEEDED: the stream made no progress; call again.
  kStreamStalled,
  // UNAVAILABLE: try again in a moment.
  kBookUnsettled,
  kNoHolderReachable,
  kIndexUnreachable,
  kPeerUnreachable,
  kHandshakeRefused,
  kShuttingDown,
  kStoreUnreachable,
  kIndexBehind,
  // DATA_LOSS: the received bytes are not the requested content.
  kContentMismatch,
  // INTERNAL: the other program breaks the contract, or the machine failed (a disk error, for
  // example); see the log.
  kAnswerInvalid,
  kInternal,
};

// All reasons except kUnspecified, in the order above.
absl::Span<const Reason> AllReasons();
// "BOOK_MOVED"; "" for kUnspecified.
absl::string_view ReasonName(Reason reason);
// kUnspecified for a name that is not in the table.
Reason ReasonFromName(absl::string_view name);
// Returns the status code of a reason.
absl::StatusCode ReasonCode(Reason reason);

// True when a source that refuses a Release for this reason never grants it later: it records the
// refusal before it answers, and the transfer ends. See FileService.Release in file.proto.
bool IsFinalRefusal(Reason reason);

// The details of an error (ErrorInfo.metadata). Keys are lower_snake: google.rpc reserves
// lowerCamelCase.
using ErrorMetadata = std::map<std::string, std::string>;

// Makes a status with the code of the reason, and with the reason, `metadata` and `retry_after` as
// payloads. `message` is for people: what is wrong; what to do, in the imperative.
absl::Status MakeError(Reason reason, absl::string_view message, ErrorMetadata metadata = {},
                       std::optional<absl::Duration> retry_after = std::nullopt);

// Return what MakeError stored; kUnspecified, empty and nullopt for a status of another origin.
Reason GetReason(const absl::Status& status);
ErrorMetadata GetErrorMetadata(const absl::Status& status);
std::optional<absl::Duration> GetRetryAfter(const absl::Status& status);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_ERRORS_H_
