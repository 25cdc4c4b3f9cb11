// IndexService on the wire: parses requests, calls Sessions and Catalog, converts the results.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/rpc/caller_shares.h"
#include "services/index/catalog/catalog.h"
#include "services/index/group/group.h"
#include "services/index/relay/relay_server.h"
#include "services/index/service/call_queue.h"
#include "services/index/service/call_stats.h"
#include "services/index/service/dial_back.h"
#include "services/index/service/failed_dials.h"
#include "services/index/service/forged_tickets.h"
#include "services/index/service/member_gate.h"
#include "services/index/service/member_updates.h"
#include "services/index/service/peer_calls.h"
#include "services/index/service/reach_dialer.h"
#include "services/index/service/register_line.h"
#include "services/index/service/streams.h"
#include "services/index/service/turn_queue.h"
#include "services/index/service/work_queue.h"
#include "services/index/sessions/sessions.h"

namespace arkshare {

// Announce, Search, UpdateOwner and Watch handle bytes, the other methods messages.
using IndexMessages = v1::IndexService::WithCallbackMethod_Register<
    v1::IndexService::WithCallbackMethod_Unregister<v1::IndexService::WithCallbackMethod_ListPeers<
        v1::IndexService::WithCallbackMethod_ListBooks<v1::IndexService::WithCallbackMethod_Join<
            v1::IndexService::WithCallbackMethod_ListMembers<
                v1::IndexService::WithCallbackMethod_CallPeer<v1::IndexService::Service>>>>>>>;
using IndexCallbacks =
    v1::IndexService::WithRawCallbackMethod_Announce<v1::IndexService::WithRawCallbackMethod_Search<
        v1::IndexService::WithRawCallbackMethod_UpdateOwner<
            v1::IndexService::WithRawCallbackMethod_Watch<IndexMessages>>>>;

// No call blocks a thread of gRPC: Register waits for its dial-back, and a stream for its next
// message, by callbacks. Threads of their own read and apply long Announce messages, check tickets,
// begin and complete registrations, run expensive searches and serve watchers. Thread-safe.
//
// Order of locks: Streams::mutex_, then the mutex_ of a reactor, then TurnQueue::mutex_.
class IndexService : public IndexCallbacks {
 public:
  struct Options {
    // For dialling peers back.
    DialMeans dial;
    // Decides which callers are admitted; null: there is no group, and all are.
    Group* group = nullptr;
    MemberGate* gate = nullptr;  // of the group
    absl::Duration dial_back_timeout = absl::Seconds(2);
    // Other machines can connect to the index.
    bool serves_other_machines = false;
    uint64_t max_books = 0;                           // that the catalog lists for one peer
    size_t max_watches = 256;                         // of one caller's network
    absl::Duration refusal_pause = absl::Seconds(1);  // before a Watch is refused
    // Must be the catalog's clock, for the lag of watchers.
    const Clock* clock = Clock::Real();
    RelayServer* relay = nullptr;  // null: the index has none
  };

  IndexService(Options options, Catalog* catalog, Sessions* sessions);

  const CallStats& stats() const { return stats_; }

  // Ends all streams and refuses new ones. Waits until the statuses have been sent, but not longer
  // than `patience`. To be called before the server shuts down.
  void EndStreams(absl::Duration patience);

  // Dials peers that registered long ago. To be called several times a second.
  void CheckReach() { reach_dialer_.Run(); }

