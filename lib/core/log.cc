#include "lib/core/log.h"

#include <absl/strings/str_replace.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

std::string Quoted(absl::string_view text) {
  // EscapeForDisplay adds backslashes, so the backslashes of the text are doubled first.
  const std::string safe = EscapeForDisplay(absl::StrReplaceAll(text, {{"\\", "\\\\"}}));
  return absl::StrCat("\"", absl::StrReplaceAll(safe, {{"\"", "\\\""}}), "\"");
}

std::string TextOf(const absl::Status& status) {
  if (status.ok()) return "OK";
  const absl::string_view reason = ReasonName(GetReason(status));
  return absl::StrCat(
      reason.empty() ? absl::StatusCodeToString(status.code()) : std::string(reason), ": ",
      status.message());
}

void Write(spdlog::level::level_enum level, LogName event, LogFields fields) {
  if (!spdlog::should_log(level)) return;
  spdlog::log(level, "{}", FormatLogLine(event, fields));
}

}  // namespace

LogField::LogField(LogName key, absl::string_view text) : LogField(key, Bare{Quoted(text)}) {}

LogField::LogField(LogName key, const absl::Status& status)
    : LogField(key, Bare{Quoted(TextOf(status))}) {}

std::string FormatLogLine(LogName event, LogFields fields) {
  std::string line(event.text());
  for (const LogField& field : fields) line += field.text();
  return line;
}

void LogDebug(LogName event, LogFields fields) { Write(spdlog::level::debug, event, fields); }
void LogInfo(LogName event, LogFields fields) { Write(spdlog::level::info, event, fields); }
void LogWarning(LogName event, LogFields fields) { Write(spdlog::level::warn, event, fields); }
void LogError(LogName event, LogFields fields) { Write(spdlog::level::err, event, fields); }
void LogCritical(LogName event, LogFields fields) { Write(spdlog::level::critical, event, fields); }

void SetUpLogging(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("arkshare",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace arkshare
