// The most that one TCP connection gives on this machine: no framing, no checks.
//
//   arkshare-bench-raw-tcp send FILE IP PORT   listens; sendfile of FILE to everybody who connects
//   arkshare-bench-raw-tcp file IP PORT PATH   receives into the fresh file PATH: recv 1 MiB,
//   pwrite arkshare-bench-raw-tcp drop IP PORT        receives into memory
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr size_t kChunkBytes = 1024 * 1024;

// `result` when it is not negative; else ends the program with the reason.
template <typename Result>
Result Need(Result result, const char* what) {
  if (result >= 0) return result;
  std::perror(what);
  std::exit(1);
}

sockaddr_in Address(const char* ip, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  Need(inet_pton(AF_INET, ip, &address.sin_addr) - 1, "the address");
  return address;
}

int NewSocket() { return Need(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"); }

void Send(const char* path, const sockaddr_in& address) {
  const int file = Need(open(path, O_RDONLY | O_CLOEXEC), path);
  struct stat info {};
  Need(fstat(file, &info), "fstat");
  const int listener = NewSocket();
  const int yes = 1;
  Need(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "SO_REUSEADDR");
  Need(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "bind");
  Need(listen(listener, 16), "listen");
  while (true) {
    const int client = Need(accept(listener, nullptr, nullptr), "accept");
    for (off_t sent = 0; sent < info.st_size;) {
      if (sendfile(client, file, &sent, static_cast<size_t>(info.st_size - sent)) <= 0) break;
    }
    close(client);
  }
}

// Writes what comes into `file`, unless that is negative.
void Receive(const sockaddr_in& address, int file) {
  const int source = NewSocket();
  Need(connect(source, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "connect");
  std::vector<char> buffer(kChunkBytes);
  off_t offset = 0;
  while (const ssize_t n = Need(recv(source, buffer.data(), buffer.size(), 0), "recv")) {
    for (ssize_t done = 0; file >= 0 && done < n;) {
      done += Need(pwrite(file, buffer.data() + done, static_cast<size_t>(n - done), offset + done),
                   "pwrite");
    }
    offset += n;
  }
  std::printf("%lld\n", static_cast<long long>(offset));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 5) {
    signal(SIGPIPE, SIG_IGN);
    Send(argv[2], Address(argv[3], argv[4]));
  } else if (mode == "file" && argc == 5) {
    Receive(Address(argv[2], argv[3]),
            Need(open(argv[4], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), argv[4]));
  } else if (mode == "drop" && argc == 4) {
    Receive(Address(argv[2], argv[3]), -1);
  } else {
    std::fprintf(stderr, "usage: send FILE IP PORT | file IP PORT PATH | drop IP PORT\n");
    return 2;
  }
  return 0;
}
