#include "services/index/service/index_service.h"

#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/key_credentials.h"
#include "lib/rpc/status.h"
#include "services/index/service/caller.h"
#include "services/index/service/dial_back.h"
#include "services/index/service/overview_pass.h"
#include "services/index/service/page_token.h"

namespace arkshare {
namespace {

// All networks together may have as many watches as this many that have all of theirs.
constexpr size_t kNetworksOfWatches = 16;
constexpr absl::Duration kWatchRetry = absl::Seconds(10);
// Watches beyond that, which wait to be refused; each is little more than a call. More are refused
// at once.
constexpr size_t kMostRefusalsOfNetwork = 1'024;
constexpr size_t kMostRefusals = 8'192;
// Searches that were found to be expensive and have not ended. Each takes up to a tenth of a
// second.
constexpr size_t kMostSearchesOfNetwork = 16;
constexpr size_t kMostSearchesWaiting = 256;
constexpr absl::Duration kSearchRetry = absl::Seconds(1);

v1::ReplicaState ReplicaStateOf(const LogMetrics& log) {
  v1::ReplicaState proto;
  proto.set_store(log.state == LogState::kLive     ? v1::ReplicaState::STORE_LIVE
                  : log.state == LogState::kCutOff ? v1::ReplicaState::STORE_CUT_OFF
                                                   : v1::ReplicaState::STORE_JOINING);
  proto.set_revision(static_cast<uint64_t>(log.applied));
  if (log.behind > absl::ZeroDuration()) *proto.mutable_behind() = ToProto(log.behind);
  proto.set_queued_bytes(log.queued_bytes);
  proto.set_transactions(log.transactions);
  const auto count = [&](LoadCause cause) { return log.loads[static_cast<size_t>(cause)]; };
  v1::ReplicaState::Reconciles& reconciles = *proto.mutable_reconciles();
  reconciles.set_start(count(LoadCause::kStart));
  reconciles.set_compacted(count(LoadCause::kCompacted));
  reconciles.set_gap(count(LoadCause::kGap));
  reconciles.set_replicas(count(LoadCause::kReplicas));
  reconciles.set_refounded(count(LoadCause::kRefounded));
  return proto;
}

absl::StatusOr<v1::ListPeersResponse> RunListPeers(const Catalog& catalog,
                                                   const v1::ListPeersRequest& request,
                                                   bool loopback, const std::string& network) {
  v1::ListPeersResponse response;
  std::optional<PeerSummary> one;
  if (request.filter_case() == v1::ListPeersRequest::kPeerId) {
    one = catalog.FindPeer(request.peer_id());
  } else if (request.filter_case() == v1::ListPeersRequest::kPublicKey) {
    const absl::StatusOr<PublicKey> key = KeyFromProto(request.public_key(), "public_key");
    if (!key.ok()) return key.status();
    one = catalog.FindPeer(*key);
  }
  if (one.has_value()) *response.add_peers() = ToProto(*one, loopback, network);
  if (request.filter_case() != v1::ListPeersRequest::FILTER_NOT_SET) return response;

  const absl::StatusOr<int> page_size =
      PageSize(request.page_size(), kStandardListItems, kMaxItems);
  if (!page_size.ok()) return page_size.status();
  uint32_t after = 0;
  if (!request.page_token().empty()) {
    const auto parts = DecodePageToken("peers", request.page_token(), 1);
    if (!parts.ok()) return parts.status();
    if (!absl::SimpleAtoi(parts->front(), &after)) return PageTokenInvalid();
  }
  const size_t size = static_cast<size_t>(*page_size);
  const std::vector<PeerSummary> peers = request.same_network()
                                             ? catalog.ListPeersOf(network, after, size + 1)
                                             : catalog.ListPeers(after, size + 1);
  for (size_t i = 0; i < peers.size() && i < size; ++i) {
    *response.add_peers() = ToProto(peers[i], loopback, network);
  }
  if (peers.size() > size) {
    response.set_next_page_token(
        EncodePageToken("peers", {absl::StrCat(peers[size - 1].info.peer_id)}));
  }
  return response;
}

absl::StatusOr<v1::ListBooksResponse> RunListBooks(const Catalog& catalog,
                                                   const v1::ListBooksRequest& request) {
  const absl::StatusOr<int> page_size =
      PageSize(request.page_size(), kStandardListItems, kMaxItems);
  if (!page_size.ok()) return page_size.status();
  const std::string query = absl::StrCat("books ", request.peer_id());
  std::pair<std::string, uint64_t> after;
  if (!request.page_token().empty()) {
    auto parts = DecodePageToken(query, request.page_token(), 2);
    if (!parts.ok()) return parts.status();
    after.first = std::move((*parts)[0]);
    if (!absl::SimpleAtoi((*parts)[1], &after.second)) return PageTokenInvalid();
  }
  const size_t size = static_cast<size_t>(*page_size);
  const absl::StatusOr<std::vector<BookListing>> books =
      catalog.ListBooks(request.peer_id(), after, size + 1);
  if (!books.ok()) return books.status();
  v1::ListBooksResponse response;
  for (size_t i = 0; i < books->size() && i < size; ++i) {
    *response.add_listings() = ToProto((*books)[i]);
  }
  if (books->size() > size) {
    const BookListing& last = (*books)[size - 1];
    response.set_next_page_token(
        EncodePageToken(query, {last.name.value(), absl::StrCat(last.number)}));
  }
  return response;
}

bool IsLoopback(const grpc::CallbackServerContext& context) {
  return ParseCaller(context.peer()).loopback || IsOverview(context);
}

}  // namespace

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

v1::Peer ToProto(const PeerSummary& peer, bool loopback, const std::string& network) {
  v1::Peer proto;
  proto.set_peer_id(peer.info.peer_id);
  proto.set_public_key(peer.info.key.bytes());
  // On another machine, a loopback address would lead the caller to itself.
  if (loopback || !peer.info.loopback) proto.set_address(peer.info.address);
  proto.set_policy(peer.info.policy);
  proto.set_book_count(peer.book_count);
  proto.set_free_slots(peer.info.free_slots);
  proto.set_upload_limit(peer.info.upload_limit);
  proto.set_listed(peer.listed);
  proto.set_relay_port(peer.info.relay_port);
  if (!network.empty() && peer.info.network == network) {
    proto.set_local_address(peer.info.local_address);
  }
  return proto;
}

IndexService::IndexService(Options options, Catalog* catalog, Sessions* sessions)
    : options_(std::move(options)),
      catalog_(catalog),
      sessions_(sessions),
      register_line_(options_.clock),
      watch_shares_(
          {"watches", options_.max_watches,
           std::min(options_.max_watches, SIZE_MAX / kNetworksOfWatches) * kNetworksOfWatches,
           kWatchRetry}),
      refusal_shares_({"refused watches", kMostRefusalsOfNetwork, kMostRefusals, std::nullopt}),
      search_shares_(
          {"expensive searches", kMostSearchesOfNetwork, kMostSearchesWaiting, kSearchRetry}),
      reach_dialer_(sessions, options_.dial, options_.dial_back_timeout) {
  if (options_.group != nullptr) member_updates_.Set(options_.group->members());
}

void IndexService::EndStreams(absl::Duration patience) {
  streams_.EndAll(MakeError(Reason::kShuttingDown, "the index is going down: try again soon"),
                  patience);
}

grpc::ServerUnaryReactor* IndexService::Unregister(grpc::CallbackServerContext* context,
                                                   const v1::UnregisterRequest* /*request*/,
                                                   v1::UnregisterResponse* /*response*/) {
  const CallTimer timer(&stats_, IndexMethod::kUnregister);
  if (absl::Status s = CheckCaller(*context, IndexMethod::kUnregister); !s.ok()) {
    return Answer(context, timer.End(s));
  }
  const absl::StatusOr<std::string> token = BearerToken(*context);
  if (!token.ok()) return Answer(context, timer.End(token.status()));
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto end = [timer, reactor](const absl::Status& status) {
    reactor->Finish(ToGrpcStatus(timer.End(status)));
  };
  CheckOwner(*token, CallerKey(*context), [this, token = *token, end](const absl::Status& owns) {
    if (!owns.ok()) return end(owns);
    EndSession(token, end);
  });
  return reactor;
}

// In a group, a session of the former process stays until its owner or its lease ends it.
void IndexService::EndSession(const std::string& token,
                              std::function<void(const absl::Status&)> done) {
  if (options_.gate == nullptr) return sessions_->Unregister(token, std::move(done));
  sessions_->KeyOf(token, [this, token, done = std::move(done)](const auto& owner) {
    if (!owner.ok()) return done(absl::OkStatus());
    sessions_->Unregister(token, done);
  });
}

template <typename Response, typename Run>
grpc::ServerUnaryReactor* IndexService::AnswerAt(grpc::CallbackServerContext* context,
                                                 uint64_t revision, const CallTimer& timer,
                                                 Response* response, Run run) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto answer = [timer, response, run, reactor] {
    absl::StatusOr<Response> result = run();
    if (result.ok()) *response = *std::move(result);
    reactor->Finish(ToGrpcStatus(timer.End(result.status())));
  };
  if (!sessions_->replicated() || revision <= sessions_->revision()) {
    answer();
    return reactor;
  }
  const auto reached = [this, timer, reactor, answer,
                        network = NetworkOfCaller(context->peer())](const absl::Status& status) {
    // Not on the thread that makes the changes.
    if (status.ok()) return searching_.Add(network, answer);
    reactor->Finish(ToGrpcStatus(timer.End(status)));
  };
  sessions_->AwaitRevision(revision, reached);
  return reactor;
}