  // register_reactor.cc
  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  // announce_reactor.cc. Reads bytes; see ReadAnnouncement.
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Announce(
      grpc::CallbackServerContext* context) override;
  // watch_reactor.cc. Writes bytes, which many watchers share.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;
  // search_reactor.cc. Writes bytes; see SearchWriter.
  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  // update_owner.cc. Handles bytes, because a thread of its own parses them.
  grpc::ServerUnaryReactor* UpdateOwner(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

  // call_peer.cc
  grpc::ServerUnaryReactor* CallPeer(grpc::CallbackServerContext* context,
                                     const v1::CallPeerRequest* request,
                                     v1::CallPeerResponse* response) override;

  // The rest is in index_service.cc.
  grpc::ServerUnaryReactor* Unregister(grpc::CallbackServerContext* context,
                                       const v1::UnregisterRequest* request,
                                       v1::UnregisterResponse* response) override;
  grpc::ServerUnaryReactor* ListPeers(grpc::CallbackServerContext* context,
                                      const v1::ListPeersRequest* request,
                                      v1::ListPeersResponse* response) override;
  grpc::ServerUnaryReactor* ListBooks(grpc::CallbackServerContext* context,
                                      const v1::ListBooksRequest* request,
                                      v1::ListBooksResponse* response) override;

  // group_calls.cc
  grpc::ServerUnaryReactor* Join(grpc::CallbackServerContext* context,
                                 const v1::JoinRequest* request,
                                 v1::JoinResponse* response) override;
  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const v1::ListMembersRequest* request,
                                        v1::ListMembersResponse* response) override;

  // Ends the sessions and streams of keys that have left the list of members or changed their
  // roles, and sends the change to all Announce streams. To be called after each change, in order.
  void MembersChanged(const MemberList& before, const std::shared_ptr<const MemberList>& now);

 private:
  class RegisterReactor;
  class AnnounceReactor;
  class SearchReactor;
  class UpdateOwnerReactor;
  class WatchReactor;

  // OK without a group. kNotAMember, kRoleForbids.
  absl::Status CheckCaller(const grpc::ServerContextBase& context, IndexMethod method) const;
  // In a group: SESSION_UNKNOWN when the session is not of the key that calls. A token of the
  // index's former process passes, because only OpenStream knows its session.
  void CheckOwner(const std::string& token, const std::optional<PublicKey>& caller,
                  std::function<void(const absl::Status&)> done) const;
  void EndSession(const std::string& token, std::function<void(const absl::Status&)> done);

  // Calls `wanted` for the owner of a session, who calls from `network`.
  void CallPeerFor(const PublicKey& caller, const std::string& network, const PublicKey& wanted,
                   const std::string& call_id,
                   const std::function<void(const absl::Status&)>& done);

  // Answers with run(), once the catalog has the revision.
  template <typename Response, typename Run>
  grpc::ServerUnaryReactor* AnswerAt(grpc::CallbackServerContext* context, uint64_t revision,
                                     const CallTimer& timer, Response* response, Run run);

  const Options options_;
  Catalog* const catalog_;
  Sessions* const sessions_;
  CallStats stats_;
  RegisterLine register_line_;
  FailedDials failed_dials_;
  ForgedTickets forged_tickets_;
  PeerCalls peer_calls_;
  std::atomic<uint64_t> search_count_ = 0;
  CallerShares watch_shares_;
  CallerShares refusal_shares_;  // of watches that wait to be refused
  CallerShares search_shares_;   // of expensive searches
  MemberUpdates member_updates_;
  Streams streams_;
  ReachDialer reach_dialer_;
  // The threads are declared last, because they must end before the members that their work uses.
  // Joins of new members, which wait for the disk.
  WorkQueue joining_;
  // Begins dial-backs, and completes the registrations that have been answered.
  WorkQueue registering_;
  // Checks the tickets of UpdateOwner and records its moves.
  CallQueue updating_;
  // The first two apply long Announce messages, and before that read them. The others run expensive
  // searches, and what watchers are told.
  WorkQueue applying_;
  WorkQueue reading_;
  TurnQueue searching_;
  TurnQueue watching_;
};

// Answers a unary call.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status);

// Converts a peer for a caller that is on the index's own machine (`loopback`) or is not, and comes
// from `network` (NetworkOfCaller); "" for one that is told no local address.
v1::Peer ToProto(const PeerSummary& peer, bool loopback, const std::string& network = "");

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_INDEX_SERVICE_H_
