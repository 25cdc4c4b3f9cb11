// The progress of a call of Share.
#ifndef ARKSHARE_CLIENTS_CLI_SHARE_WATCH_H_
#define ARKSHARE_CLIENTS_CLI_SHARE_WATCH_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <set>
#include <string>
#include <thread>

#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/session.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Returns "1.0 GiB of 4.0 GiB copied", or what the peer does instead.
std::string SharedInWords(const v1::ShareProgress& share);

// Shows how far the peer is with the paths of `request`, from a second on until the object is
// destroyed. Asks with a channel and a thread of its own. Shows nothing in JSON.
class ShareWatch {
 public:
  // `session` must outlive it.
  ShareWatch(Session& session, const v1::ShareRequest& request);
  ~ShareWatch();
  ShareWatch(const ShareWatch&) = delete;
  ShareWatch& operator=(const ShareWatch&) = delete;

 private:
  void Run();
  // Returns an empty answer when the peer does not answer.
  v1::GetStatusResponse Ask();
  // Waits for a second; false when the object is being destroyed.
  bool AwaitNext();

  Session& session_;
  const std::set<std::string> paths_;
  std::unique_ptr<v1::PeerService::Stub> stub_;

  Mutex mutex_;
  CondVar ended_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_SHARE_WATCH_H_
