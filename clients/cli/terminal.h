// The source of the menu's answers: a terminal or a pipe.
#ifndef ARKSHARE_CLIENTS_CLI_TERMINAL_H_
#define ARKSHARE_CLIENTS_CLI_TERMINAL_H_

#include <memory>
#include <ostream>
#include <string>

#include "clients/cli/interrupts.h"

namespace arkshare {

// Asks questions, one line each. Not thread-safe.
//
// On a terminal the user can edit the line and recall earlier ones (libedit). From a pipe, prints
// the prompt and a new line in place of the answer, so the transcript reads like a terminal's.
class Terminal {
 public:
  enum class Kind { kLine, kEnd, kInterrupted };
  struct Answer {
    Kind kind = Kind::kEnd;
    // Without the line end; cut to 64 KiB.
    std::string line;
  };

  // Uses the process's standard input and output. `out` must write to standard output. `term` is
  // the terminal type (the variable TERM): without one, null or "dumb", lines cannot be edited.
  static std::unique_ptr<Terminal> Standard(std::ostream& out, const char* term,
                                            Interrupts* interrupts);
  // Treats `in_fd` as a pipe. The caller keeps ownership of it.
  static std::unique_ptr<Terminal> FromPipe(int in_fd, std::ostream& out, Interrupts* interrupts);
  ~Terminal();

  // Prints `prompt` and waits for a line. kEnd: the input has ended (Ctrl-D). kInterrupted: Ctrl-C,
  // now or earlier. Afterwards the cursor is at the beginning of a line.
  Answer Ask(const std::string& prompt);

 private:
  class Editor;

  Terminal(int in_fd, bool echoed, std::ostream& out, Interrupts* interrupts);
  Answer ReadPlainLine();

  const int in_fd_;
  // The terminal echoes the input, including the new line.
  const bool echoed_;
  std::ostream& out_;
  Interrupts* const interrupts_;
  std::unique_ptr<Editor> editor_;
  std::string unread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TERMINAL_H_
