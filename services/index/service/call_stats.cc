#include "services/index/service/call_stats.h"

#include <algorithm>

namespace arkshare {

void DurationCounts::Add(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  counts_[static_cast<size_t>(bound - kBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(absl::ToInt64Nanoseconds(duration), std::memory_order_relaxed);
}

DurationCounts::Snapshot DurationCounts::Read() const {
  Snapshot snapshot;
  for (size_t i = 0; i < counts_.size(); ++i) snapshot.counts[i] = counts_[i];
  snapshot.sum = absl::Nanoseconds(nanoseconds_.load());
  return snapshot;
}

absl::string_view MethodName(IndexMethod method) {
  constexpr std::array<absl::string_view, kIndexMethods> kNames = {
      "Register",  "Announce", "Search", "UpdateOwner", "Unregister", "ListPeers",
      "ListBooks", "Watch",    "Join",   "ListMembers", "CallPeer"};
  return kNames[static_cast<size_t>(method)];
}

void CallStats::CountEnd(IndexMethod method, const absl::Status& status) {
  Method& counts = methods_[static_cast<size_t>(method)];
  const Reason reason = GetReason(status);
  std::atomic<uint64_t>& count = reason == Reason::kUnspecified
                                     ? counts.codes[static_cast<size_t>(status.code())]
                                     : counts.reasons[static_cast<size_t>(reason)];
  count.fetch_add(1, std::memory_order_relaxed);
}

void CallStats::CountDuration(IndexMethod method, absl::Duration duration) {
  methods_[static_cast<size_t>(method)].durations.Add(duration);
}

std::map<std::string, uint64_t> CallStats::Ends(IndexMethod method) const {
  const Method& counts = methods_[static_cast<size_t>(method)];
  std::map<std::string, uint64_t> ends;
  for (size_t code = 0; code < kCodes; ++code) {
    if (counts.codes[code] == 0) continue;
    ends[absl::StatusCodeToString(static_cast<absl::StatusCode>(code))] = counts.codes[code];
  }
  for (const Reason reason : AllReasons()) {
    const uint64_t count = counts.reasons[static_cast<size_t>(reason)];
    if (count > 0) ends[std::string(ReasonName(reason))] = count;
  }
  return ends;
}

DurationCounts::Snapshot CallStats::Durations(IndexMethod method) const {
  return methods_[static_cast<size_t>(method)].durations.Read();
}

}  // namespace arkshare
