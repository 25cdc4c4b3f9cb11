// The menu: the CLI for people, in the words that its users know.
#ifndef ARKSHARE_CLIENTS_CLI_MENU_H_
#define ARKSHARE_CLIENTS_CLI_MENU_H_

#include <absl/time/time.h>

#include "clients/cli/session.h"
#include "clients/cli/terminal.h"

namespace arkshare {

struct MenuOptions {
  // How long the menu waits for the peer to be registered before it goes on offline …
  absl::Duration online_timeout = absl::Seconds(10);
  // … also when the peer already says what the trouble is.
  absl::Duration trouble_timeout = absl::Seconds(3);
  // Before it says that it waits.
  absl::Duration quiet_time = absl::Seconds(1);
  // How often it looks.
  absl::Duration poll_interval = absl::Milliseconds(100);
};

// Runs until QUIT, which also ends the peer, or the input's end (Ctrl-D) or Ctrl-C, after which the
// peer shares on. Returns the exit code.
int RunMenu(Session& session, Terminal& terminal, const MenuOptions& options = {});

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_MENU_H_
