// Where the menu's answers come from: a person at a terminal, or a pipe.
#ifndef ARKSHARE_CLIENTS_CLI_TERMINAL_H_
#define ARKSHARE_CLIENTS_CLI_TERMINAL_H_

#include <memory>
#include <ostream>
#include <string>

#include "clients/cli/interrupts.h"

namespace arkshare {

// Asks questions, one line each. Not thread-safe.
//
// At a terminal lines can be edited and earlier ones called back (libedit). From a pipe, the prompt
// is printed all the same, and a new line in the place of the answer, so that the transcript reads
// like one of a terminal.
class Terminal {
 public:
  enum class Kind { kLine, kEnd, kInterrupted };
  struct Answer {
    Kind kind = Kind::kEnd;
    // Without the line's end; only the first 64 KiB of a longer line.
    std::string line;
  };

  // The process's own standard input and output. `out` is what stands for standard output
  // elsewhere.
  static std::unique_ptr<Terminal> Standard(std::ostream& out, Interrupts* interrupts);
  // Reads from `in_fd`, which stays the caller's and is taken for a pipe.
  static std::unique_ptr<Terminal> FromPipe(int in_fd, std::ostream& out, Interrupts* interrupts);
  ~Terminal();

  // kEnd: the input has ended (Ctrl-D). kInterrupted: Ctrl-C, now or earlier. The cursor then
  // stands at the beginning of a line.
  Answer Ask(const std::string& prompt);

 private:
  class Editor;

  Terminal(int in_fd, bool echoed, std::ostream& out, Interrupts* interrupts);
  Answer ReadPlainLine();

  const int in_fd_;
  // The terminal shows what is typed, its new line included.
  const bool echoed_;
  std::ostream& out_;
  Interrupts* const interrupts_;
  std::unique_ptr<Editor> editor_;
  std::string unread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TERMINAL_H_
