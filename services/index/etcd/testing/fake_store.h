// The data of FakeEtcd: keys with all their revisions.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_STORE_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_STORE_H_

#include <absl/time/time.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "etcdserverpb/rpc.pb.h"

namespace arkshare {

// Copyable: a copy is a backup. Not thread-safe. Answers with etcd's codes and texts.
class FakeStore {
 public:
  grpc::Status Range(const etcdserverpb::RangeRequest& request,
                     etcdserverpb::RangeResponse* response) const;
  grpc::Status Txn(const etcdserverpb::TxnRequest& request, etcdserverpb::TxnResponse* response);
  grpc::Status Compact(int64_t revision);

  // Returns the id of a new lease.
  int64_t Grant(absl::Duration ttl, absl::Time now);
  // Returns the time to live in seconds; 0: there is no such lease.
  int64_t KeepAlive(int64_t lease, absl::Time now);
  // Removes the keys of leases that are over. True when it changed a key.
  bool Expire(absl::Time now);
  // Returns when the next lease is over.
  absl::Time NextExpiry() const;

  // The events of revisions from `first` on, at most those of `limit` revisions.
  std::vector<mvccpb::Event> Events(int64_t first, int limit) const;
  // The revision is never told by a watch.
  void Lose(int64_t revision) { lost_.insert(revision); }

  int64_t revision() const { return revision_; }
  int64_t compacted() const { return compacted_; }

 private:
  struct Lease {
    absl::Duration ttl;
    absl::Time end;
    std::set<std::string> keys;
  };

  // nullptr: the key is absent at the revision.
  const mvccpb::KeyValue* At(const std::string& key, int64_t revision) const;
  bool Holds(const etcdserverpb::Compare& compare) const;
  void Put(const etcdserverpb::PutRequest& put, int64_t revision);
  int64_t Delete(const std::string& key, int64_t revision);
  grpc::Status Check(const etcdserverpb::TxnRequest& request) const;

  int64_t revision_ = 1;
  int64_t compacted_ = 0;
  int64_t last_lease_ = 0;
  // By key: its values by revision; a version of 0 is a deletion.
  std::map<std::string, std::map<int64_t, mvccpb::KeyValue>> keys_;
  std::map<int64_t, std::vector<mvccpb::Event>> events_;
  std::map<int64_t, Lease> leases_;
  std::set<int64_t> lost_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_STORE_H_
