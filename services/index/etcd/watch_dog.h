// Whether a watch of etcd has gone silent.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_WATCH_DOG_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_WATCH_DOG_H_

#include <absl/time/time.h>

#include <cstdint>

namespace arkshare {

// A watch that tells nothing may be quiet or dead, and gRPC's pings find out too late. This replica
// commits a transaction each second, so it knows what the watch must tell. Pure: times are those of
// a monotonic clock, and the caller locks.
class WatchDog {
 public:
  // A watch is being opened, and then there is none any more.
  void Opened(absl::Time now);
  void Closed() { open_ = false; }
  // A response came; the reader is busy with it until Waiting.
  void Heard(absl::Time now);
  // The reader has folded everything up to `revision` and waits for more.
  void Waiting(int64_t revision, absl::Time now);
  // A transaction of this replica was committed: the watch must tell it.
  void Committed(int64_t revision, absl::Time now);

  // The log was refounded: revisions begin again.
  void Refounded();

  // True when the watch should be cancelled and opened elsewhere: nothing came for a second, and it
  // owes its first response or a committed revision for that long.
  bool Overdue(absl::Time now) const;

 private:
  bool open_ = false;
  bool created_ = false;
  bool busy_ = false;
  absl::Time heard_;  // also the time of its opening
  int64_t told_ = 0;
  int64_t owed_ = 0;                                // the largest committed revision
  absl::Time owed_since_ = absl::InfiniteFuture();  // when the oldest owed one was committed
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_WATCH_DOG_H_
