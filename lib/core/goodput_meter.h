// Measures how fast bytes went lately.
#ifndef ARKSHARE_LIB_CORE_GOODPUT_METER_H_
#define ARKSHARE_LIB_CORE_GOODPUT_METER_H_

#include <absl/time/time.h>

#include <cstdint>

namespace arkshare {

// A decaying mean of bytes a second over about the last five seconds. Pure: no lock, no clock.
// Times must not go back.
class GoodputMeter {
 public:
  // `bytes` have gone since the last call.
  void Note(uint64_t bytes, absl::Time now);
  // 0: unknown, because it has measured for less than a second, or no bytes go.
  double BytesPerSecond(absl::Time now) const;

 private:
  double DecayedBytes(absl::Time now) const;

  absl::Time begin_ = absl::InfinitePast();
  absl::Time last_ = absl::InfinitePast();
  double bytes_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_GOODPUT_METER_H_
