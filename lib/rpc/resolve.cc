#include "lib/rpc/resolve.h"

#include <absl/strings/str_cat.h>
#include <netdb.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <thread>

namespace arkshare {
namespace {

constexpr char kDropped[] =
    "it does not answer; the machine is off, or a firewall drops the packets";

Resolved AskNameServer(const HostPort& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &list);
  if (error == EAI_AGAIN) {
    return {{}, "its name cannot be resolved now: no name server answers; check the network"};
  }
  if (error != 0) {
    return {{},
            absl::StrCat("its name cannot be resolved to an address: ", gai_strerror(error),
                         "; check the name")};
  }
  Resolved resolved;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    resolved.addresses.push_back(address);
  }
  freeaddrinfo(list);
  return resolved;
}

}  // namespace

Resolved Resolve(HostPort target, absl::Duration patience) {
  if (target.host == "localhost") target.host = "127.0.0.1";
  if (const std::optional<SocketAddress> numeric = ToSocketAddress(target)) return {{*numeric}, ""};
  // The C library waits for name servers as long as its settings say, so a thread of its own waits.
  const auto answer = std::make_shared<std::promise<Resolved>>();
  std::future<Resolved> future = answer->get_future();
  std::thread([answer, target] { answer->set_value(AskNameServer(target)); }).detach();
  if (future.wait_for(absl::ToChronoMilliseconds(patience)) != std::future_status::ready) {
    return {{}, "its name cannot be resolved: the name server does not answer; check the network"};
  }
  return future.get();
}

std::string ConnectErrorInWords(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "nothing listens there; is it running?";
    case ETIMEDOUT:
      return kDropped;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return absl::StrCat("the network has no way to it (", std::strerror(error),
                          "); check the address and the network");
    default:
      return std::strerror(error);
  }
}

}  // namespace arkshare
