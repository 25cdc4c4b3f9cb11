#include "services/index/etcd/etcd_beat.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/log.h"
#include "replica/presence.pb.h"
#include "services/index/etcd/compaction.h"
#include "services/index/etcd/etcd_version.h"
#include "services/index/etcd/log_keys.h"
#include "services/index/etcd/log_transaction.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

namespace {

constexpr absl::Duration kBeat = absl::Seconds(1);
constexpr absl::Duration kBeatTimeout = absl::Seconds(1);
constexpr absl::Duration kCompactTimeout = absl::Seconds(5);
constexpr absl::Duration kStatusInterval = absl::Minutes(1);

}  // namespace

void EtcdBeat::Start() {
  thread_ = std::thread([this] { Run(); });
}

void EtcdBeat::Join() {
  if (thread_.joinable()) thread_.join();
}

void EtcdBeat::Run() {
  while (true) {
    const std::string birth = parts_.board->AwaitBirth();
    if (parts_.board->stopped()) return;
    if (birth != birth_) {
      // The lease of a log that is lost may be there or not: another one is certain.
      birth_ = birth;
      lease_ = 0;
      check_.Forget();
      compaction_look_ = 0;
    }
    const absl::Time began = parts_.clock->Monotonic();
    absl::Duration pause;
    if (Beat(birth)) {
      AskStatus();
      Compact(birth);
      pause = kBeat - (parts_.clock->Monotonic() - began);
    } else {
      pause = std::max(parts_.client->Pause(), absl::Milliseconds(50));
    }
    if (!parts_.board->Sleep(pause)) return;
  }
}

bool EtcdBeat::Beat(const std::string& birth) { return KeepLease() && PutPresence(birth); }

bool EtcdBeat::KeepLease() {
  const bool own_key_went = beat_ > 0 && parts_.board->TakeOwnKeyWent();
  if (lease_ != 0 && !own_key_went) {
    const auto kept = parts_.client->LeaseKeepAlive(lease_, kBeatTimeout);
    if (!kept.ok()) return false;
    if (kept.response.ttl() > 0) return true;
    LogWarning("etcd_lease_gone", {{"replica", parts_.replica_key}});
  }
  // An answer to a keepalive proves less than the key: a lease may be revoked already.
  pb::LeaseGrantRequest request;
  request.set_ttl(absl::ToInt64Seconds(parts_.lease));
  const auto granted = parts_.client->LeaseGrant(request, kBeatTimeout);
  if (!granted.ok() || granted.response.id() == 0) return false;
  lease_ = granted.response.id();
  return true;
}

bool EtcdBeat::PutPresence(const std::string& birth) {
  replica::Presence presence;
  presence.set_beat(++beat_);
  presence.set_applied(parts_.board->folded());
  presence.set_about(about_);
  pb::TxnRequest request;
  DemandBirth(parts_.prefix, birth, request);
  const std::string replicas = absl::StrCat(parts_.prefix, kReplicaKeys);
  pb::RangeRequest* range = request.add_success()->mutable_request_range();
  range->set_key(replicas);
  range->set_range_end(EndOfPrefix(replicas));
  range->set_keys_only(true);
  pb::RequestOp* put = request.add_success();
  AddPut(absl::StrCat(parts_.prefix, parts_.replica_key), presence.SerializeAsString(), put);
  put->mutable_request_put()->set_lease(lease_);
  AddHead(parts_.prefix, request);
  const int64_t folded = parts_.board->folded();
  const auto answer = parts_.client->Txn(request, kBeatTimeout);
  if (answer.fault == EtcdFault::kLeaseGone) lease_ = 0;
  // Without room etcd still keeps leases alive; the writers tell their callers.
  if (answer.fault == EtcdFault::kNoSpace) return true;
  if (!answer.ok()) return false;
  if (!answer.response.succeeded()) {
    // The log has another birth: the follower looks.
    parts_.board->EndWatch();
    return true;
  }
  parts_.board->Committed(answer.response.header().revision(), folded);
  if (answer.response.header().revision() <= folded) return true;
  parts_.board->Beat(beat_);
  CompareReplicas(answer.response);
  return true;
}

void EtcdBeat::CompareReplicas(const pb::TxnResponse& response) {
  if (response.responses_size() == 0) return;
  PresenceCheck::Keys stored;
  for (const mvccpb::KeyValue& kv : response.responses(0).response_range().kvs()) {
    stored.insert(kv.key().substr(parts_.prefix.size()));
  }
  if (!check_.Differs(stored, response.header().revision(), parts_.board->replicas(),
                      parts_.board->folded())) {
    return;
  }
  LogWarning("etcd_lost_a_replica",
             {{"stored", stored.size()}, {"folded", parts_.board->replicas().size()}});
  check_.Forget();
  parts_.board->DemandLoad(LoadCause::kReplicas);
}

void EtcdBeat::Compact(const std::string& birth) {
  if (parts_.compact == absl::ZeroDuration()) return;
  const absl::Time now = parts_.clock->Monotonic();
  if (next_compaction_.has_value() && now < *next_compaction_) return;
  const auto read = parts_.client->Txn(MakeCompactionRead(parts_.prefix), kBeatTimeout);
  if (!read.ok()) return;
  next_compaction_ = now + parts_.compact;
  const std::optional<CompactionState> state = ReadCompactionState(read.response);
  if (!state.has_value()) return;
  const std::optional<int64_t> target = ChooseCompaction(*state, compaction_look_);
  compaction_look_ = state->revision;
  if (!target.has_value()) return;
  const auto claim =
      parts_.client->Txn(MakeCompactionClaim(parts_.prefix, birth, *state, *target), kBeatTimeout);
  if (!claim.ok() || !claim.response.succeeded()) return;
  pb::CompactionRequest request;
  request.set_revision(*target);
  const auto done = parts_.client->Compact(request, kCompactTimeout);
  // Another user of this etcd may have compacted further.
  if (!done.ok() && done.fault != EtcdFault::kCompacted) {
    LogWarning("etcd_compaction_failed", {{"revision", *target}, {"why", done.message}});
    return;
  }
  parts_.board->CountCompaction();
  LogInfo("etcd_compacted", {{"revision", *target}});
}

void EtcdBeat::AskStatus() {
  const absl::Time now = parts_.clock->Monotonic();
  if (told_version_ && now < next_status_) return;
  const auto status = parts_.client->Status(kBeatTimeout);
  if (!status.ok()) return;
  next_status_ = now + kStatusInterval;
  parts_.board->SetStoreBytes(status.response.dbsize());
  if (told_version_) return;
  told_version_ = true;
  const std::string& version = status.response.version();
  LogInfo("etcd_version", {{"version", version}});
  if (LosesEvents(version)) {
    LogWarning("etcd_old", {{"version", version},
                            {"why",
                             "etcd below 3.5.22 can lose events of watches; the index then reads "
                             "everything again. Use 3.5.22, 3.6 or newer"}});
  }
}

}  // namespace arkshare
