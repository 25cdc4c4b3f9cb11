// The owner's web page: its port, its sessions, and the calls that come through it.
#ifndef ARKSHARE_SERVICES_PEER_WEB_OWNER_PAGE_H_
#define ARKSHARE_SERVICES_PEER_WEB_OWNER_PAGE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/http/connect_bridge.h"
#include "lib/http/server.h"
#include "lib/http/static_files.h"
#include "services/peer/web/page_handler.h"
#include "services/peer/web/page_sessions.h"

namespace arkshare {

// Thread-safe.
class OwnerPage {
 public:
  struct Options {
    // "IP:PORT"; empty: any free port of 127.0.0.1.
    std::string listen{};
    // More names under which browsers know the page, see OriginCheck.
    std::vector<std::string> names{};
    // Allows an address that other machines can reach.
    bool is_public = false;
    // For developers, see StaticFiles.
    std::string folder{};
  };
  // Checks the options. InvalidArgument, for people, with the option's name.
  static absl::Status Check(const Options& options);

  // `index` returns the channel to the index in use, and `index_name` what people call it.
  struct Index {
    std::function<std::shared_ptr<grpc::Channel>()> channel;
    std::function<std::string()> name;
  };
  OwnerPage(Options options, absl::Span<const WebAsset> assets, Index index, AddedBook::Parts books,
            const Clock* clock);
  ~OwnerPage();

  // Sets the channel to PeerService, before anything else. Stop lets go of it.
  void SetPeer(std::shared_ptr<grpc::Channel> peer);

  // Opens the port unless it is open. Returns "IP:PORT". Errors: those of HttpServer::Start.
  absl::StatusOr<std::string> Open();
  // Closes the port, and ends all sessions. Returns their number. Blocks until no request runs.
  size_t Close();
  // Close, for good.
  void Stop();

  // The handlers of the calls of PeerService.
  absl::Status OpenPage(v1::OpenPageResponse* response);
  void ClosePage(v1::ClosePageResponse* response);
  void ListPageSessions(v1::ListPageSessionsResponse* response) const;
  void EndPageSession(const v1::EndPageSessionRequest& request,
                      v1::EndPageSessionResponse* response);
  // `session` is that of the caller; empty: it is no page.
  absl::Status OpenBook(const std::string& session, const v1::OpenBookRequest& request,
                        v1::OpenBookResponse* response);

 private:
  // The parts that live while the port is open.
  struct Door {
    std::unique_ptr<ConnectBridge> bridge;
    std::unique_ptr<PageHandler> handler;
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<HttpServer> second;  // at ::1; nullptr: not needed, or there is no IPv6
  };

  absl::StatusOr<std::shared_ptr<Door>> MakeDoor(std::shared_ptr<grpc::Channel> peer);
  std::unique_ptr<ConnectBridge> MakeBridge(std::shared_ptr<grpc::Channel> peer) const;
  // Ends the calls and tickets of a session that has ended.
  void EndUse(const std::string& session);

  const Options options_;
  const Index index_;
  const StaticFiles files_;
  const std::string boot_id_;
  PageSessions sessions_;
  PageBooks books_;
  // Held while the port is opened or closed, which waits for requests.
  Mutex changing_;
  Mutex mutex_;
  std::shared_ptr<grpc::Channel> peer_ ABSL_GUARDED_BY(mutex_);  // null: stopped
  std::shared_ptr<Door> door_ ABSL_GUARDED_BY(mutex_);           // null: closed
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_WEB_OWNER_PAGE_H_
