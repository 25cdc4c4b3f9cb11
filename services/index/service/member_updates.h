// The list of members on the wire.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "lib/core/member_list.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Makes updates for the Announce streams, each one once for all streams. Thread-safe.
class MemberUpdates {
 public:
  // An encoded MembersUpdate with the version to which it leads.
  struct Update {
    uint64_t version = 0;
    grpc::Slice bytes;
  };

  // To be called with the first list, and then after each change, in order.
  void Set(std::shared_ptr<const MemberList> list);
  // Returns what a peer lacks that has a version of the list: the changes since then, while that
  // list is in memory, otherwise the whole list. Nothing when the peer has this version or a newer
  // one, or there was no Set.
  std::optional<Update> From(uint64_t version);

 private:
  // Older lists in memory: a peer that is away while more changes are made gets the whole list.
  static constexpr size_t kMostOlder = 8;

  Mutex mutex_;
  std::shared_ptr<const MemberList> list_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const MemberList>> older_ ABSL_GUARDED_BY(mutex_);
  // To list_, by the version from which it leads; 0 for the whole list.
  std::map<uint64_t, grpc::Slice> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_MEMBER_UPDATES_H_
