#include "clients/cli/testing/fake_index.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "clients/cli/testing/pages.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

void FakeIndex::AddResult(v1::SearchResponse::Result result) {
  MutexLock lock(&mutex_);
  results_.push_back(std::move(result));
}

void FakeIndex::AddPeer(v1::Peer peer) {
  MutexLock lock(&mutex_);
  peers_.push_back(std::move(peer));
}

void FakeIndex::AddListing(uint32_t peer_id, v1::Listing listing) {
  MutexLock lock(&mutex_);
  // In the order of ListBooks.
  const auto place = std::upper_bound(
      listings_.begin(), listings_.end(), listing, [](const v1::Listing& a, const auto& b) {
        return std::pair(a.name(), a.listing_number()) <
               std::pair(b.second.name(), b.second.listing_number());
      });
  listings_.emplace(place, peer_id, std::move(listing));
}

void FakeIndex::SetWatchScript(WatchScript script) {
  MutexLock lock(&mutex_);
  watch_script_ = std::move(script);
}

int FakeIndex::calls() const {
  MutexLock lock(&mutex_);
  return calls_;
}

std::vector<v1::SearchRequest> FakeIndex::searches() const {
  MutexLock lock(&mutex_);
  return searches_;
}

void FakeIndex::EndSearchesEarly() {
  MutexLock lock(&mutex_);
  searches_end_early_ = true;
}

grpc::Status FakeIndex::Search(grpc::ServerContext*, const v1::SearchRequest* request,
                               v1::SearchResponse* response) {
  MutexLock lock(&mutex_);
  ++calls_;
  searches_.push_back(*request);
  std::vector<v1::SearchResponse::Result> found;
  for (const v1::SearchResponse::Result& result : results_) {
    const bool fits = request->has_name() ? result.name() == request->name()
                      : request->has_keywords()
                          ? absl::StrContains(result.name(), request->keywords())
                          : result.content().root() == request->content().root();
    if (fits) found.push_back(result);
  }
  auto [results, next] = Page(found, request->page_token());
  for (v1::SearchResponse::Result& result : results) *response->add_results() = std::move(result);
  response->set_next_page_token(next);
  response->set_incomplete(searches_end_early_);
  return grpc::Status::OK;
}

grpc::Status FakeIndex::ListPeers(grpc::ServerContext*, const v1::ListPeersRequest* request,
                                  v1::ListPeersResponse* response) {
  MutexLock lock(&mutex_);
  ++calls_;
  std::vector<v1::Peer> found = peers_;
  if (request->has_peer_id()) {
    std::erase_if(found, [&](const auto& peer) { return peer.peer_id() != request->peer_id(); });
  }
  auto [peers, next] = Page(found, request->page_token());
  for (v1::Peer& peer : peers) *response->add_peers() = std::move(peer);
  response->set_next_page_token(next);
  return grpc::Status::OK;
}

grpc::Status FakeIndex::ListBooks(grpc::ServerContext*, const v1::ListBooksRequest* request,
                                  v1::ListBooksResponse* response) {
  MutexLock lock(&mutex_);
  ++calls_;
  if (std::none_of(peers_.begin(), peers_.end(),
                   [&](const auto& peer) { return peer.peer_id() == request->peer_id(); })) {
    return ToGrpcStatus(MakeError(Reason::kPeerUnknown, "no live peer has this number"));
  }
  std::vector<v1::Listing> found;
  for (const auto& [peer_id, listing] : listings_) {
    if (peer_id == request->peer_id()) found.push_back(listing);
  }
  auto [listings, next] = Page(found, request->page_token());
  for (v1::Listing& listing : listings) *response->add_listings() = std::move(listing);
  response->set_next_page_token(next);
  return grpc::Status::OK;
}

void FakeIndex::SetMembers(v1::MembersUpdate members) {
  MutexLock lock(&mutex_);
  members_ = std::move(members);
}

grpc::Status FakeIndex::ListMembers(grpc::ServerContext*, const v1::ListMembersRequest* /*request*/,
                                    v1::ListMembersResponse* response) {
  MutexLock lock(&mutex_);
  if (!members_) return ToGrpcStatus(MakeError(Reason::kGroupUnknown, "this index has no group"));
  *response->mutable_members() = *members_;
  return grpc::Status::OK;
}

grpc::Status FakeIndex::Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                              grpc::ServerWriter<v1::WatchResponse>* writer) {
  WatchScript script;
  {
    MutexLock lock(&mutex_);
    ++calls_;
    script = watch_script_;
  }
  return script(*request, context, writer);
}

}  // namespace arkshare
