// The surroundings of a command: connection, interrupts and console.
#ifndef ARKSHARE_CLIENTS_CLI_SESSION_H_
#define ARKSHARE_CLIENTS_CLI_SESSION_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <ostream>

#include "clients/cli/connection.h"
#include "clients/cli/interrupts.h"
#include "lib/core/clock.h"
#include "lib/core/exit_code.h"

namespace arkshare {

// The output of a command.
struct Console {
  std::ostream& out;
  std::ostream& err;
  // Print one JSON object a line instead of tables.
  bool json = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;  // and a line on it can be drawn again
  int columns = 80;              // the terminal's width
  int out_fd = -1;               // of `out`; -1 when it is no file
  const Clock* clock = Clock::Real();
};

struct Session {
  Connection& connection;
  Interrupts& interrupts;
  Console console;
};

// Maps a status to an exit code.
int ExitCodeOf(const Session& session, const absl::Status& status);

// Returns the message of a status, safe to print.
std::string Message(const absl::Status& status);

// Prints an error (except after an interrupt) and returns its exit code; kExitDone for OK.
// `subject` is printed before a message that does not begin with it.
int Report(Session& session, const absl::Status& status, absl::string_view subject = "");

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_SESSION_H_
