// A long, thin line between two network namespaces, for kernels without netem: each end is a TUN
// device "wan0", and this program carries the packets between them, no faster than the rate, each
// later by the delay. What does not fit into the queue before the line is dropped, as a router
// does.
//
//   arkshare-bench-delay-line NAMESPACE_A NAMESPACE_B MBIT_PER_SECOND ONE_WAY_MS QUEUE_BYTES
//
// Prints "up" when both devices exist; the caller assigns their addresses. Runs until killed.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;
using Packet = std::vector<char>;

constexpr char kDevice[] = "wan0";
constexpr size_t kMaxPacketBytes = 2048;
// Packets taken from a device at a time, so that the other direction gets its turn.
constexpr int kBurst = 64;

void Need(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::exit(1);
}

// A new TUN device inside of `name_space`. Leaves this process in that namespace.
int OpenTun(const std::string& name_space) {
  const int ns = open(("/run/netns/" + name_space).c_str(), O_RDONLY | O_CLOEXEC);
  Need(ns >= 0 && setns(ns, CLONE_NEWNET) == 0, "entering the namespace");
  close(ns);
  const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  Need(tun >= 0, "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, kDevice, IFNAMSIZ - 1);
  Need(ioctl(tun, TUNSETIFF, &request) == 0, "TUNSETIFF");
  return tun;
}

struct LineOptions {
  double nanoseconds_per_byte;
  Nanoseconds delay;
  int64_t queue_bytes;
};

// One direction: packets come out in order, `delay` after their last byte has passed the rate
// limit. Pure: no devices, no clock.
class Line {
 public:
  explicit Line(const LineOptions& options) : options_(options) {}

  void Put(Packet packet, Clock::time_point now) {
    const Clock::time_point start = std::max(free_at_, now);
    const double waiting_bytes =
        static_cast<double>(Nanoseconds(start - now).count()) / options_.nanoseconds_per_byte;
    if (static_cast<int64_t>(waiting_bytes) + static_cast<int64_t>(packet.size()) >
        options_.queue_bytes) {
      return;  // The queue is full.
    }
    free_at_ = start + Nanoseconds(static_cast<int64_t>(static_cast<double>(packet.size()) *
                                                        options_.nanoseconds_per_byte));
    packets_.push_back({free_at_ + options_.delay, std::move(packet)});
  }

  // Returns when the next packet comes out.
  std::optional<Clock::time_point> next() const {
    return packets_.empty() ? std::nullopt : std::optional(packets_.front().due);
  }

  // Returns the next packet, if its time has come.
  std::optional<Packet> Take(Clock::time_point now) {
    if (packets_.empty() || packets_.front().due > now) return std::nullopt;
    Packet packet = std::move(packets_.front().bytes);
    packets_.pop_front();
    return packet;
  }

 private:
  struct Waiting {
    Clock::time_point due;
    Packet bytes;
  };

  const LineOptions options_;
  Clock::time_point free_at_{};
  std::deque<Waiting> packets_;
};

// Moves packets from the device into the line, and packets whose time has come to the other device.
void Carry(int from, Line& line, int to) {
  std::array<char, kMaxPacketBytes> buffer;
  for (int i = 0; i < kBurst; ++i) {
    const ssize_t n = read(from, buffer.data(), buffer.size());
    if (n <= 0) break;
    line.Put(Packet(buffer.data(), buffer.data() + n), Clock::now());
  }
  while (std::optional<Packet> packet = line.Take(Clock::now())) {
    // A device that is down or full loses packets, as any device does.
    [[maybe_unused]] const ssize_t sent = write(to, packet->data(), packet->size());
  }
}

// Waits until a device has a packet, or one comes out of a line.
void Wait(const std::array<int, 2>& tuns, const std::array<Line, 2>& lines) {
  Clock::time_point until = Clock::now() + std::chrono::milliseconds(100);
  for (const Line& line : lines) until = std::min(until, line.next().value_or(until));
  const int64_t left = std::max<int64_t>(Nanoseconds(until - Clock::now()).count(), 0);
  const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
  std::array<pollfd, 2> polled = {pollfd{tuns[0], POLLIN, 0}, pollfd{tuns[1], POLLIN, 0}};
  ppoll(polled.data(), polled.size(), &timeout, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: NAMESPACE_A NAMESPACE_B MBIT_PER_SECOND ONE_WAY_MS QUEUE_BYTES\n");
    return 2;
  }
  const LineOptions options{
      8000.0 / std::atof(argv[3]),
      Nanoseconds(static_cast<int64_t>(std::atof(argv[4]) * 1e6)),
      std::atoll(argv[5]),
  };
  const std::array<int, 2> tuns = {OpenTun(argv[1]), OpenTun(argv[2])};
  std::array<Line, 2> lines = {Line(options), Line(options)};
  std::puts("up");
  std::fflush(stdout);
  while (true) {
    Carry(tuns[0], lines[0], tuns[1]);
    Carry(tuns[1], lines[1], tuns[0]);
    Wait(tuns, lines);
  }
}
