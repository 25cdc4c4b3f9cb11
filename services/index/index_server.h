// The parts of arkshare-index, put together.
#ifndef ARKSHARE_SERVICES_INDEX_INDEX_SERVER_H_
#define ARKSHARE_SERVICES_INDEX_INDEX_SERVER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/mutex.h"
#include "lib/rpc/server.h"
#include "lib/rpc/tls_options.h"
#include "services/index/admin/admin_service.h"
#include "services/index/catalog/catalog.h"
#include "services/index/files/state_lock.h"
#include "services/index/group/group.h"
#include "services/index/index_options.h"
#include "services/index/metrics/metrics_server.h"
#include "services/index/overview/overview.h"
#include "services/index/relay/relay_server.h"
#include "services/index/replica/janitor.h"
#include "services/index/replica/page_merger.h"
#include "services/index/replica/replicated_sessions.h"
#include "services/index/service/dial_back.h"
#include "services/index/service/index_service.h"
#include "services/index/service/key_dialer.h"
#include "services/index/service/member_gate.h"
#include "services/index/sessions/local_sessions.h"
#include "services/index/shared_log/shared_log.h"
#include "services/index/shared_log/split_fold.h"
#include "services/index/table_printer.h"

namespace arkshare {

// Thread-safe.
class IndexServer {
 public:
  // Returns a server that serves. Errors: those of RpcServer::Start, and InvalidArgument for a
  // state file or a home that cannot be used.
  static absl::StatusOr<std::unique_ptr<IndexServer>> Start(IndexOptions options);
  ~IndexServer();

  // Returns "IP:PORT" with the port that was bound.
  const std::string& address() const { return rpc_->address(); }
  // Returns the same for the metrics; empty without them.
  std::string metrics_address() const { return metrics_ == nullptr ? "" : metrics_->address(); }
  // Returns the same for the web page; empty without it.
  std::string page_address() const { return overview_ == nullptr ? "" : overview_->address(); }
  // Returns the same for the relay; empty without one.
  std::string relay_address() const { return relay_ == nullptr ? "" : relay_->address(); }
  // Ends all streams, gives calls a moment to end, and saves the state. Blocks. Idempotent.
  void Stop();
  // Null without a home.
  Group* group() { return group_.get(); }

 private:
  IndexServer(IndexOptions options, LocalSessions::Options session_options, DialMeans dial,
              std::unique_ptr<Group> group, std::unique_ptr<RelayServer> relay);
  // Joins the replicas: returns once everything that they share is here.
  absl::Status Join();
  absl::Status Serve(const std::optional<LeafCertificate>& leaf);
  Sessions* sessions() const;
  // Ends lapsed leases, frees the memory of peers that left, and saves the state file.
  void RunHousekeeping();
  void SaveIds();
  void PutGroupBack();

  const IndexOptions options_;
  std::unique_ptr<StateLock> state_lock_;      // null without a state file
  const std::unique_ptr<Group> group_;         // null without a home
  std::unique_ptr<MemberGate> gate_;           // null without a home
  std::unique_ptr<KeyDialer> key_dialer_;      // null without a home
  std::shared_ptr<const MemberList> members_;  // before the last change; only for its listener
  TablePrinter printer_;
  Catalog catalog_;
  // One of the two.
  std::unique_ptr<LocalSessions> local_sessions_;
  std::unique_ptr<ReplicatedSessions> replicated_sessions_;
  std::unique_ptr<SplitFold> fold_;     // null without a home or without replicas
  std::unique_ptr<Janitor> janitor_;    // null without replicas
  std::unique_ptr<PageMerger> merger_;  // null without replicas
  IndexService service_;
  // After the service, whose streams it calls, and before the server, whose calls use it.
  std::unique_ptr<RelayServer> relay_;  // null without one
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<AdminService> admin_;   // null without a home
  std::unique_ptr<RpcServer> admin_rpc_;  // null without a home
  std::unique_ptr<RpcServer> rpc_;
  std::unique_ptr<Overview> overview_;
  Mutex mutex_;
  CondVar stop_cv_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status last_save_;      // of the state file; for the housekeeper only
  absl::Status last_put_back_;  // the same of the group
  std::thread housekeeper_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_INDEX_SERVER_H_
