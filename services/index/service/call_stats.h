// Counts calls, how they ended and how long they took, for --metrics.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_CALL_STATS_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_CALL_STATS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "lib/core/errors.h"

namespace arkshare {

// Counts durations by size. Thread-safe, without locks.
class DurationCounts {
 public:
  // Upper bounds of the buckets, in seconds. A last bucket has all longer durations.
  static constexpr std::array<double, 14> kBounds = {0.00001, 0.000025, 0.00005, 0.0001, 0.00025,
                                                     0.0005,  0.001,    0.0025,  0.005,  0.01,
                                                     0.05,    0.25,     1,       5};

  void Add(absl::Duration duration);

  struct Snapshot {
    std::array<uint64_t, kBounds.size() + 1> counts{};  // of each bucket, not cumulative
    absl::Duration sum;
  };
  Snapshot Read() const;

 private:
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<int64_t> nanoseconds_ = 0;
};

enum class IndexMethod {
  kRegister,
  kAnnounce,  // each message counts as a call, and so does the end of a stream that fails
  kSearch,
  kUpdateOwner,
  kUnregister,
  kListPeers,
  kListBooks,
  kWatch,  // a stream counts as a call without a duration
  kJoin,
  kListMembers,
  kCallPeer,
};
inline constexpr size_t kIndexMethods = 11;
// Returns the name in the proto.
absl::string_view MethodName(IndexMethod method);

// Thread-safe, without locks.
class CallStats {
 public:
  void CountEnd(IndexMethod method, const absl::Status& status);
  void CountDuration(IndexMethod method, absl::Duration duration);

  // Returns counts by "OK", the error's reason, or the name of its code when it has no reason.
  // Leaves out counts of 0.
  std::map<std::string, uint64_t> Ends(IndexMethod method) const;
  DurationCounts::Snapshot Durations(IndexMethod method) const;

  // The time from a change until it was passed to a watcher's connection.
  DurationCounts watch_lag;
  // Open streams.
  std::atomic<int64_t> announce_streams = 0;
  std::atomic<int64_t> watch_streams = 0;
  // Statements of peers about their books.
  std::atomic<uint64_t> statements = 0;

 private:
  static constexpr size_t kCodes = 17;
  static constexpr size_t kReasons = static_cast<size_t>(Reason::kInternal) + 1;
  struct Method {
    std::array<std::atomic<uint64_t>, kCodes> codes{};  // of statuses without a reason
    std::array<std::atomic<uint64_t>, kReasons> reasons{};
    DurationCounts durations;
  };

  std::array<Method, kIndexMethods> methods_;
};

// Measures one call from its construction on.
class CallTimer {
 public:
  CallTimer(CallStats* stats, IndexMethod method)
      : stats_(stats), method_(method), begin_(std::chrono::steady_clock::now()) {}

  // Counts the end of the call and returns the same status.
  const absl::Status& End(const absl::Status& status) const {
    stats_->CountEnd(method_, status);
    stats_->CountDuration(method_, absl::FromChrono(std::chrono::steady_clock::now() - begin_));
    return status;
  }

 private:
  CallStats* const stats_;
  const IndexMethod method_;
  const std::chrono::steady_clock::time_point begin_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_CALL_STATS_H_
