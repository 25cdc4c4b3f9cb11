// How far the log is compacted, and by which replica.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_COMPACTION_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_COMPACTION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "etcdserverpb/rpc.pb.h"

namespace arkshare {

// The compaction as etcd has it, at one revision.
struct CompactionState {
  int64_t revision = 0;        // now
  int64_t written = 0;         // the revision of `compact`; 0: it was never written
  int64_t compacted = 0;       // its value
  int64_t lowest_applied = 0;  // of the live replicas; 0: there is none
};

// Returns the revision to compact up to: that of the last look, an interval ago, and below what
// every live replica has folded. nullopt: there is nothing to do, or another replica has done it
// since the last look. `last_look` is 0 at the first. Pure.
std::optional<int64_t> ChooseCompaction(const CompactionState& state, int64_t last_look);

// Reads what CompactionState has.
etcdserverpb::TxnRequest MakeCompactionRead(const std::string& prefix);
// nullopt: the answer has not the form that MakeCompactionRead asked for.
std::optional<CompactionState> ReadCompactionState(const etcdserverpb::TxnResponse& response);
// Writes how far the log is compacted, unless another replica has written it.
etcdserverpb::TxnRequest MakeCompactionClaim(const std::string& prefix, const std::string& birth,
                                             const CompactionState& state, int64_t target);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_COMPACTION_H_
