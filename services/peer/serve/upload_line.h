// Decides which streams upload now, which wait, and estimates for how long.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_
#define ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_

#include <absl/time/time.h>
#include <absl/types/span.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/limits.h"

namespace arkshare {

// A flow is one receiver, with any number of streams; a network is what several receivers may share
// (NetworkOfCaller). A stream of at most kMaxSmallRangeBytes is small. Small streams have slots of
// their own, so they do not wait behind large ones, and take one of the other slots only while no
// large stream waits for it. kMaxSmallRangeBytes is a quarter of the smallest piece: most texts are
// smaller, and at 1 MiB/s it takes a quarter of a second, so the wait for a small slot is short.
//
// The next in line is a stream of the network with the fewest streams of that kind in slots or
// parked; of those, of the flow with the fewest; of those, the stream that came first. So a
// receiver with many streams, or with many connections, gets its second slot after every other
// network has its first. One flow may have all slots while no other flow waits. For a network that
// has nothing while others have all slots there is one slot more of either kind, so it need not
// wait until one of theirs ends.
//
// A running stream never has to end for another one, because running streams share the bytes fairly
// (UploadTurns). A stream whose receiver takes nothing can be parked: it gives its slot, or its
// place, to the next in line, and waits for a slot again when its receiver has taken something.
//
// The waiting and the parked streams are bounded. When too many wait, the last one of the network
// with the most of them is dropped; when too many are parked, the one that was parked first.
//
// Pure: no lock, no clock. Not thread-safe.
class UploadLine {
 public:
  using Stream = uint64_t;

  struct Options {
    // Streams at a time: each costs a thread and the memory of some messages. Eight fill any line
    // even when some of their receivers are slow, and give four receivers two streams each.
    int slots = 8;
    int small_slots = 4;  // in addition; 0: small streams wait among the large ones
    int max_waiting = 64;
    int max_parked = 64;
  };
  struct Receiver {
    std::string flow;
    std::string network;
  };

  explicit UploadLine(Options options) : options_(options) {}

  // Adds a stream that will send `bytes`; it runs or waits from now on. False, and not added, when
  // too many wait already; otherwise another stream may have been dropped.
  bool Arrive(Stream stream, const Receiver& receiver, uint64_t bytes);
  // Removes a stream, also a parked or a dropped one. Its slot goes to the next in line.
  void Leave(Stream stream);
  // A running stream has sent `bytes` more.
  void Sent(Stream stream, uint64_t bytes);
  // Sets whether a waiting stream could use a slot at this moment. A new stream could; one whose
  // receiver has not taken yet what it was told could not, and others go past it.
  void SetReady(Stream stream, bool ready);
  // Whether a stream waits that could use the slot of this running stream.
  bool IsInTheWay(Stream stream) const;
  // Takes the slot from a running stream, or its place from a waiting one.
  void Park(Stream stream);
  // Lets a parked stream run or wait again. Its time of arrival counts.
  void Resume(Stream stream);
  // Returns the streams that were dropped since the last call. They have no place any more.
  std::vector<Stream> TakeDropped() { return std::exchange(dropped_, {}); }

  bool IsRunning(Stream stream) const { return HasSlot(streams_.at(stream).lane); }
  bool IsWaiting(Stream stream) const { return streams_.at(stream).lane == Lane::kWaiting; }
  bool IsParked(Stream stream) const { return streams_.at(stream).lane == Lane::kParked; }
  bool IsDropped(Stream stream) const { return streams_.at(stream).lane == Lane::kDropped; }
  // How many waiting streams are served before this one, unless other streams come or leave.
  int Position(Stream stream) const { return streams_.at(stream).position; }
  // Estimates how long this stream still waits when the peer sends `bytes_per_second`; nullopt when
  // that is 0.
  std::optional<absl::Duration> EstimatedWait(Stream stream, double bytes_per_second) const;
  // Grows whenever a waiting stream gets a slot or another position.
  uint64_t version() const { return version_; }

  // Streams in the slots, without small streams in small slots.
  int running() const { return InLane(Lane::kSlots); }
  int waiting() const { return waiting_; }
  // The waiting streams that could use a slot at this moment (SetReady).
  int ready() const;
  int parked() const { return InLane(Lane::kParked); }
  // The most streams that can be here.
  int most_streams() const;

  // Estimates when a slot is free for a stream behind `earlier`: all `running` streams get the same
  // share of bytes_per_second, and whenever one ends the first of `earlier` takes its place. Both
  // list bytes still to be sent. Requires one running stream at least and a rate of more than 0.
  static absl::Duration EstimateWait(std::vector<uint64_t> running,
                                     absl::Span<const uint64_t> earlier, double bytes_per_second);

 private:
  enum class Kind { kLarge, kSmall };
  // kGuest and kSmallGuest are the slots for networks that have none.
  enum class Lane { kWaiting, kSlots, kSmall, kGuest, kSmallGuest, kParked, kDropped };
  struct State {
    Receiver receiver;
    uint64_t left = 0;
    Kind kind = Kind::kLarge;
    Lane lane = Lane::kWaiting;
    bool ready = true;
    int position = 0;
  };

  using Counts = std::map<std::pair<std::string, Kind>, int>;

  static bool HasSlot(Lane lane) { return lane >= Lane::kSlots && lane <= Lane::kSmallGuest; }
  static int CountOf(const Counts& counts, const std::string& name, Kind kind);
  static void Add(Counts& counts, const std::string& name, Kind kind, int by);
  int InLane(Lane lane) const { return in_lane_[static_cast<size_t>(lane)]; }
  int SlotsOf(Lane lane) const;
  // Changes the lane of a stream, and all counts.
  void Move(State& state, Lane to);
  void Drop(Stream stream);
  // Makes room for a stream that has just come; false when it has to go itself.
  bool MakeRoomFor(Stream stream);
  // Whether a stream of this kind, or of any kind, waits and is ready.
  bool AnyReady(std::optional<Kind> kind) const;
  // The waiting streams in the order in which they are served.
  std::vector<Stream> Line(Kind kind) const;
  // Whether a network has nothing that keeps it from a guest slot: no small stream, and for a large
  // one no stream at all.
  bool IsGuest(const std::string& network, Kind kind) const;
  void Admit();
  void AdmitFirst(Kind kind, Lane lane, Lane guest_lane);
  void Renumber();

  const Options options_;
  std::map<Stream, State> streams_;  // in order of arrival: the numbers rise
  // Streams in slots or parked.
  Counts of_flow_;
  Counts of_network_;
  std::array<int, static_cast<size_t>(Lane::kDropped) + 1> in_lane_{};
  int waiting_ = 0;
  std::vector<Stream> parked_;  // in the order in which they were parked
  std::vector<Stream> dropped_;
  uint64_t version_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_
