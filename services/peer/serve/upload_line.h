// Decides which streams upload now, which wait, and estimates for how long.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_
#define ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_

#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/limits.h"

namespace arkshare {

// A flow is one receiver, with any number of streams. A stream of at most kMaxSmallRangeBytes is
// small. Small streams have slots of their own, so they do not wait behind large ones, and take one
// of the other slots only while no large stream waits for it. kMaxSmallRangeBytes is a quarter of
// the smallest piece: most texts are smaller, and at 1 MiB/s it takes a quarter of a second, so the
// wait for a small slot is short.
//
// The next in line is a stream of the flow with the fewest running streams of that kind; of those,
// the stream that came first. So a receiver with many streams gets its second slot after every
// other receiver has its first. One flow may have all slots while no other flow waits. A running
// stream never has to end for another one, because running streams share the bytes fairly
// (UploadTurns).
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
  };

  explicit UploadLine(Options options) : options_(options) {}

  // Adds a stream that will send `bytes`; it runs or waits from now on. False, and not added, when
  // too many wait already.
  bool Arrive(Stream stream, const std::string& flow, uint64_t bytes);
  // Removes a stream, running or waiting. Its slot goes to the next in line.
  void Leave(Stream stream);
  // A running stream has sent `bytes` more.
  void Sent(Stream stream, uint64_t bytes);

  bool IsRunning(Stream stream) const { return streams_.at(stream).lane != Lane::kNone; }
  // How many waiting streams are served before this one, unless other streams come or leave.
  int Position(Stream stream) const { return streams_.at(stream).position; }
  // Estimates how long this stream still waits when the peer sends `bytes_per_second`; nullopt when
  // that is 0.
  std::optional<absl::Duration> EstimatedWait(Stream stream, double bytes_per_second) const;
  // Grows whenever a waiting stream gets a slot or another position.
  uint64_t version() const { return version_; }

  // Streams in the slots, without small streams in small slots.
  int running() const { return Running(Lane::kSlots); }
  int waiting() const { return waiting_; }

  // Estimates when a slot is free for a stream behind `earlier`: all `running` streams get the same
  // share of bytes_per_second, and whenever one ends the first of `earlier` takes its place. Both
  // list bytes still to be sent. Requires one running stream at least and a rate of more than 0.
  static absl::Duration EstimateWait(std::vector<uint64_t> running,
                                     absl::Span<const uint64_t> earlier, double bytes_per_second);

 private:
  enum class Kind { kLarge, kSmall };
  enum class Lane { kNone, kSlots, kSmall };  // kNone: waiting
  struct State {
    std::string flow;
    uint64_t left = 0;
    Kind kind = Kind::kLarge;
    Lane lane = Lane::kNone;
    int position = 0;
  };

  int Running(Lane lane) const;
  int SlotsOf(Lane lane) const;
  // The waiting streams in the order in which they are served.
  std::vector<Stream> Line(Kind kind) const;
  void Admit();
  void AdmitFirst(Kind kind, Lane lane);
  void Renumber();

  const Options options_;
  std::map<Stream, State> streams_;  // in order of arrival: the numbers rise
  std::map<std::pair<std::string, Kind>, int> running_of_;
  int in_slots_ = 0;
  int in_small_slots_ = 0;
  int waiting_ = 0;
  uint64_t version_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_UPLOAD_LINE_H_