grpc::ServerUnaryReactor* IndexService::ListPeers(grpc::CallbackServerContext* context,
                                                  const v1::ListPeersRequest* request,
                                                  v1::ListPeersResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kListPeers);
  if (absl::Status s = CheckCaller(*context, IndexMethod::kListPeers); !s.ok()) {
    return Answer(context, timer.End(s));
  }
  return AnswerAt(
      context, request->at_least_revision(), timer, response,
      [this, request, loopback = IsLoopback(*context), network = NetworkOfCaller(context->peer())] {
        absl::StatusOr<v1::ListPeersResponse> peers =
            RunListPeers(*catalog_, *request, loopback, network);
        const std::optional<LogMetrics> log = sessions_->log_metrics();
        if (peers.ok() && log.has_value()) *peers->mutable_replica() = ReplicaStateOf(*log);
        return peers;
      });
}

grpc::ServerUnaryReactor* IndexService::ListBooks(grpc::CallbackServerContext* context,
                                                  const v1::ListBooksRequest* request,
                                                  v1::ListBooksResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kListBooks);
  if (absl::Status s = CheckCaller(*context, IndexMethod::kListBooks); !s.ok()) {
    return Answer(context, timer.End(s));
  }
  return AnswerAt(context, request->at_least_revision(), timer, response,
                  [this, request] { return RunListBooks(*catalog_, *request); });
}

}  // namespace arkshare
