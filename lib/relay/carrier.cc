#include "lib/relay/carrier.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/relay/sockets.h"

namespace arkshare {
namespace {

// Larger reads are not faster, and a tunnel that is held up keeps this much.
constexpr size_t kCopyBytes = size_t{64} * 1024;
// Reads of one side before the other tunnels have their turn.
constexpr int kReadsInTurn = 4;

absl::Time CarryNow() { return Clock::Real()->Monotonic(); }

// Returns how many bytes can be read at once.
size_t WaitingBytes(int fd) {
  int waiting = 0;
  (void)ioctl(fd, FIONREAD, &waiting);
  return static_cast<size_t>(std::max(waiting, 0));
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Carrier::Carrier(EventLoop* loop, uint64_t bytes_per_second)
    : loop_(loop), buffer_(new char[kCopyBytes]), turns_(bytes_per_second, CarryNow()) {}

Carrier::~Carrier() {
  for (const auto& [id, tunnel] : tunnels_) {
    for (const Side& side : tunnel->sides) {
      if (side.watched) loop_->Forget(side.fd);
      CloseWithReset(side.fd);
    }
  }
  loop_->Cancel(turn_timer_);
}

void Carrier::Carry(Pair pair, std::function<void(End)> done) {
  auto tunnel = std::make_shared<Tunnel>();
  tunnel->id = next_id_++;
  tunnel->first_byte = pair.first_byte;
  tunnel->done = std::move(done);
  tunnel->sides[0].fd = pair.first;
  tunnel->sides[1].fd = pair.second;
  tunnel->sides[0].unsent = std::move(pair.to_first);
  tunnel->sides[1].unsent = std::move(pair.to_second);
  tunnels_[tunnel->id] = tunnel;
  ++open_;
  if (turns_.rate() > 0) {
    turns_.Join(2 * tunnel->id, pair.flow);
    turns_.Join(2 * tunnel->id + 1, pair.flow);
  }
  for (const Side& side : tunnel->sides) TuneCarried(side.fd);
  for (int side = 0; side < 2; ++side) {
    if (!Flush(tunnel, side)) return;
  }
  for (int side = 0; side < 2; ++side) Watch(tunnel, side);
}

bool Carrier::MayRead(const Tunnel& tunnel, int from) const {
  const Side& side = tunnel.sides[static_cast<size_t>(from)];
  return !side.ended && !side.in_turn && tunnel.sides[static_cast<size_t>(1 - from)].unsent.empty();
}

void Carrier::Watch(const TunnelPtr& tunnel, int index) {
  Side& side = tunnel->sides[static_cast<size_t>(index)];
  const uint32_t events = (MayRead(*tunnel, index) ? uint32_t{EPOLLIN} : 0) |
                          (side.unsent.empty() ? 0 : uint32_t{EPOLLOUT});
  if (side.watched) {
    if (std::exchange(side.events, events) != events) loop_->Change(side.fd, events);
    return;
  }
  // Both directions have ended, so epoll would report that again and again.
  if (events == 0 && side.ended && side.told) return;
  side.watched = true;
  side.events = events;
  loop_->Watch(side.fd, events,
               [this, id = tunnel->id, index](uint32_t ready) { OnEvents(id, index, ready); });
}

void Carrier::OnEvents(uint64_t id, int index, uint32_t events) {
  const auto place = tunnels_.find(id);
  if (place == tunnels_.end()) return;
  const TunnelPtr tunnel = place->second;
  Side& side = tunnel->sides[static_cast<size_t>(index)];
  if ((events & EPOLLERR) != 0 && ConnectError(side.fd) != 0) {
    return EndTunnel(tunnel, End::kBroken);
  }
  if ((events & EPOLLOUT) != 0 && !Flush(tunnel, index)) return;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0 && MayRead(*tunnel, index)) {
    if (turns_.rate() > 0) {
      WantTurn(*tunnel, index);
      RunTurns();
      if (!tunnels_.contains(id)) return;
    } else if (!Copy(tunnel, index, kReadsInTurn * kCopyBytes)) {
      return;
    }
  } else if ((events & EPOLLHUP) != 0) {
    // It is closed in both directions, and epoll would report that until it can be read.
    loop_->Forget(side.fd);
    side.watched = false;
  }
  for (int i = 0; i < 2; ++i) {
    const Side& watched = tunnel->sides[static_cast<size_t>(i)];
    if (watched.watched || MayRead(*tunnel, i) || !watched.unsent.empty()) Watch(tunnel, i);
  }
}

bool Carrier::Copy(const TunnelPtr& tunnel, int from, size_t most) {
  Side& source = tunnel->sides[static_cast<size_t>(from)];
  Side& target = tunnel->sides[static_cast<size_t>(1 - from)];
  while (most > 0 && target.unsent.empty()) {
    const size_t wanted = std::min(most, kCopyBytes);
    const ssize_t got = recv(source.fd, buffer_.get(), wanted, 0);
    if (got < 0 && WouldBlock(errno)) return true;
    if (got < 0) {
      EndTunnel(tunnel, End::kBroken);
      return false;
    }
    if (got == 0) {
      source.ended = true;
      return PassEnd(tunnel, 1 - from);
    }
    if (from == 0 && tunnel->first_byte.has_value()) {
      if (buffer_[0] != *tunnel->first_byte) {
        EndTunnel(tunnel, End::kWrongFirstByte);
        return false;
      }
      tunnel->first_byte.reset();
    }
    const auto count = static_cast<size_t>(got);
    bytes_ += count;
    ssize_t sent = send(target.fd, buffer_.get(), count, MSG_NOSIGNAL);
    if (sent < 0 && !WouldBlock(errno)) {
      EndTunnel(tunnel, End::kBroken);
      return false;
    }
    sent = std::max<ssize_t>(sent, 0);
    target.unsent.assign(buffer_.get() + sent, count - static_cast<size_t>(sent));
    target.sent = 0;
    if (count < wanted) return true;
    most -= count;
  }
  return true;
}

void Carrier::WantTurn(Tunnel& tunnel, int from) {
  Side& side = tunnel.sides[static_cast<size_t>(from)];
  // At least a byte: it may also be the end that waits.
  const size_t bytes = std::clamp<size_t>(WaitingBytes(side.fd), 1, kCopyBytes);
  side.in_turn = true;
  turns_.Want(2 * tunnel.id + static_cast<uint64_t>(from), bytes);
}

void Carrier::RunTurns() {
  while (const std::optional<UploadTurns::Turn> turn = turns_.Next(CarryNow())) {
    const TunnelPtr tunnel = tunnels_.at(turn->stream / 2);
    const int from = static_cast<int>(turn->stream % 2);
    const Side& side = tunnel->sides[static_cast<size_t>(from)];
    tunnel->sides[static_cast<size_t>(from)].in_turn = false;
    if (!Copy(tunnel, from, turn->bytes)) continue;
    // At once, while its flow has its turn: otherwise a flow with more tunnels would get more.
    if (MayRead(*tunnel, from) && WaitingBytes(side.fd) > 0) WantTurn(*tunnel, from);
    for (int i = 0; i < 2; ++i) Watch(tunnel, i);
  }
  loop_->Cancel(turn_timer_);
  const absl::Duration wait = turns_.Wait(CarryNow());
  turn_timer_ = wait > absl::ZeroDuration() ? loop_->After(wait, [this] { RunTurns(); }) : 0;
}

bool Carrier::Flush(const TunnelPtr& tunnel, int to) {
  Side& side = tunnel->sides[static_cast<size_t>(to)];
  if (side.unsent.empty()) return true;
  const ssize_t sent =
      send(side.fd, side.unsent.data() + side.sent, side.unsent.size() - side.sent, MSG_NOSIGNAL);
  if (sent < 0 && !WouldBlock(errno)) {
    EndTunnel(tunnel, End::kBroken);
    return false;
  }
  side.sent += static_cast<size_t>(std::max<ssize_t>(sent, 0));
  if (side.sent < side.unsent.size()) return true;
  side.unsent = std::string();
  side.sent = 0;
  return PassEnd(tunnel, to);
}

bool Carrier::PassEnd(const TunnelPtr& tunnel, int to) {
  Side& side = tunnel->sides[static_cast<size_t>(to)];
  const bool other_ended = tunnel->sides[static_cast<size_t>(1 - to)].ended;
  if (!other_ended || side.told || !side.unsent.empty()) return true;
  side.told = true;
  (void)shutdown(side.fd, SHUT_WR);
  if (!tunnel->sides[0].told || !tunnel->sides[1].told) return true;
  EndTunnel(tunnel, End::kClosed);
  return false;
}

void Carrier::EndTunnel(const TunnelPtr& tunnel, End end) {
  for (Side& side : tunnel->sides) {
    if (std::exchange(side.watched, false)) loop_->Forget(side.fd);
  }
  if (turns_.rate() > 0) {
    turns_.Leave(2 * tunnel->id);
    turns_.Leave(2 * tunnel->id + 1);
  }
  tunnels_.erase(tunnel->id);
  --open_;
  if (tunnel->done) tunnel->done(end);
  // Last, so that both ends find counted and gone what they see closed.
  for (const Side& side : tunnel->sides) {
    if (end == End::kClosed) {
      close(side.fd);
    } else {
      CloseWithReset(side.fd);
    }
  }
}

}  // namespace arkshare
