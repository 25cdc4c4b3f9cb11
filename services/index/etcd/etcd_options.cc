#include "services/index/etcd/etcd_options.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "lib/core/errors.h"
#include "lib/rpc/host_port.h"
#include "lib/rpc/targets.h"

namespace arkshare {
namespace {

constexpr size_t kMaxPrefix = 256;  // bytes

absl::Status Wrong(absl::string_view message) { return MakeError(Reason::kInvalidField, message); }

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseEtcdEndpoints(const std::string& text) {
  std::vector<std::string> endpoints;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::string endpoint(absl::StripAsciiWhitespace(part));
    if (endpoint.empty()) continue;
    if (absl::StrContains(endpoint, "://")) {
      return Wrong(absl::StrCat("--etcd: write ", endpoint, " as HOST:PORT, without a scheme"));
    }
    if (absl::Status checked = CheckTarget("--etcd", endpoint); !checked.ok()) return checked;
    endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return Wrong("--etcd names no endpoint; give it HOST:PORT,…");
  return endpoints;
}

absl::Status CheckEtcdOptions(const EtcdOptions& options) {
  if (options.endpoints.empty()) return Wrong("--etcd names no endpoint; give it HOST:PORT,…");
  for (const std::string& endpoint : options.endpoints) {
    if (absl::Status checked = CheckTarget("--etcd", endpoint); !checked.ok()) return checked;
  }
  if (options.prefix.empty() || options.prefix.back() != '/' ||
      options.prefix.size() > kMaxPrefix) {
    return Wrong(absl::StrCat("--etcd-prefix must end with a slash and have at most ", kMaxPrefix,
                              " bytes"));
  }
  const TlsOptions& tls = options.tls;
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    return Wrong("--etcd-cert and --etcd-key belong together; give both");
  }
  if (tls.enabled() && tls.ca_file.empty()) {
    return Wrong("TLS to etcd needs the CA of etcd's certificates; give --etcd-ca");
  }
  if (options.compact < absl::ZeroDuration()) {
    return Wrong("--etcd-compact must not be negative; 0 means never");
  }
  if (tls.enabled() || options.insecure) return absl::OkStatus();
  for (const std::string& endpoint : options.endpoints) {
    const absl::StatusOr<HostPort> parsed = ParseHostPort(endpoint);
    if (!parsed.ok() || !IsLoopbackHost(parsed->host)) {
      return Wrong(absl::StrCat("etcd at ", endpoint,
                                " is on another machine: give --etcd-ca, --etcd-cert and "
                                "--etcd-key, or allow plaintext with --insecure"));
    }
  }
  return absl::OkStatus();
}

}  // namespace arkshare
