// The keys of the log in etcd: those of its owners behind a prefix, and the log's own.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_LOG_KEYS_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_LOG_KEYS_H_

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <string>

namespace arkshare {

// 16 random bytes that name the log.
inline constexpr absl::string_view kBirthKey = "birth";
// Written in every transaction of the log, so its version counts them. Its value is another one
// each time, so that it tells one history of the log from another.
inline constexpr absl::string_view kHeadKey = "head";
// How far the log is compacted, and when that was decided.
inline constexpr absl::string_view kCompactKey = "compact";
// One leased key a replica.
inline constexpr absl::string_view kReplicaKeys = "r/";

inline bool IsOwnKeyOfLog(absl::string_view key) {
  return key == kBirthKey || key == kHeadKey || key == kCompactKey;
}

// Returns the end of the range of all keys that begin with `prefix`, whose last byte must be less
// than 0xff.
inline std::string EndOfPrefix(absl::string_view prefix) {
  std::string end(prefix);
  ++end.back();
  return end;
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_LOG_KEYS_H_
