// The transaction of etcd for some writes of the log, and what its answer means.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_LOG_TRANSACTION_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_LOG_TRANSACTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "etcdserverpb/rpc.pb.h"
#include "services/index/etcd/transaction_batcher.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Adds operations to a branch of a transaction. `key` is whole, with the prefix of the log.
void AddRead(const std::string& key, etcdserverpb::RequestOp* op);
void AddPut(const std::string& key, std::string value, etcdserverpb::RequestOp* op);
// Demands that the log still has the birth that this replica knows: a log that was wiped, or
// restored and refounded, makes nothing of it.
void DemandBirth(const std::string& prefix, const std::string& birth,
                 etcdserverpb::TxnRequest& request);

// Makes all changes in the order of the writes, and `head` after them, when all guards hold.
// Otherwise it reads every guarded key. Pure.
// Writes `head`.
void AddHead(const std::string& prefix, etcdserverpb::TxnRequest& request);

etcdserverpb::TxnRequest MakeTransaction(const std::string& prefix, const std::string& birth,
                                         const TransactionBatcher::Batch& batch);

// Why a transaction was not made.
struct NotMadeBecause {
  bool other_birth = false;  // then there are no outcomes
  // One for each write: its own guards did not hold; nullopt: they did, send it again.
  std::vector<std::optional<SharedLog::Outcome>> outcomes;
};
// Reads the answer of a transaction that did not succeed. nullopt: it has not the form that
// MakeTransaction asked for.
std::optional<NotMadeBecause> ReadNotMade(const std::string& birth,
                                          const TransactionBatcher::Batch& batch,
                                          const etcdserverpb::TxnResponse& response);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_LOG_TRANSACTION_H_
