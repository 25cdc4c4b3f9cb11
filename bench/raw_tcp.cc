// The most that TCP gives on this machine: no framing, no protocol.
//
//   arkshare-bench-raw-tcp send FILE IP PORT
//     listens; sends the requested bytes with sendfile
//   arkshare-bench-raw-tcp drop IP PORT
//     receives all of it into memory
//   arkshare-bench-raw-tcp file IP PORT PATH
//     and into the fresh file PATH: recv 1 MiB, pwrite
//   arkshare-bench-raw-tcp verify IP PORT PATH BYTES
//     the same over two connections, half of it each; each piece is hashed before it is written
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/merkle.h"

namespace {

constexpr size_t kChunkBytes = 1024 * 1024;

// Returns `result` if it is not negative; otherwise ends the program with the reason.
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

// The request of a receiver, which is the first message on a connection.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;  // at most the end of the file
};

void Serve(int client, int file, off_t size) {
  Range range;
  if (recv(client, &range, sizeof(range), MSG_WAITALL) == sizeof(range)) {
    const off_t end = std::min<off_t>(range.end, size);
    for (off_t sent = range.begin; sent < end;) {
      if (sendfile(client, file, &sent, static_cast<size_t>(end - sent)) <= 0) break;
    }
  }
  close(client);
}

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
    std::thread([client, file, size = info.st_size] { Serve(client, file, size); }).detach();
  }
}

int Ask(const sockaddr_in& address, const Range& range) {
  const int source = NewSocket();
  Need(connect(source, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "connect");
  Need(send(source, &range, sizeof(range), 0), "send");
  return source;
}

void Write(int file, const std::vector<uint8_t>& buffer, size_t bytes, off_t offset) {
  for (size_t done = 0; done < bytes;) {
    done += static_cast<size_t>(
        Need(pwrite(file, buffer.data() + done, bytes - done, offset + static_cast<off_t>(done)),
             "pwrite"));
  }
}

// Writes the received bytes to `file`, unless it is negative.
void Receive(const sockaddr_in& address, int file) {
  const int source = Ask(address, {0, std::numeric_limits<int64_t>::max()});
  std::vector<uint8_t> buffer(kChunkBytes);
  off_t offset = 0;
  while (const ssize_t n = Need(recv(source, buffer.data(), buffer.size(), 0), "recv")) {
    if (file >= 0) Write(file, buffer, static_cast<size_t>(n), offset);
    offset += n;
  }
  std::printf("%lld\n", static_cast<long long>(offset));
}

// Does only what any program must do that verifies a book of this size.
void Verify(const sockaddr_in& address, int file, int64_t size) {
  const auto receive = [&](Range range) {
    const int source = Ask(address, range);
    std::vector<uint8_t> piece(kChunkBytes);
    for (int64_t at = range.begin; at < range.end; at += static_cast<int64_t>(kChunkBytes)) {
      const size_t whole = std::min(kChunkBytes, static_cast<size_t>(range.end - at));
      if (recv(source, piece.data(), whole, MSG_WAITALL) != static_cast<ssize_t>(whole)) {
        std::fprintf(stderr, "the sender has less than that\n");
        std::exit(1);
      }
      const auto hash = arkshare::PieceHash(static_cast<uint64_t>(size),
                                            absl::MakeConstSpan(piece).subspan(0, whole));
      // The expected hash is not known. It is used so that the compiler does not remove it.
      if (hash == arkshare::Sha256Digest()) std::exit(1);
      Write(file, piece, whole, at);
    }
    close(source);
  };
  const auto chunk = static_cast<int64_t>(kChunkBytes);
  const int64_t middle = size / 2 / chunk * chunk;
  std::thread first(receive, Range{0, middle});
  receive({middle, size});
  first.join();
}

int CreateFile(const char* path) {
  return Need(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), path);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "send" && argc == 5) {
    signal(SIGPIPE, SIG_IGN);
    Send(argv[2], Address(argv[3], argv[4]));
  } else if (mode == "file" && argc == 5) {
    Receive(Address(argv[2], argv[3]), CreateFile(argv[4]));
  } else if (mode == "verify" && argc == 6) {
    Verify(Address(argv[2], argv[3]), CreateFile(argv[4]), std::atoll(argv[5]));
  } else if (mode == "drop" && argc == 4) {
    Receive(Address(argv[2], argv[3]), -1);
  } else {
    std::fprintf(stderr,
                 "usage: send FILE IP PORT | drop IP PORT | file IP PORT PATH | "
                 "verify IP PORT PATH BYTES\n");
    return 2;
  }
  return 0;
}
