// Figures of the log that the replicas share, for the index's metrics and for its health.
#ifndef ARKSHARE_SERVICES_INDEX_SHARED_LOG_LOG_METRICS_H_
#define ARKSHARE_SERVICES_INDEX_SHARED_LOG_LOG_METRICS_H_

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace arkshare {

enum class LogState {
  kJoining,  // nothing was loaded yet
  kLive,
  kCutOff,  // no answer of the engine for three seconds; reads may be old, writes fail
};
inline constexpr size_t kLogStates = 3;
constexpr absl::string_view LogStateName(LogState state) {
  constexpr absl::string_view kNames[kLogStates] = {"joining", "live", "cut_off"};
  return kNames[static_cast<size_t>(state)];
}

// Why the whole log was read.
enum class LoadCause { kStart, kCompacted, kGap, kReplicas, kRefounded };
inline constexpr size_t kLoadCauses = 5;
constexpr absl::string_view LoadCauseName(LoadCause cause) {
  constexpr absl::string_view kNames[kLoadCauses] = {"start", "compacted", "gap", "replicas",
                                                     "refounded"};
  return kNames[static_cast<size_t>(cause)];
}

struct LogMetrics {
  LogState state = LogState::kJoining;
  int64_t applied = 0;
  absl::Duration behind;
  size_t queued_bytes = 0;
  uint64_t transactions = 0;  // that were made
  uint64_t sent_again = 0;    // because an outcome was unknown
  uint64_t compactions = 0;   // by this replica
  std::array<uint64_t, kLoadCauses> loads{};
  int64_t store_bytes = 0;  // of the node that was asked last
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SHARED_LOG_LOG_METRICS_H_
