#include "services/index/etcd/log_transaction.h"

#include <absl/container/flat_hash_map.h>
#include <absl/random/random.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/index/etcd/log_keys.h"

namespace arkshare {

namespace pb = ::etcdserverpb;

namespace {

// Returns the distinct guarded keys, in the order in which the failure branch reads them.
std::vector<std::string> GuardedKeys(const TransactionBatcher::Batch& batch) {
  std::vector<std::string> keys;
  absl::flat_hash_map<std::string, bool> seen;
  for (const TransactionBatcher::Item& item : batch.items) {
    for (const SharedLog::Guard& guard : item.write.guards) {
      if (seen.emplace(guard.key, true).second) keys.push_back(guard.key);
    }
  }
  return keys;
}

void AddCompare(const std::string& prefix, const SharedLog::Guard& guard, pb::TxnRequest& request) {
  pb::Compare* compare = request.add_compare();
  compare->set_result(pb::Compare::EQUAL);
  compare->set_target(pb::Compare::MOD);
  compare->set_key(absl::StrCat(prefix, guard.key));
  // An absent key has the revision 0.
  compare->set_mod_revision(guard.revision);
}

// The first two reads of the failure branch.
constexpr int kBirthRead = 0;
constexpr int kHeadRead = 1;
constexpr int kGuardReads = 2;

}  // namespace

void AddRead(const std::string& key, pb::RequestOp* op) {
  op->mutable_request_range()->set_key(key);
}

void AddPut(const std::string& key, std::string value, pb::RequestOp* op) {
  pb::PutRequest* put = op->mutable_request_put();
  put->set_key(key);
  put->set_value(std::move(value));
}

void DemandBirth(const std::string& prefix, const std::string& birth, pb::TxnRequest& request) {
  pb::Compare* compare = request.add_compare();
  compare->set_result(pb::Compare::EQUAL);
  compare->set_target(pb::Compare::VALUE);
  compare->set_key(absl::StrCat(prefix, kBirthKey));
  compare->set_value(birth);
}

void AddHead(const std::string& prefix, pb::TxnRequest& request) {
  const uint64_t once = absl::Uniform<uint64_t>(absl::BitGen());
  AddPut(absl::StrCat(prefix, kHeadKey),
         std::string(reinterpret_cast<const char*>(&once), sizeof(once)), request.add_success());
}

pb::TxnRequest MakeTransaction(const std::string& prefix, const std::string& birth,
                               const TransactionBatcher::Batch& batch) {
  pb::TxnRequest request;
  DemandBirth(prefix, birth, request);
  AddRead(absl::StrCat(prefix, kBirthKey), request.add_failure());
  AddRead(absl::StrCat(prefix, kHeadKey), request.add_failure());
  absl::flat_hash_map<std::string, bool> guarded;
  for (const TransactionBatcher::Item& item : batch.items) {
    for (const SharedLog::Guard& guard : item.write.guards) {
      // Several writes have the same guard; the batcher keeps different ones of a key apart.
      if (!guarded.emplace(guard.key, true).second) continue;
      AddCompare(prefix, guard, request);
      AddRead(absl::StrCat(prefix, guard.key), request.add_failure());
    }
    for (const SharedLog::Change& change : item.write.changes) {
      const std::string key = absl::StrCat(prefix, change.key);
      if (change.value.has_value()) {
        AddPut(key, *change.value, request.add_success());
      } else {
        request.add_success()->mutable_request_delete_range()->set_key(key);
      }
    }
  }
  AddHead(prefix, request);
  return request;
}

std::optional<NotMadeBecause> ReadNotMade(const std::string& birth,
                                          const TransactionBatcher::Batch& batch,
                                          const pb::TxnResponse& response) {
  const std::vector<std::string> keys = GuardedKeys(batch);
  if (response.responses_size() != kGuardReads + static_cast<int>(keys.size())) return std::nullopt;
  const auto kvs = [&response](int read) -> const auto& {
    return response.responses(read).response_range().kvs();
  };
  NotMadeBecause because;
  if (kvs(kBirthRead).empty() || kvs(kBirthRead)[0].value() != birth) {
    because.other_birth = true;
    return because;
  }
  // The log's end. Every guarded key was written at it or before.
  int64_t end = kvs(kHeadRead).empty() ? 0 : kvs(kHeadRead)[0].mod_revision();
  absl::flat_hash_map<std::string, LogEntry> found;
  for (size_t i = 0; i < keys.size(); ++i) {
    LogEntry& entry = found[keys[i]];
    entry.key = keys[i];
    const auto& stored = kvs(kGuardReads + static_cast<int>(i));
    if (stored.empty()) continue;
    entry.value = stored[0].value();
    entry.revision = stored[0].mod_revision();
    end = std::max(end, entry.revision);
  }
  for (const TransactionBatcher::Item& item : batch.items) {
    SharedLog::Outcome outcome{end, false, {}};
    bool held = true;
    for (const SharedLog::Guard& guard : item.write.guards) {
      outcome.found.push_back(found[guard.key]);
      held = held && outcome.found.back().revision == guard.revision;
    }
    because.outcomes.push_back(held ? std::nullopt : std::make_optional(std::move(outcome)));
  }
  return because;
}

}  // namespace arkshare
