#include "lib/http/origin_check.h"

#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

bool IsRead(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

bool OriginCheck::IsOurs(const std::string& host) const {
  const std::string lower = absl::AsciiStrToLower(host);
  absl::StatusOr<HostPort> parsed = ParseHostPort(lower);
  // A browser leaves out the port 80.
  if (!parsed.ok()) parsed = ParseHostPort(absl::StrCat(lower, ":80"));
  if (!parsed.ok()) return false;
  const std::vector<std::string>& names = options_.names;
  if (std::find(names.begin(), names.end(), parsed->host) != names.end()) return true;
  return parsed->port == options_.port &&
         (IsLoopbackHost(parsed->host) || parsed->host == options_.listen_host);
}

std::optional<HttpResponse> OriginCheck::Check(const HttpRequest& request, bool linkable) const {
  const std::string* const host = request.Header("host");
  if (host == nullptr || !IsOurs(*host)) {
    return TextResponse(
        421, absl::StrCat("This page is not served under the name \"", host == nullptr ? "" : *host,
                          "\".\n\nOpen it as http://127.0.0.1:", options_.port,
                          "/ or http://localhost:", options_.port,
                          "/. Through a tunnel, use the same port at both ends: ssh -L ",
                          options_.port, ":127.0.0.1:", options_.port,
                          ". For another name or port, start the program with --web-host NAME."));
  }
  if (const std::string* const origin = request.Header("origin")) {
    const std::string own = absl::AsciiStrToLower(*host);
    // https: a proxy with TLS is in between, and the browser knows no other origin than its name.
    if (*origin != absl::StrCat("http://", own) && *origin != absl::StrCat("https://", own)) {
      return TextResponse(403, "a page of another origin may not call this server");
    }
  }
  const std::string* const site = request.Header("sec-fetch-site");
  // "none": a person has typed the address.
  const bool by_person = IsRead(request) && (linkable || (site != nullptr && *site == "none"));
  if (site != nullptr && *site != "same-origin" && !by_person) {
    return TextResponse(403, "a page of another site may not use this address; open it yourself");
  }
  return std::nullopt;
}

}  // namespace arkshare
