// A whole peer: its parts, and the order in which they start and stop.
#ifndef ARKSHARE_SERVICES_PEER_PEER_NODE_H_
#define ARKSHARE_SERVICES_PEER_PEER_NODE_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/bell.h"
#include "lib/core/rate_limiter.h"
#include "lib/rpc/dialer.h"
#include "lib/rpc/idle_watchdog.h"
#include "lib/rpc/server.h"
#include "lib/rpc/tls_options.h"
#include "services/peer/calls/call_answerer.h"
#include "services/peer/calls/call_door.h"
#include "services/peer/calls/call_front.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/fetch/fetcher.h"
#include "services/peer/fetch/holders.h"
#include "services/peer/group/member_calls.h"
#include "services/peer/group/membership.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"
#include "services/peer/library/sharing.h"
#include "services/peer/peer_service.h"
#include "services/peer/reach/port_mapper.h"
#include "services/peer/serve/file_service.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/served_proofs.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/session/announcer.h"
#include "services/peer/session/index_client.h"
#include "services/peer/session/neighbours.h"
#include "services/peer/transfer/transfers.h"
#include "services/peer/web/owner_page.h"
#include "services/peer/wishes/wishes.h"

namespace arkshare {

struct PeerOptions {
  // Checks index_addresses, advertise and control, and brings them into the form below. main.cc
  // checks the other options as it parses them. kInvalidField, for people, with the option's name.
  absl::Status Check();
  // Checks how this peer proves itself, and fills in what depends on it: index_addresses and
  // listen. `group` is the group that it is in. InvalidArgument, for people.
  absl::Status Complete(const std::optional<GroupOfPeer>& group);

  // "HOST:PORT"; one is used at a time. Empty: those of the invitation, or 127.0.0.1:50051 without
  // a group.
  std::vector<std::string> index_addresses;
  // The address of FileService. Empty: 0.0.0.0:0 in a group, where only members can connect;
  // otherwise 127.0.0.1:0.
  std::string listen;
  std::string advertise;  // "HOST:PORT"; empty: the address that the index sees
  uint32_t number = 0;    // requested at the first registration; 0: any
  std::string share;      // the folder
  SharePolicy policy = SharePolicy::kMove;
  std::string control;          // "unix:PATH"
  int slots = 8;                // uploads at a time, 1 to 1,000
  uint64_t upload_limit = 0;    // bytes a second, 0: none
  uint64_t download_limit = 0;  // bytes a second, 0: none
  uint64_t max_books = 10'000'000;
  size_t connections = 500;  // of other peers from one network, 0: no limit
  // The index's relay may carry connections to this peer, unless it listens on loopback only.
  bool use_relay = true;
  // The router may be asked to open a port, when the index cannot dial this peer, unless it listens
  // on loopback only or advertises an address.
  bool map_port = true;
  TlsOptions tls;
  bool insecure = false;    // allows a non-loopback address without TLS
  std::string join;         // the word of an invitation; empty: this peer joins nothing
  std::string name;         // of the new member, for people
  bool leave = false;       // leaves the group in which this peer is, before it joins another one
  OwnerPage::Options page;  // with an address, it is open from the start
};

// The members are in the order of their lifetimes: a later one uses earlier ones.
class PeerNode {
 public:
  // Checks the options, recovers what a crash interrupted, scans the folder, then serves. Calls
  // `request_stop`, from any thread, when the owner stops the peer or another peer has registered
  // with the same key. Errors are for people; InvalidArgument when an option is wrong.
  static absl::StatusOr<std::unique_ptr<PeerNode>> Start(PeerOptions options,
                                                         std::function<void()> request_stop);
  // Unregisters, lets running calls end for a second, and stops.
  ~PeerNode();

  const std::string& address() const { return files_server_->address(); }
  // Returns "IP:PORT" of the web page; "" unless the peer was started with it.
  const std::string& page_address() const { return page_address_; }

 private:
  PeerNode(PeerOptions options, std::function<void()> request_stop)
      : options_(std::move(options)), request_stop_(std::move(request_stop)) {}
  // Opens and recovers the disk, before the peer answers any call.
  absl::Status Open();
  // Joins or leaves a group, and decides how this peer connects to others.
  absl::Status EnterGroup(const PrivateKey& key);
  // Listens for other peers, and for those that were called.
  absl::Status StartFileServer(const PrivateKey& key);
  absl::Status Serve();

  PeerOptions options_;
  const std::function<void()> request_stop_;
  Bell bell_;  // for the streams of PeerService.WatchOwn
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<Membership> membership_;     // nullptr in no group
  std::unique_ptr<MemberCalls> member_calls_;  // the same
  std::shared_ptr<Dialer> dialer_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<HashCache> cache_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<FolderScanner> scanner_;
  std::unique_ptr<ServedProofs> proofs_;
  std::unique_ptr<Handover> handover_;
  std::unique_ptr<Sharing> sharing_;
  std::unique_ptr<UploadQueue> queue_;
  std::unique_ptr<RateLimiter> download_limiter_;
  std::unique_ptr<IdleWatchdog> watchdog_;
  RegistrationGate gate_;
  PartialBooks partials_;
  std::unique_ptr<FileService> file_service_;
  std::unique_ptr<RpcServer> files_server_;
  std::unique_ptr<CallFront> front_;     // the port of files_server_
  std::unique_ptr<CallAnswerer> calls_;  // nullptr: the relay is not used
  std::unique_ptr<PortMapper> mapper_;   // nullptr: no router is asked
  std::unique_ptr<IndexClient> index_;
  std::unique_ptr<CallDoor> door_;
  std::unique_ptr<Neighbours> neighbours_;
  std::unique_ptr<Holders> holders_;
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<SmallFetcher> small_fetcher_;
  std::unique_ptr<Transfers> transfers_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<OwnerPage> page_;
  std::string page_address_;
  std::unique_ptr<Wishes> wishes_;
  std::unique_ptr<PeerService> peer_service_;
  std::unique_ptr<RpcServer> control_server_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_PEER_NODE_H_
