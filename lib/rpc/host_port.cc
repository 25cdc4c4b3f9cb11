#include "lib/rpc/host_port.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace arkshare {
namespace {

constexpr char kHostCharacters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";

}  // namespace

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const auto error = [&](absl::string_view trouble) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an address: ", trouble,
                                                   "; write HOST:PORT or [IPv6]:PORT"));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return error("the port is missing");
  HostPort result;
  result.host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  if (!result.host.empty() && result.host.front() == '[') {
    if (result.host.size() < 3 || result.host.back() != ']') return error("a bracket is missing");
    result.host = result.host.substr(1, result.host.size() - 2);
    in6_addr unused;
    if (inet_pton(AF_INET6, result.host.c_str(), &unused) != 1) {
      return error("the brackets must hold an IPv6 address");
    }
  } else if (result.host.find(':') != std::string::npos) {
    return error("an IPv6 address needs brackets");
  }
  if (result.host.empty()) return error("the host is missing");
  if (result.host.find_first_not_of(kHostCharacters) != std::string::npos) {
    return error("the host has a character that is not allowed in a host name");
  }
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port, &result.port) || result.port > 65'535) {
    return error("the port must be a number from 0 to 65535");
  }
  return result;
}

bool IsLoopbackHost(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool IsPrivateAddress(const std::string& address) {
  const absl::StatusOr<HostPort> host_port = ParseHostPort(address);
  if (!host_port.ok() || host_port->port == 0) return false;
  in_addr v4{};
  if (inet_pton(AF_INET, host_port->host.c_str(), &v4) == 1) {
    const uint32_t bits = ntohl(v4.s_addr);
    return bits >> 24 == 10 || bits >> 20 == (172U << 4 | 1) || bits >> 16 == (192U << 8 | 168);
  }
  in6_addr v6{};
  return inet_pton(AF_INET6, host_port->host.c_str(), &v6) == 1 && (v6.s6_addr[0] & 0xfe) == 0xfc;
}

std::optional<SocketAddress> ToSocketAddress(const HostPort& host_port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host_port.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(host_port.port));
    address.length = sizeof(*v4);
    return address;
  }
  if (inet_pton(AF_INET6, host_port.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(host_port.port));
    address.length = sizeof(*v6);
    return address;
  }
  return std::nullopt;
}

HostPort ToHostPort(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v4 = address.storage.ss_family == AF_INET;
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  const void* const bytes =
      v4 ? static_cast<const void*>(&in4.sin_addr) : static_cast<const void*>(&in6.sin6_addr);
  inet_ntop(address.storage.ss_family, bytes, text, sizeof(text));
  return {text, ntohs(v4 ? in4.sin_port : in6.sin6_port)};
}

absl::Status NotNumericError(const HostPort& host_port) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot listen on ", host_port.ToString(),
                   ": give an IP address, such as 127.0.0.1 or 0.0.0.0"));
}

// gRPC writes the reason to its log only, so this tries to listen once more without gRPC.
absl::Status ExplainBindFailure(const HostPort& host_port) {
  const std::string listen = host_port.ToString();
  const std::optional<SocketAddress> address = ToSocketAddress(host_port);
  if (!address.has_value()) return NotNumericError(host_port);
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int error = errno;
  if (fd >= 0) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const bool bound =
        bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) == 0 &&
        ::listen(fd, 1) == 0;
    error = bound ? 0 : errno;
    close(fd);
  }
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat("cannot listen on ", listen,
                       ": another program listens there; stop it or choose another port"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          "cannot listen on ", listen, ": ports below 1024 need root; choose a higher one"));
    case EADDRNOTAVAIL:
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot listen on ", listen, ": no interface of this machine has that address"));
    case 0:
      return absl::UnavailableError(absl::StrCat("could not listen on ", listen, "; try again"));
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("cannot listen on ", listen, ": ", std::strerror(error)));
  }
}

}  // namespace arkshare
