// What every command works with, and how it ends.
#ifndef ARKSHARE_CLIENTS_CLI_SESSION_H_
#define ARKSHARE_CLIENTS_CLI_SESSION_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <ostream>

#include "clients/cli/connection.h"
#include "clients/cli/interrupts.h"
#include "lib/core/clock.h"

namespace arkshare {

// How a command ends; the worst of several is the greatest. 128 + signal when interrupted.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kUnreachable = 4,
};

// Where a command writes.
struct Console {
  std::ostream& out;
  std::ostream& err;
  // One JSON object a line in place of tables.
  bool json = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Of the terminal.
  int columns = 80;
  const Clock* clock = Clock::Real();
};

struct Session {
  Connection& connection;
  Interrupts& interrupts;
  Console console;
};

// The exit code that a status stands for, by what its code tells the caller to do next.
int ExitCodeOf(const Session& session, const absl::Status& status);

// A status' message, safe to print.
std::string Message(const absl::Status& status);

// Tells the user of an error (not of an interrupt), and returns its exit code; kDone for OK.
// `subject` stands before a message that does not begin with it.
int Report(Session& session, const absl::Status& status, absl::string_view subject = "");

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_SESSION_H_
