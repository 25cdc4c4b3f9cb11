#include "clients/cli/terminal.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <utility>

namespace arkshare {
namespace {

constexpr size_t kMaxLineBytes = 64 * 1024;

// An eventfd, readable when the terminal may have changed: the program was continued after Ctrl-Z,
// or the window was resized. -1 while there is no Editor.
std::atomic<int> disturbance_fd = -1;

void NoteDisturbance(int) {
  const int saved_errno = errno;
  (void)eventfd_write(disturbance_fd, 1);
  errno = saved_errno;
}

enum class Input { kByte, kEnd, kInterrupted, kDisturbed };

// Waits until `fd` is readable, an interrupt comes, or `disturbances` (-1: none) is readable.
Input WaitForInput(int fd, const Interrupts& interrupts, int disturbances) {
  pollfd fds[] = {{.fd = fd, .events = POLLIN, .revents = 0},
                  {.fd = interrupts.fd(), .events = POLLIN, .revents = 0},
                  {.fd = disturbances, .events = POLLIN, .revents = 0}};
  while (true) {
    const int ready = poll(fds, 3, -1);
    if (interrupts.triggered()) return Input::kInterrupted;
    if (ready > 0) return fds[2].revents != 0 ? Input::kDisturbed : Input::kByte;
    if (errno != EINTR) return Input::kEnd;
  }
}

ssize_t ReadSome(int fd, char* buffer, size_t size) {
  while (true) {
    const ssize_t got = read(fd, buffer, size);
    if (got >= 0 || errno != EINTR) return got;
  }
}

// Replaces a locale of another encoding, because names are always UTF-8.
void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

bool CanEdit(const char* term) {
  return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 && term != nullptr &&
         *term != '\0' && std::strcmp(term, "dumb") != 0;
}

}  // namespace

// libedit on standard input and output.
class Terminal::Editor {
 public:
  static std::unique_ptr<Editor> Make(Interrupts* interrupts) {
    UseUtf8();
    EditLine* const edit = el_init("arkshare-cli", stdin, stdout, stderr);
    if (edit == nullptr) return nullptr;
    return std::unique_ptr<Editor>(new Editor(edit, interrupts));
  }

  ~Editor() {
    signal(SIGCONT, SIG_DFL);
    signal(SIGWINCH, SIG_DFL);
    close(disturbance_fd.exchange(-1));
    history_end(history_);
    el_end(edit_);
  }

  Answer ReadLine(const std::string& prompt) {
    prompt_ = prompt;
    input_ = Input::kByte;
    el_resize(edit_);
    // Must precede the prompt: otherwise a key pressed right after it is echoed twice.
    el_set(edit_, EL_PREP_TERM, 1);
    int length = 0;
    const char* const line = el_gets(edit_, &length);
    if (input_ == Input::kInterrupted) return {Kind::kInterrupted, ""};
    if (line == nullptr || length <= 0) return {Kind::kEnd, ""};
    std::string text(line, static_cast<size_t>(length));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (!text.empty()) {
      HistEvent event;
      history(history_, &event, H_ENTER, text.c_str());
    }
    return {Kind::kLine, text};
  }

 private:
  Editor(EditLine* edit, Interrupts* interrupts)
      : edit_(edit), history_(history_init()), interrupts_(interrupts) {
    HistEvent event;
    history(history_, &event, H_SETSIZE, 500);
    history(history_, &event, H_SETUNIQUE, 1);
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, &Editor::Prompt);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_HIST, history, history_);
    el_set(edit_, EL_SIGNAL, 0);
    el_set(edit_, EL_GETCFN, &Editor::ReadChar);
    disturbance_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct sigaction action = {};
    action.sa_handler = NoteDisturbance;
    action.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &action, nullptr);
    sigaction(SIGWINCH, &action, nullptr);
  }

  static Editor* Of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return static_cast<Editor*>(self);
  }

  static char* Prompt(EditLine* edit) { return Of(edit)->prompt_.data(); }

  // Replaces libedit's reader, which misses interrupts that come while it does not read.
  static int ReadChar(EditLine* edit, wchar_t* out) {
    Editor* const self = Of(edit);
    std::mbstate_t state = {};
    while (true) {
      self->input_ = WaitForInput(STDIN_FILENO, *self->interrupts_, disturbance_fd);
      if (self->input_ == Input::kDisturbed) {
        eventfd_t count = 0;
        (void)eventfd_read(disturbance_fd, &count);
        el_resize(edit);
        el_set(edit, EL_PREP_TERM, 1);
        el_set(edit, EL_REFRESH);
        continue;
      }
      if (self->input_ != Input::kByte) return -1;
      char byte = 0;
      if (ReadSome(STDIN_FILENO, &byte, 1) <= 0) {
        self->input_ = Input::kEnd;
        return 0;
      }
      const size_t used = std::mbrtowc(out, &byte, 1, &state);
      if (used == static_cast<size_t>(-2)) continue;  // The character has more bytes.
      if (used == static_cast<size_t>(-1)) {
        state = {};  // Not UTF-8: the byte is dropped.
        continue;
      }
      return 1;
    }
  }

  EditLine* const edit_;
  History* const history_;
  Interrupts* const interrupts_;
  std::string prompt_;
  Input input_ = Input::kByte;
};

Terminal::Terminal(int in_fd, bool echoed, std::ostream& out, Interrupts* interrupts)
    : in_fd_(in_fd), echoed_(echoed), out_(out), interrupts_(interrupts) {}

Terminal::~Terminal() = default;

std::unique_ptr<Terminal> Terminal::Standard(std::ostream& out, const char* term,
                                             Interrupts* interrupts) {
  const bool echoed = isatty(STDIN_FILENO) != 0;
  std::unique_ptr<Terminal> terminal(new Terminal(STDIN_FILENO, echoed, out, interrupts));
  if (CanEdit(term)) terminal->editor_ = Editor::Make(interrupts);
  return terminal;
}

std::unique_ptr<Terminal> Terminal::FromPipe(int in_fd, std::ostream& out, Interrupts* interrupts) {
  return std::unique_ptr<Terminal>(new Terminal(in_fd, false, out, interrupts));
}

Terminal::Answer Terminal::Ask(const std::string& prompt) {
  Answer answer;
  if (editor_ != nullptr) {
    out_ << std::flush;
    answer = editor_->ReadLine(prompt);
  } else {
    out_ << prompt << std::flush;
    answer = ReadPlainLine();
  }
  const bool line_ended = answer.kind == Kind::kLine && (editor_ != nullptr || echoed_);
  if (!line_ended) out_ << '\n' << std::flush;
  return answer;
}

Terminal::Answer Terminal::ReadPlainLine() {
  while (true) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, std::min(end, kMaxLineBytes));
      unread_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return {Kind::kLine, std::move(line)};
    }
    char buffer[4096];
    const Input input = WaitForInput(in_fd_, *interrupts_, /*disturbances=*/-1);
    if (input == Input::kInterrupted) return {Kind::kInterrupted, ""};
    const ssize_t got = input == Input::kByte ? ReadSome(in_fd_, buffer, sizeof(buffer)) : 0;
    if (got <= 0) {
      if (unread_.empty()) return {Kind::kEnd, ""};
      return {Kind::kLine, std::exchange(unread_, "").substr(0, kMaxLineBytes)};
    }
    // Drop the input beyond the limit, up to the line end.
    const size_t had = unread_.size();
    unread_.append(buffer, static_cast<size_t>(got));
    if (had > kMaxLineBytes && unread_.find('\n', had) == std::string::npos) unread_.resize(had);
  }
}

}  // namespace arkshare
