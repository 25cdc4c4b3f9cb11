// Calls to etcd, one endpoint at a time.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CLIENT_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CLIENT_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "etcdserverpb/rpc.grpc.pb.h"
#include "lib/core/mutex.h"
#include "services/index/etcd/endpoint_rotation.h"
#include "services/index/etcd/etcd_fault.h"
#include "services/index/etcd/etcd_options.h"

namespace arkshare {

template <typename Response>
struct EtcdAnswer {
  EtcdFault fault = EtcdFault::kNone;
  std::string message;  // etcd's own, with a fault
  Response response;
  size_t endpoint = 0;

  bool ok() const { return fault == EtcdFault::kNone; }
};

// A watch that is open. One thread reads, and any thread may cancel.
class EtcdWatch {
 public:
  virtual ~EtcdWatch() = default;
  // Blocks. False at the end of the watch.
  virtual bool Read(etcdserverpb::WatchResponse* response) = 0;
  virtual void Cancel() = 0;
  // Returns why it ended. Call it after Read has returned false.
  virtual EtcdAnswer<etcdserverpb::WatchResponse> Finish() = 0;
};

// Thread-safe. Every call blocks, goes to one endpoint once, and demands that it knows a leader. A
// call that gets no answer moves the client on to the next endpoint; the caller repeats it.
class EtcdClient {
 public:
  // Connections that do not wait for each other: large answers would hold up a watch.
  enum Use { kWrites, kWatch, kLoads };

  // `answered` is called, without a lock, when a call that needs a quorum got an answer.
  // kInvalidField: the options or the TLS files are wrong.
  static absl::StatusOr<std::unique_ptr<EtcdClient>> Make(const EtcdOptions& options,
                                                          std::function<void()> answered);

  EtcdAnswer<etcdserverpb::TxnResponse> Txn(const etcdserverpb::TxnRequest& request,
                                            absl::Duration timeout);
  EtcdAnswer<etcdserverpb::RangeResponse> Range(const etcdserverpb::RangeRequest& request,
                                                absl::Duration timeout);
  EtcdAnswer<etcdserverpb::CompactionResponse> Compact(
      const etcdserverpb::CompactionRequest& request, absl::Duration timeout);
  EtcdAnswer<etcdserverpb::LeaseGrantResponse> LeaseGrant(
      const etcdserverpb::LeaseGrantRequest& request, absl::Duration timeout);
  EtcdAnswer<etcdserverpb::LeaseKeepAliveResponse> LeaseKeepAlive(int64_t lease,
                                                                  absl::Duration timeout);
  // Asks one node, which may be without a quorum.
  EtcdAnswer<etcdserverpb::StatusResponse> Status(absl::Duration timeout);
  // Never null. It is open when its first response was read.
  std::unique_ptr<EtcdWatch> Watch(const etcdserverpb::WatchCreateRequest& request);

  // Counts a silent endpoint as failed.
  void MoveOn(size_t endpoint);
  size_t endpoint() const;
  const std::string& name(size_t endpoint) const { return endpoints_[endpoint].name; }
  // How long to wait before a call is repeated.
  absl::Duration Pause() const;

  // Ends every call, now and from now on. Does not block.
  void Shutdown();

 private:
  struct Endpoint {
    std::string name;
    std::array<std::shared_ptr<grpc::Channel>, 3> channels;
  };
  class Call;
  class OpenWatch;

  EtcdClient(std::vector<Endpoint> endpoints, std::function<void()> answered);

  // Makes one call of a stub on the channel of `use`.
  template <typename Response, typename Invoke>
  EtcdAnswer<Response> Do(Use use, absl::Duration timeout, bool proves, const Invoke& invoke);
  // Judges the end of a call at `endpoint`.
  EtcdFault Judge(size_t endpoint, const grpc::Status& status, bool proves);

  const std::vector<Endpoint> endpoints_;
  const std::function<void()> answered_;
  mutable Mutex mutex_;
  EndpointRotation rotation_ ABSL_GUARDED_BY(mutex_);
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_CLIENT_H_
