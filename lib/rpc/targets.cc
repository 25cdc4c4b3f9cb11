#include "lib/rpc/targets.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lib/core/book_name.h"
#include "lib/core/errors.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr absl::string_view kUnix = "unix:";

}  // namespace

absl::Status CheckTarget(absl::string_view option, const std::string& text) {
  const absl::StatusOr<HostPort> address = ParseHostPort(text);
  if (address.ok() && address->port != 0) return absl::OkStatus();
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(option, " must be HOST:PORT, for example 127.0.0.1:50051; got \"",
                                EscapeForDisplay(text), "\""));
}

absl::StatusOr<std::vector<std::string>> ParseIndexes(absl::Span<const std::string> texts) {
  std::vector<std::string> targets;
  for (const std::string& text : texts) {
    const std::string target(absl::StripAsciiWhitespace(text));
    if (target.empty()) continue;
    if (absl::Status s = CheckTarget("--index", target); !s.ok()) return s;
    targets.push_back(target);
  }
  if (targets.empty()) return CheckTarget("--index", "");
  return targets;
}

absl::StatusOr<std::string> ParseControlSocket(absl::string_view option, const std::string& text) {
  const std::string target = absl::StartsWith(text, "/") ? absl::StrCat(kUnix, text) : text;
  if (absl::StartsWith(target, kUnix) && target.size() > kUnix.size()) return target;
  return MakeError(Reason::kInvalidField,
                   absl::StrCat(option,
                                " must be unix:PATH, a control socket on this machine; "
                                "got \"",
                                EscapeForDisplay(text), "\""));
}

std::string DefaultControlSocket(const char* runtime_dir) {
  const bool set = runtime_dir != nullptr && *runtime_dir != '\0';
  return absl::StrCat("unix:", set ? runtime_dir : "/run", "/arkshare/control.sock");
}

}  // namespace arkshare
