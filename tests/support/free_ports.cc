#include "tests/support/free_ports.h"

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace arkshare {

std::vector<int> FreePorts(size_t count) {
  // Programs that run at the same time begin at different ports, and each goes on from its last.
  static int port = 10'000 + static_cast<int>(getpid() % 2'000) * 10;
  std::vector<int> ports;
  while (ports.size() < count) {
    ++port;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      ports.push_back(port);
    }
    close(fd);
  }
  return ports;
}

std::string FreeAddress() { return absl::StrCat("127.0.0.1:", FreePorts(1).front()); }

}  // namespace arkshare
