// Every error that arkshare's programs give each other: its reason, and the status code that says
// what to do next. The same table stands in README.md; a test keeps the two alike.
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

// kName goes over the wire as "NAME" in UPPER_SNAKE (see ReasonName).
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
  // PERMISSION_DENIED: never repeat it.
  kSignatureInvalid,
  kTicketInvalid,
  kRegistrationUnknown,
  // NOT_FOUND: look elsewhere.
  kBookGone,
  kBookNotFound,
  kPeerUnknown,
  kTransferUnknown,
  kFileNotFound,
  // ALREADY_EXISTS: it is there, or the name is taken.
  kAlreadyInLibrary,
  kNameTaken,
  kKeyInUse,
  kTransferConflict,
  // FAILED_PRECONDITION: the world has changed; search again, or say more.
  kBookMoved,
  kBookChanged,
  kNotForTaking,
  kAmbiguousName,
  kSequenceGap,
  kPieceNotHere,
  kTransferNotWaiting,
  // ABORTED: somebody newer took this place; stop.
  kSessionSuperseded,
  kStreamReplaced,
  // OUT_OF_RANGE
  kOffsetOutOfRange,
  // RESOURCE_EXHAUSTED: wait (RetryInfo) or make room.
  kQueueFull,
  kWatchLagged,
  kLimitExceeded,
  kDiskFull,
  // DEADLINE_EXCEEDED
  kStreamStalled,
  // UNAVAILABLE: try again in a moment.
  kBookUnsettled,
  kNoHolderReachable,
  kIndexUnreachable,
  kPeerUnreachable,
  kShuttingDown,
  // DATA_LOSS: what came was not what was asked for.
  kContentMismatch,
  // INTERNAL: the machine failed us (disk errors and the like); the log says more.
  kInternal,
};

// Every reason but kUnspecified, in the order above.
absl::Span<const Reason> AllReasons();
// "BOOK_MOVED"; "" for kUnspecified.
absl::string_view ReasonName(Reason reason);
// kUnspecified for a name that is not in the table.
Reason ReasonFromName(absl::string_view name);
// The status code that belongs to a reason.
absl::StatusCode ReasonCode(Reason reason);

// Whether a source that refuses a Release for this reason has refused it for good: it records the
// refusal before it answers, and the transfer ends. See FileService.Release in file.proto.
bool IsFinalRefusal(Reason reason);

// Details of an error: ErrorInfo.metadata. Keys in lowerCamelCase are reserved; ours are
// lower_snake.
using ErrorMetadata = std::map<std::string, std::string>;

// A status of the reason's code that carries the reason, `metadata` and `retry_after` as payloads.
// `message` is for people: it says what is wrong and what to do.
absl::Status MakeError(Reason reason, absl::string_view message, ErrorMetadata metadata = {},
                       std::optional<absl::Duration> retry_after = std::nullopt);

// What MakeError put there; kUnspecified, empty and nullopt for statuses of other origin.
Reason GetReason(const absl::Status& status);
ErrorMetadata GetErrorMetadata(const absl::Status& status);
std::optional<absl::Duration> GetRetryAfter(const absl::Status& status);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_ERRORS_H_
