#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "clients/cli/commands.h"
#include "clients/cli/json.h"
#include "lib/core/book_name.h"
#include "lib/core/errors.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace arkshare {
namespace {

constexpr absl::Duration kLookAgain = absl::Milliseconds(200);

// A file that leads a browser to the page. The address has a code, which would be for all to see
// on the command line of the browser; only the owner can read this file. Removed by the destructor.
class RedirectFile {
 public:
  static absl::StatusOr<RedirectFile> Write(const std::string& folder, const std::string& url) {
    std::string path = folder + "/open-XXXXXX.html";
    // With mode 0600.
    const int fd = mkostemps(path.data(), static_cast<int>(std::strlen(".html")), O_CLOEXEC);
    if (fd < 0) {
      return MakeError(Reason::kInternal,
                       absl::StrCat("cannot write into ", folder, ": ", std::strerror(errno),
                                    "; open the address above by hand"));
    }
    RedirectFile file(std::move(path));
    const std::string html = absl::StrCat(
        "<!doctype html><meta charset=\"utf-8\"><title>arkshare</title>\n"
        "<meta http-equiv=\"refresh\" content=\"0; url=",
        url, "\">\n<p><a href=\"", url, "\">Open arkshare</a></p>\n");
    const bool written = write(fd, html.data(), html.size()) == static_cast<ssize_t>(html.size());
    close(fd);
    if (written) return file;
    return MakeError(Reason::kDiskFull, absl::StrCat("cannot write into ", folder,
                                                     "; open the address above by hand"));
  }
  RedirectFile(RedirectFile&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~RedirectFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }

 private:
  explicit RedirectFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// Starts a program that lives on without this one. False when there is none of this name.
bool Start(const std::string& program, const std::string& argument) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  const std::string name = program;
  char* const arguments[] = {const_cast<char*>(name.c_str()), const_cast<char*>(argument.c_str()),
                             nullptr};
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, name.c_str(), &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0;
}

// Returns the number of browsers that are signed in; 0 when the peer does not say.
int SignedIn(Session& session) {
  const auto list = session.connection.peer().Call(&v1::PeerService::Stub::ListPageSessions,
                                                   v1::ListPageSessionsRequest());
  return list.ok() ? list->sessions_size() : 0;
}

int ClosePage(Session& session) {
  const auto closed =
      session.connection.peer().Call(&v1::PeerService::Stub::ClosePage, v1::ClosePageRequest());
  if (!closed.ok()) return Report(session, closed.status());
  if (session.console.json) {
    JsonObject object;
    object.Add("ended_sessions", uint64_t{closed->ended_sessions()});
    session.console.out << object.Finish() << '\n' << std::flush;
  } else {
    session.console.out << "the page is closed; " << closed->ended_sessions()
                        << " browsers were signed out\n"
                        << std::flush;
  }
  return kExitDone;
}

// Opens the address in a browser, and waits until that has signed in. The code ends after
// `life`, and with it the wait.
int OpenBrowser(Session& session, const WebOptions& options, const std::string& url,
                absl::Duration life) {
  Console& console = session.console;
  const std::filesystem::path socket(
      std::string(absl::StripPrefix(session.connection.peer().target(), "unix:")));
  const absl::StatusOr<RedirectFile> file = RedirectFile::Write(socket.parent_path(), url);
  if (!file.ok()) return Report(session, file.status());
  const int before = SignedIn(session);
  if (!Start(options.browser, file->path())) {
    console.err << "no browser was started, because " << EscapeForDisplay(options.browser)
                << " is missing; open the address by hand\n"
                << std::flush;
    return kExitDone;
  }
  console.err << "opening it in your browser; Ctrl-C stops waiting for that\n" << std::flush;
  const absl::Time end = console.clock->Monotonic() + life;
  while (console.clock->Monotonic() < end) {
    if (SignedIn(session) > before) {
      console.err << "your browser is signed in\n" << std::flush;
      return kExitDone;
    }
    if (!session.interrupts.SleepFor(kLookAgain)) return session.interrupts.exit_code();
  }
  console.err << "no browser came; a browser in a sandbox (Snap, Flatpak) cannot read the file "
                 "that leads there. Run this command again, and open the address by hand\n"
              << std::flush;
  return kExitFailed;
}

}  // namespace

int RunWeb(Session& session, const WebOptions& options) {
  if (options.close) return ClosePage(session);
  const auto page =
      session.connection.peer().Call(&v1::PeerService::Stub::OpenPage, v1::OpenPageRequest());
  if (!page.ok()) return Report(session, page.status());
  // It goes into HTML, and to a terminal.
  if (!absl::StartsWith(page->url(), "http://") ||
      page->url().find_first_of("\"'<>& \n\r\t\x1b") != std::string::npos) {
    return Report(session, MakeError(Reason::kAnswerInvalid, "the peer's answer has no address"));
  }
  Console& console = session.console;
  if (console.json) {
    JsonObject object;
    object.Add("url", page->url()).Add("address", page->address());
    console.out << object.Finish() << '\n' << std::flush;
    return kExitDone;
  }
  console.out << page->url() << '\n' << std::flush;
  if (options.print || options.browser.empty()) {
    console.err << "The address works once, within a minute. Elsewhere, first run there: ssh -L "
                << EscapeForDisplay(page->address().substr(page->address().rfind(':') + 1)) << ":"
                << EscapeForDisplay(page->address()) << " and this machine's name\n"
                << std::flush;
    return kExitDone;
  }
  return OpenBrowser(session, options, page->url(), kPageCodeLife);
}

}  // namespace arkshare
