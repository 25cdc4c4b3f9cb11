#include "clients/cli/session.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lib/core/book_name.h"

namespace arkshare {

int ExitCodeOf(const Session& session, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kCancelled:
      return session.interrupts.triggered() ? session.interrupts.exit_code() : kExitFailed;
    default:
      return kExitFailed;
  }
}

std::string Message(const absl::Status& status) {
  if (!status.message().empty()) return EscapeForDisplay(status.message());
  return absl::StrCat("failed without a message (", absl::StatusCodeToString(status.code()), ")");
}

int Report(Session& session, const absl::Status& status, absl::string_view subject) {
  const int exit_code = ExitCodeOf(session, status);
  if (status.ok() || session.interrupts.triggered()) return exit_code;
  const std::string message = Message(status);
  const std::string shown = EscapeForDisplay(subject);
  const bool named = absl::StartsWith(message, absl::StrCat(shown, " ")) ||
                     absl::StartsWith(message, absl::StrCat("book ", shown, " "));
  session.console.err << "arkshare-cli: ";
  if (!shown.empty() && !named) session.console.err << shown << ": ";
  session.console.err << message << '\n' << std::flush;
  return exit_code;
}

}  // namespace arkshare
