// arkshare-cli: controls a peer and queries the index.
#include <absl/strings/str_cat.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "clients/cli/command_line.h"
#include "clients/cli/menu.h"
#include "lib/core/book_name.h"
#include "lib/rpc/targets.h"

namespace arkshare {
namespace {

int TerminalColumns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// True when standard error is a terminal that understands escape sequences.
bool CanRedraw() {
  const char* const term = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

// Returns the program that opens a file for the user; "" when there is no screen to show it on.
std::string DefaultBrowser() {
  const bool screen =
      std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  return screen ? "xdg-open" : "";
}

// Runs the command, or the menu. Returns its exit code.
int Run(const CommandLine& command_line, Session& session) {
  if (command_line.command()) return command_line.command()(session);
  if (command_line.json()) {
    std::cerr << "arkshare-cli: the menu has no --json; name a command\n";
    return kExitUsage;
  }
  const std::unique_ptr<Terminal> terminal =
      Terminal::Standard(std::cout, std::getenv("TERM"), &session.interrupts);
  return RunMenu(session, *terminal);
}

int Main(int argc, char** argv) {
  // gRPC's own log lines are not for people.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CommandLine command_line(DefaultControlSocket(std::getenv("XDG_RUNTIME_DIR")), DefaultBrowser());
  if (const std::optional<int> exit_code = command_line.Parse(argc, argv)) return *exit_code;

  Interrupts interrupts;
  interrupts.CatchSignals();
  const absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::Open(command_line.connection(), &interrupts);
  if (!connection.ok()) {
    std::cerr << "arkshare-cli: " << Message(connection.status()) << '\n';
    return kExitUsage;
  }
  Session session{.connection = **connection,
                  .interrupts = interrupts,
                  .console = {.out = std::cout,
                              .err = std::cerr,
                              .json = command_line.json(),
                              .out_is_terminal = isatty(STDOUT_FILENO) != 0,
                              .err_is_terminal = CanRedraw(),
                              .columns = TerminalColumns(),
                              .out_fd = STDOUT_FILENO}};
  if (isatty(STDERR_FILENO) != 0) {
    (*connection)->OnSlowCall([](const std::string& server) {
      std::cerr << absl::StrCat("waiting for ", EscapeForDisplay(server), " …\n") << std::flush;
    });
  }
  const int exit_code = Run(command_line, session);
  std::cout << std::flush;
  if (!std::cout.good()) {
    std::cerr << "arkshare-cli: the output could not be written; check the disk or the pipe\n";
    return kExitFailed;
  }
  return exit_code;
}

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) { return arkshare::Main(argc, argv); }
