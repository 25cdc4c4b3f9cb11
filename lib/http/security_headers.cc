#include "lib/http/security_headers.h"

#include <algorithm>

namespace arkshare {
namespace {

// Nothing comes from another host, no script or style is within the HTML, no page frames ours, and
// no string becomes HTML or a script (Trusted Types).
constexpr struct {
  const char* name;
  const char* value;
} kHeaders[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' blob:; media-src 'self'; frame-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
     "trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
};

}  // namespace

void AddSecurityHeaders(HttpResponse& response) {
  for (const auto& [name, value] : kHeaders) {
    const auto same = [name = name](const auto& header) { return header.first == name; };
    if (std::none_of(response.headers.begin(), response.headers.end(), same)) {
      response.headers.emplace_back(name, value);
    }
  }
}

}  // namespace arkshare
