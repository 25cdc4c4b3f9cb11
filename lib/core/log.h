// Log lines of an event and its keys, such as `moved book="195" from=1 to=5`.
//
//   LogInfo("moved", {{"book", name}, {"from", 1}, {"why", status}});
//
// Text is always quoted, with quotes, backslashes and control characters escaped, so a name cannot
// forge a line. Numbers, durations, keys and ids are not quoted. All functions are thread-safe.
#ifndef ARKSHARE_LIB_CORE_LOG_H_
#define ARKSHARE_LIB_CORE_LOG_H_

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <concepts>
#include <initializer_list>
#include <string>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"

namespace arkshare {

// The name of an event or of a key. The compiler checks that it has only lower-case letters, digits
// and underscores.
class LogName {
 public:
  consteval LogName(const char* name) : name_(name) {
    if (*name < 'a' || *name > 'z') throw "a name in the log begins with a lower-case letter";
    for (const char* c = name; *c != '\0'; ++c) {
      const bool good = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
      if (!good) throw "a name in the log has lower-case letters, digits and underscores only";
    }
  }
  constexpr absl::string_view text() const { return name_; }

 private:
  absl::string_view name_;
};

// One key of a line and its value.
class LogField {
 public:
  LogField(LogName key, absl::string_view text);
  LogField(LogName key, const char* text) : LogField(key, absl::string_view(text)) {}
  LogField(LogName key, const std::string& text) : LogField(key, absl::string_view(text)) {}
  LogField(LogName key, const BookName& name) : LogField(key, absl::string_view(name.value())) {}
  // In quotes: the name of the reason (without a reason, of the code), and the message.
  LogField(LogName key, const absl::Status& status);
  LogField(LogName key, bool value) : LogField(key, Bare{value ? "true" : "false"}) {}
  template <typename Number>
  requires std::integral<Number> || std::floating_point<Number> LogField(LogName key, Number value)
      : LogField(key, Bare{absl::StrCat(value)}) {}
  LogField(LogName key, absl::Duration value) : LogField(key, Bare{absl::FormatDuration(value)}) {}
  // The first 12 hex digits, which people compare.
  LogField(LogName key, const PublicKey& value) : LogField(key, Bare{value.hex().substr(0, 12)}) {}
  LogField(LogName key, const TransferId& value) : LogField(key, Bare{value.hex()}) {}
  LogField(LogName key, const ContentId& value) : LogField(key, Bare{ToHex(value.root)}) {}

  // ` key=value`
  const std::string& text() const { return text_; }

 private:
  struct Bare {
    std::string text;
  };
  LogField(LogName key, const Bare& value)
      : text_(absl::StrCat(" ", key.text(), "=", value.text)) {}

  std::string text_;
};

using LogFields = std::initializer_list<LogField>;

void LogDebug(LogName event, LogFields fields = {});
// For events of normal use.
void LogInfo(LogName event, LogFields fields = {});
// For events that the program tolerates and its operator should look at.
void LogWarning(LogName event, LogFields fields = {});
// For a failure after which the program continues.
void LogError(LogName event, LogFields fields = {});
// For a failure that ends the program.
void LogCritical(LogName event, LogFields fields = {});

// Sends lines of at least `level` ("debug", "info", "warn", "error", "critical") to stderr, each
// with the time and the level before it. Call in main.
void SetUpLogging(const std::string& level);

// Returns the line that the functions above write, without time and level.
std::string FormatLogLine(LogName event, LogFields fields);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_LOG_H_
