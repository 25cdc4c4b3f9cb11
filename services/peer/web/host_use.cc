#include "services/peer/web/host_use.h"

#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

constexpr char kBooksName[] = "localhost";

// The port is 0 where the header has none.
HostPort ParseHostHeader(const std::string& host) {
  const std::string lower = absl::AsciiStrToLower(host);
  absl::StatusOr<HostPort> parsed = ParseHostPort(lower);
  if (!parsed.ok()) parsed = ParseHostPort(absl::StrCat(lower, ":0"));
  return parsed.ok() ? *parsed : HostPort{.host = lower};
}

// Returns the address of a server under another name.
std::string AddressAt(const std::string& name, const std::string& host) {
  const int port = ParseHostHeader(host).port;
  const std::string address = HostPort{.host = name, .port = port}.ToString();
  return absl::StrCat("http://", port == 0 ? address.substr(0, address.rfind(':')) : address);
}

}  // namespace

HostUse UseOfHost(const std::string& host) {
  const std::string name = ParseHostHeader(host).host;
  if (name == kBooksName) return HostUse::kBooks;
  // A server at another IP of loopback is not at localhost.
  return name == "127.0.0.1" || name == "::1" ? HostUse::kPage : HostUse::kBoth;
}

HttpResponse AnswerAtBooksHost(const HttpRequest& request, const std::string& host,
                               const std::string& page_ip) {
  const std::string page = absl::StrCat(AddressAt(page_ip, host), "/");
  const bool looks = request.method == "GET" || request.method == "HEAD";
  // A browser keeps the fragment of the address, which may have the code for the sign-in.
  if (looks && request.path() == "/") {
    return HttpResponse{.status = 307,
                        .headers = {{"Location", page}, {"Cache-Control", "no-store"}}};
  }
  return TextResponse(421, absl::StrCat("Only books are read under this name, so that no script in "
                                        "one can reach the page. The page is at ",
                                        page));
}

HttpResponse RefuseBookAtPageHost(const std::string& host) {
  return TextResponse(421, absl::StrCat("Books are read at another name than the page, so that no "
                                        "script in one can reach it: use ",
                                        AddressAt(kBooksName, host)));
}

}  // namespace arkshare
