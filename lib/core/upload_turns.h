// Shares the upload limit fairly between receivers: decides which stream sends next.
#ifndef ARKSHARE_LIB_CORE_UPLOAD_TURNS_H_
#define ARKSHARE_LIB_CORE_UPLOAD_TURNS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "lib/core/rate_limiter.h"

namespace arkshare {

// Deficit round robin (Shreedhar and Varghese, 1995) over flows; a flow is one receiver, with any
// number of streams. In its turn a flow gets a quantum of bytes, one chunk, and spends it on its
// streams in the order in which they want to send. It keeps the rest. A flow may have nothing to
// send in its turn, because its last bytes are still being written; it then saves at most two
// quanta, so a flow with several streams gets no more for that. No flow waits for a flow that has
// nothing to send.
//
// Pure: no lock, no clock. Times must not go back. Not thread-safe.
class UploadTurns {
 public:
  using Stream = uint64_t;

  // 0 bytes a second means no limit.
  UploadTurns(uint64_t bytes_per_second, absl::Time now) : bucket_(bytes_per_second, now) {}

  void SetRate(uint64_t bytes_per_second, absl::Time now) {
    bucket_.SetRate(bytes_per_second, now);
  }
  uint64_t rate() const { return bucket_.rate(); }
  // Charges for `bytes` that go out without a turn: they are paid for before the next turn.
  void Owe(uint64_t bytes, absl::Time now) { bucket_.Take(bytes, now); }

  void Join(Stream stream, const std::string& flow);
  // Allowed also while the stream wants to send.
  void Leave(Stream stream);

  // The stream, which has joined and wants nothing yet, could send up to `bytes`, more than 0, now.
  void Want(Stream stream, uint64_t bytes);
  void Unwant(Stream stream);
  struct Turn {
    Stream stream = 0;
    uint64_t bytes = 0;  // never more than it wanted
  };
  // Returns the stream that sends now; nullopt when none wants to, or when the limit says wait.
  std::optional<Turn> Next(absl::Time now);
  // How long to wait until the limit allows the next turn.
  absl::Duration Wait(absl::Time now) const { return bucket_.Wait(now); }

 private:
  struct Wish {
    Stream stream = 0;
    uint64_t bytes = 0;
  };
  struct Flow {
    std::string name;
    int streams = 0;
    uint64_t deficit = 0;  // bytes it may send in its turn
    std::deque<Wish> wishes;
  };
  using Ring = std::list<Flow>;

  TokenBucket bucket_;
  Ring ring_;               // flows that have a stream; the front one has its turn
  bool has_begun_ = false;  // the front flow has got its quantum for this turn
  size_t wishes_ = 0;
  std::map<Stream, Ring::iterator> streams_;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_UPLOAD_TURNS_H_
