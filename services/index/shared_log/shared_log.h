// The log that all replicas of one index share: small keys with values, in one total order.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_SHARED_LOG_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_SHARED_LOG_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/index/shared_log/log_metrics.h"

namespace arkshare {

// The value of one key at one revision.
struct LogEntry {
  std::string key;  // without the prefix of the log
  std::string value;
  int64_t revision = 0;  // that wrote it (etcd: mod_revision), at least 1
};

// One change of one key, as the log tells it.
struct LogEvent {
  std::string key;
  std::optional<std::string> value;  // nullopt: the key was deleted
};

// A replica folds the log with it. The calls come one at a time, from one thread of the log, which
// holds no lock. The log gives itself time: until a call returns, nothing else is folded.
class LogFold {
 public:
  virtual ~LogFold() = default;

  // Replaces everything: the whole log as of `revision`, in the order of LogOrder. Called first,
  // and again when the log cannot prove that it has told every event.
  virtual void Load(int64_t revision, std::vector<LogEntry> entries) = 0;
  // The changes of one revision, in their order; none when it changed only the log's own keys.
  // Revisions only grow.
  virtual void Step(int64_t revision, std::vector<LogEvent> events) = 0;
  // The log is lost, or older than what was folded: everything that this replica has written may be
  // missing. Load follows.
  virtual void Refounded() = 0;
};

// Returns the place of a key in a load: `r/`, `s/`, `n/`, `l/`, `t/`, `c/`, then all others; so
// that tombstones come before the pages that they concern.
int LogOrder(absl::string_view key);

inline constexpr size_t kLogQueueBytes = 16 * 1024 * 1024;

// Thread-safe. No call blocks. Each `done` is called exactly once, without any lock of the log,
// possibly within the call.
class SharedLog {
 public:
  struct Guard {
    std::string key;
    int64_t revision = 0;  // that last wrote the key; 0: the key is absent
  };
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nullopt: delete it
  };
  // Made as a whole when all guards hold, otherwise not at all. At most 100 changes, 1.1 MiB.
  struct Write {
    std::vector<Guard> guards;
    std::vector<Change> changes;
    // Writes of one chain are made in the order of their Commit calls. Empty: of none.
    std::string chain;
  };
  struct Outcome {
    // The revision that made it, or at which a guard did not hold. Folded here before `done`.
    int64_t revision = 0;
    bool made = false;
    // When not made: what the guarded keys had then, in the order of the guards (revision 0: none).
    std::vector<LogEntry> found;
  };
  using Done = std::function<void(absl::StatusOr<Outcome>)>;
  // After: OK or STORE_UNREACHABLE (UNAVAILABLE). The revision is folded here before it is called.
  using Reached = std::function<void(absl::StatusOr<int64_t>)>;

  using State = LogState;

  virtual ~SharedLog() = default;

  // Sets the bytes that the other replicas are told of this one, up to 1 KiB: the fold gets them as
  // the value of the key `r/<name>`. Call it before Start.
  virtual void Introduce(std::string /*about*/) {}
  // Folds from now on. `fold` must outlive Stop.
  virtual void Start(LogFold* fold) = 0;
  // Ends the threads. Every `done` that is left gets SHUTTING_DOWN. Idempotent. Blocks.
  virtual void Stop() = 0;

  // STORE_UNREACHABLE (UNAVAILABLE): cut off, so it is not known to be made: the write is dropped
  // if it was not sent, and repeated until its outcome is known otherwise; STORE_FULL
  // (RESOURCE_EXHAUSTED): the engine has no room. A write whose outcome was lost is sent again as
  // it is: the caller makes its writes so that twice is like once, and recognises its own values in
  // `found`.
  virtual void Commit(Write write, Done done) = 0;
  // Everything that was committed before the call, anywhere, is folded here before `done`.
  virtual void Mark(Reached done) = 0;
  // Returns when this revision is folded here; INDEX_BEHIND (UNAVAILABLE) after `limit`.
  virtual void Await(int64_t revision, absl::Duration limit, Reached done) = 0;

  // This replica's name in the log: 16 hex digits, new for each process. The log keeps the key
  // `r/<name>` there for as long as the process lives, and the engine removes it 8 s later (0.8 of
  // the lease of sessions).
  virtual const std::string& replica() const = 0;
  // 16 bytes that name the log; another one after Refounded. Empty while joining.
  virtual std::string birth() const = 0;
  // The revision at which the log got this birth. Keys that were written before are from a backup,
  // and may be older than what was answered. 0 while joining.
  virtual int64_t founded() const { return 0; }
  virtual State state() const = 0;
  // The last revision that was folded here.
  virtual int64_t applied() const = 0;
  // How long no answer has come; zero when live.
  virtual absl::Duration behind() const = 0;
  // Bytes of writes that were not sent yet. Above kLogQueueBytes, a caller that can hold its own
  // callers back does so. Above sixteen times that, writes fail with STORE_UNREACHABLE.
  virtual size_t queued_bytes() const { return 0; }
  // Calls `go` when a caller that was held back may go on: when there is room for what it is likely
  // to bring, or when the log takes no writes. Only some of many callers go on at a time.
  virtual void AwaitRoom(std::function<void()> go) { go(); }
  // All of these, and what was counted since the process began.
  virtual LogMetrics metrics() const = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_SHARED_LOG_H_
