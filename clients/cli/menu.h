// The interactive menu. Its phrases are fixed: users and scripts know them.
#ifndef ARKSHARE_CLIENTS_CLI_MENU_H_
#define ARKSHARE_CLIENTS_CLI_MENU_H_

#include <absl/time/time.h>

#include "clients/cli/session.h"
#include "clients/cli/terminal.h"

namespace arkshare {

struct MenuOptions {
  // The longest wait for the peer to register; the menu then works offline.
  absl::Duration online_timeout = absl::Seconds(10);
  // The same when the peer already reports why it is not registered.
  absl::Duration trouble_timeout = absl::Seconds(3);
  // The wait before the menu prints that it waits.
  absl::Duration quiet_time = absl::Seconds(1);
  // The time between two looks at the peer's status.
  absl::Duration poll_interval = absl::Milliseconds(100);
};

// Runs the menu until QUIT, the end of input (Ctrl-D) or Ctrl-C. QUIT also ends the peer; otherwise
// the peer continues to share. Returns the exit code.
int RunMenu(Session& session, Terminal& terminal, const MenuOptions& options = {});

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_MENU_H_
