// Who may upload now, who waits, and for how long.
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

// A flow is one receiver, with any number of streams. A stream is small when at most
// kMaxSmallRangeBytes are left of it on arrival: small ones do not wait behind large ones, since
// they have slots of their own besides, and take one of the others only while no large stream waits
// for it. The next in line is a stream of the flow that has the fewest running ones of that kind,
// and of those the one that came first: who opens many streams gets its second one after everybody
// else's first. While nobody else waits one flow may have all slots. Nothing that runs is ended for
// somebody else, since all that run share the bytes fairly (UploadTurns).
// A pure decision: no lock, no clock.
class UploadLine {
 public:
  using Stream = uint64_t;

  // A quarter of the smallest piece: most texts are smaller, and it is gone in a fifth of a second
  // at 1 MiB/s, so that whoever waits for a small slot waits for moments.

  struct Options {
    // Streams at a time, not receivers: each costs a thread and some messages of memory. Eight fill
    // any line while some of their receivers are slow, and give four receivers two streams each.
    int slots = 8;
    int small_slots = 4;  // besides; 0: small streams wait among the others
    int max_waiting = 64;
  };

  explicit UploadLine(Options options) : options_(options) {}

  // A new stream that will send `bytes`. Runs or waits from now on; false when it can do neither,
  // because too many wait already.
  bool Arrive(Stream stream, const std::string& flow, uint64_t bytes);
  // Ends a stream, running or waiting. Its slot goes to the next in line.
  void Leave(Stream stream);
  // A running stream has sent so much more.
  void Sent(Stream stream, uint64_t bytes);

  bool IsRunning(Stream stream) const { return streams_.at(stream).lane != Lane::kNone; }
  // How many waiting streams are served before this one, as things stand.
  int Position(Stream stream) const { return streams_.at(stream).position; }
  // How long this one still waits when the peer sends so much a second; nullopt when that is 0.
  std::optional<absl::Duration> EstimatedWait(Stream stream, double bytes_per_second) const;
  // Grows whenever a waiting stream gets a slot or another position.
  uint64_t version() const { return version_; }

  // In the slots, without the small streams in theirs.
  int running() const { return Running(Lane::kSlots); }
  int waiting() const { return waiting_; }

  // When the first slot is free for somebody behind `earlier`: all `running` get the same share of
  // bytes_per_second, which is more than 0; whenever one ends the first of `earlier` takes its
  // place. Both are bytes still to be sent. At least one runs.
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
  // The waiting ones in the order in which they are served.
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
