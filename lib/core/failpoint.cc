#include "lib/core/failpoint.h"

#ifdef ARKSHARE_FAILPOINTS

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "lib/core/mutex.h"

namespace arkshare {
namespace {

enum class Action { kNone, kKill, kPause, kError };

struct Setting {
  Action action = Action::kNone;
  std::string path;  // of the FIFO
  bool always = false;
  bool spent = false;
};

// Ends the process: a mistake in a setting must not look like a failpoint that was never reached.
[[noreturn]] void Die(const char* what, const std::string& text) {
  std::fprintf(stderr, "failpoint error=\"%s\" at=\"%s\" errno=\"%s\"\n", what, text.c_str(),
               std::strerror(errno));
  std::abort();
}

Setting ParseSetting(absl::string_view text) {
  Setting setting;
  setting.always = absl::ConsumePrefix(&text, "*");
  if (text == "kill") {
    setting.action = Action::kKill;
  } else if (text == "error") {
    setting.action = Action::kError;
  } else if (absl::ConsumePrefix(&text, "pause:") && !text.empty()) {
    setting.action = Action::kPause;
    setting.path = std::string(text);
  } else {
    Die("an action is kill, pause:PATH or error", std::string(text));
  }
  return setting;
}

class Failpoints {
 public:
  Failpoints() {
    const char* text = std::getenv("ARKSHARE_FAILPOINTS");
    for (absl::string_view entry :
         absl::StrSplit(text == nullptr ? "" : text, ';', absl::SkipWhitespace())) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(entry, absl::MaxSplits('=', 1));
      if (parts.second.empty()) Die("an entry is NAME=ACTION", std::string(entry));
      settings_[std::string(parts.first)] = ParseSetting(parts.second);
    }
  }

  // Returns the action to take at `name` this time.
  Setting Next(absl::string_view name) {
    MutexLock lock(&mutex_);
    auto it = settings_.find(name);
    if (it == settings_.end() || it->second.spent) return Setting();
    it->second.spent = !it->second.always;
    return it->second;
  }

 private:
  Mutex mutex_;
  absl::flat_hash_map<std::string, Setting> settings_ ABSL_GUARDED_BY(mutex_);
};

// Opens and closes a FIFO, which blocks until the test opens the other end.
void MeetAt(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) Die("cannot open the FIFO", path);
  close(fd);
}

}  // namespace

bool ReachFailpoint(const char* name) {
  static Failpoints* const failpoints = new Failpoints;
  const Setting setting = failpoints->Next(name);
  switch (setting.action) {
    case Action::kNone:
      return false;
    case Action::kKill:
      kill(getpid(), SIGKILL);
      // Wait here: the signal can take a moment to end all threads.
      while (true) pause();
    case Action::kPause:
      MeetAt(setting.path, O_WRONLY);
      MeetAt(setting.path, O_RDONLY);
      return false;
    case Action::kError:
      return true;
  }
  return false;
}

}  // namespace arkshare

#endif  // ARKSHARE_FAILPOINTS
