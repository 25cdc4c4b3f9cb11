#include "lib/rpc/key_mode.h"

#include <absl/status/statusor.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <set>

#include "lib/core/openssl_check.h"
#include "lib/rpc/host_port.h"

namespace arkshare {
namespace {

// OpenSSL applies the section system_default to every new SSL_CTX.
constexpr char kConfiguration[] =
    "arkshare = modules\n"
    "[modules]\nssl_conf = ssl\n"
    "[ssl]\nsystem_default = tls\n"
    "[tls]\nProtocol = ALL,-TLSv1.2,-TLSv1.1,-TLSv1\nOptions = -SessionTicket\n";

bool IsLinkLocal(const sockaddr* address) {
  if (address->sa_family != AF_INET6) return false;
  return IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

}  // namespace

void UseTls13Only() {
  RequireOpenSsl(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr) == 1);
  BIO* const text = BIO_new_mem_buf(kConfiguration, -1);
  CONF* const configuration = NCONF_new(nullptr);
  RequireOpenSsl(text != nullptr && configuration != nullptr &&
                 NCONF_load_bio(configuration, text, nullptr) == 1 &&
                 CONF_modules_load(configuration, "arkshare", 0) > 0);
  NCONF_free(configuration);
  BIO_free_all(text);
  ERR_clear_error();
}

std::vector<std::string> CertificateHosts(const std::string& listen) {
  std::set<std::string> hosts;
  const absl::StatusOr<HostPort> address = ParseHostPort(listen);
  if (address.ok() && address->host != "0.0.0.0" && address->host != "::") {
    hosts.insert(address->host);
  }
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return {hosts.begin(), hosts.end()};
  for (const ifaddrs* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
    const sockaddr* const own = entry->ifa_addr;
    if (own == nullptr || (own->sa_family != AF_INET && own->sa_family != AF_INET6)) continue;
    if (IsLinkLocal(own)) continue;
    const socklen_t length = own->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char host[NI_MAXHOST];
    if (getnameinfo(own, length, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) == 0) {
      hosts.insert(host);
    }
  }
  freeifaddrs(interfaces);
  return {hosts.begin(), hosts.end()};
}

}  // namespace arkshare
