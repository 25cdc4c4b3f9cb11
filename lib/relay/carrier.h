// Copies bytes between pairs of connections.
#ifndef ARKSHARE_LIB_RELAY_CARRIER_H_
#define ARKSHARE_LIB_RELAY_CARRIER_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "lib/core/upload_turns.h"
#include "lib/relay/event_loop.h"

namespace arkshare {

// Carries tunnels on one EventLoop. A half-close of one side passes to the other, and so does a
// reset. A side that takes nothing holds its tunnel up, and no other: then at most 64 KiB wait
// here. With a rate, flows share it by deficit round robin (UploadTurns), so a flow gets no more
// for having more tunnels. Tunnels have no limit of time or bytes.
//
// All methods but the counters belong to the thread of the loop.
class Carrier {
 public:
  // `loop` must outlive it. 0 bytes a second means no limit, for the bytes of both directions.
  Carrier(EventLoop* loop, uint64_t bytes_per_second);
  // Breaks all tunnels, without their `done`. On the loop's thread, or after the loop has stopped.
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // The two connections of a tunnel, which it closes. They must not block, and the loop must not
  // watch them.
  struct Pair {
    int first = -1;
    int second = -1;
    std::string flow;  // whose share of the rate it uses
    std::string to_first;
    std::string to_second;
    // The byte that must come first from `first`; otherwise the tunnel breaks.
    std::optional<char> first_byte;
  };
  enum class End { kClosed, kBroken, kWrongFirstByte };
  // Carries until both directions have ended (kClosed), or one side has failed. `done` may be null.
  void Carry(Pair pair, std::function<void(End)> done);

  // Thread-safe. Open tunnels; and bytes that were carried so far, in both directions.
  size_t tunnels() const { return open_; }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Side {
    int fd = -1;
    std::string unsent;    // to this side
    size_t sent = 0;       // of unsent
    bool ended = false;    // it sends nothing more
    bool told = false;     // that the other one sends nothing more
    bool in_turn = false;  // waits for its turn to be read
    bool watched = false;
    uint32_t events = 0;  // for which it is watched
  };
  struct Tunnel {
    uint64_t id = 0;  // the streams of UploadTurns are 2 * id, and 2 * id + 1
    std::array<Side, 2> sides;
    std::optional<char> first_byte;
    std::function<void(End)> done;
  };
  using TunnelPtr = std::shared_ptr<Tunnel>;

  void OnEvents(uint64_t id, int side, uint32_t events);
  // Reads from a side what it has, up to `most` bytes, and sends it to the other side. False: the
  // tunnel has ended.
  bool Copy(const TunnelPtr& tunnel, int from, size_t most);
  // Asks for the side's turn to be read.
  void WantTurn(Tunnel& tunnel, int from);
  void RunTurns();
  // Sends what waits for the side. False: the tunnel has ended.
  bool Flush(const TunnelPtr& tunnel, int to);
  // Passes the end of a side on, and ends the tunnel after both. False: it has ended.
  bool PassEnd(const TunnelPtr& tunnel, int to);
  void Watch(const TunnelPtr& tunnel, int side);
  bool MayRead(const Tunnel& tunnel, int from) const;
  void EndTunnel(const TunnelPtr& tunnel, End end);

  EventLoop* const loop_;
  const std::unique_ptr<char[]> buffer_;
  absl::flat_hash_map<uint64_t, TunnelPtr> tunnels_;
  uint64_t next_id_ = 1;
  UploadTurns turns_;
  uint64_t turn_timer_ = 0;
  std::atomic<size_t> open_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RELAY_CARRIER_H_
