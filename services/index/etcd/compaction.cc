#include "services/index/etcd/compaction.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "replica/presence.pb.h"
#include "services/index/etcd/log_keys.h"
#include "services/index/etcd/log_transaction.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

std::optional<int64_t> ChooseCompaction(const CompactionState& state, int64_t last_look) {
  if (last_look == 0 || state.lowest_applied == 0) return std::nullopt;
  if (state.written > last_look) return std::nullopt;
  const int64_t target = std::min(last_look, state.lowest_applied);
  if (target <= state.compacted) return std::nullopt;
  return target;
}

pb::TxnRequest MakeCompactionRead(const std::string& prefix) {
  pb::TxnRequest request;
  AddRead(absl::StrCat(prefix, kCompactKey), request.add_success());
  const std::string replicas = absl::StrCat(prefix, kReplicaKeys);
  pb::RangeRequest* range = request.add_success()->mutable_request_range();
  range->set_key(replicas);
  range->set_range_end(EndOfPrefix(replicas));
  return request;
}

std::optional<CompactionState> ReadCompactionState(const pb::TxnResponse& response) {
  if (!response.succeeded() || response.responses_size() != 2) return std::nullopt;
  CompactionState state;
  state.revision = response.header().revision();
  const auto& compact = response.responses(0).response_range().kvs();
  if (!compact.empty()) {
    state.written = compact[0].mod_revision();
    if (!absl::SimpleAtoi(compact[0].value(), &state.compacted)) return std::nullopt;
  }
  for (const mvccpb::KeyValue& kv : response.responses(1).response_range().kvs()) {
    replica::Presence presence;
    // A replica whose value cannot be read may need every revision.
    if (!presence.ParseFromString(kv.value()) || presence.applied() == 0) {
      state.lowest_applied = 0;
      return state;
    }
    state.lowest_applied = state.lowest_applied == 0
                               ? presence.applied()
                               : std::min(state.lowest_applied, presence.applied());
  }
  return state;
}

pb::TxnRequest MakeCompactionClaim(const std::string& prefix, const std::string& birth,
                                   const CompactionState& state, int64_t target) {
  pb::TxnRequest request;
  DemandBirth(prefix, birth, request);
  pb::Compare* compare = request.add_compare();
  compare->set_result(pb::Compare::EQUAL);
  compare->set_target(pb::Compare::MOD);
  compare->set_key(absl::StrCat(prefix, kCompactKey));
  compare->set_mod_revision(state.written);
  AddPut(absl::StrCat(prefix, kCompactKey), absl::StrCat(target), request.add_success());
  AddHead(prefix, request);
  return request;
}

}  // namespace arkshare
