#include "services/index/index_service.h"

#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/caller.h"
#include "services/index/page_token.h"
#include "services/index/query.h"

namespace arkshare {
namespace {

constexpr size_t kBootIdBytes = 16;
constexpr int kMostPage = 1'000;
constexpr int kStandardSearchPage = 50;
constexpr int kStandardListPage = 100;

std::string TokenFor(const BookQuery& query, const SearchKey& key) {
  return EncodePageToken(query.Fingerprint(),
                         {absl::StrCat(key.fit.prefix_words), absl::StrCat(key.fit.other_words),
                          absl::StrCat(key.unpopularity), key.name, DigestBytes(key.content.root),
                          absl::StrCat(key.content.size)});
}

absl::StatusOr<std::optional<SearchKey>> ParseSearchToken(const BookQuery& query,
                                                          const std::string& token) {
  if (token.empty()) return std::nullopt;
  absl::StatusOr<std::vector<std::string>> parts = DecodePageToken(query.Fingerprint(), token, 6);
  if (!parts.ok()) return parts.status();
  SearchKey key;
  const absl::StatusOr<Sha256Digest> root = DigestFromBytes((*parts)[4]);
  if (!root.ok() || !absl::SimpleAtoi((*parts)[0], &key.fit.prefix_words) ||
      !absl::SimpleAtoi((*parts)[1], &key.fit.other_words) ||
      !absl::SimpleAtoi((*parts)[2], &key.unpopularity) ||
      !absl::SimpleAtoi((*parts)[5], &key.content.size)) {
    return PageTokenInvalid();
  }
  key.name = std::move((*parts)[3]);
  key.content.root = *root;
  return key;
}

v1::SearchResponse::Result ToProto(const SearchResult& result) {
  v1::SearchResponse::Result proto;
  proto.set_name(result.name);
  *proto.mutable_content() = ToProto(result.content);
  proto.set_holder_count(result.holder_count);
  for (const HolderRecord& record : result.holders) {
    v1::Holder& holder = *proto.add_holders();
    holder.set_peer_id(record.peer.peer_id);
    holder.set_public_key(record.peer.key.bytes());
    holder.set_address(record.peer.address);
    holder.set_listing_number(record.listing_number);
    holder.set_name(result.name);
    holder.set_policy(record.peer.policy);
    holder.set_free_slots(record.peer.free_slots);
    holder.set_upload_limit(record.peer.upload_limit);
  }
  return proto;
}

absl::StatusOr<v1::SearchResponse> RunSearch(const Catalog& catalog,
                                             const v1::SearchRequest& request, bool loopback) {
  const absl::StatusOr<BookQuery> query = BookQuery::Parse(request);
  if (!query.ok()) return query.status();
  const absl::StatusOr<int> page_size =
      PageSize(request.page_size(), kStandardSearchPage, kMostPage);
  if (!page_size.ok()) return page_size.status();
  const absl::StatusOr<std::optional<SearchKey>> after =
      ParseSearchToken(*query, request.page_token());
  if (!after.ok()) return after.status();

  const SearchPage page = catalog.Search(*query, loopback, static_cast<size_t>(*page_size), *after);
  v1::SearchResponse response;
  for (const SearchResult& result : page.results) *response.add_results() = ToProto(result);
  if (page.last.has_value()) response.set_next_page_token(TokenFor(*query, *page.last));
  return response;
}

absl::StatusOr<v1::ListPeersResponse> RunListPeers(const Catalog& catalog,
                                                   const v1::ListPeersRequest& request,
                                                   bool loopback) {
  v1::ListPeersResponse response;
  std::optional<PeerSummary> one;
  if (request.filter_case() == v1::ListPeersRequest::kPeerId) {
    one = catalog.FindPeer(request.peer_id());
  } else if (request.filter_case() == v1::ListPeersRequest::kPublicKey) {
    const absl::StatusOr<PublicKey> key = KeyFromProto(request.public_key(), "public_key");
    if (!key.ok()) return key.status();
    one = catalog.FindPeer(*key);
  }
  if (one.has_value()) *response.add_peers() = ToProto(*one, loopback);
  if (request.filter_case() != v1::ListPeersRequest::FILTER_NOT_SET) return response;

  const absl::StatusOr<int> page_size = PageSize(request.page_size(), kStandardListPage, kMostPage);
  if (!page_size.ok()) return page_size.status();
  uint32_t after = 0;
  if (!request.page_token().empty()) {
    const auto parts = DecodePageToken("peers", request.page_token(), 1);
    if (!parts.ok()) return parts.status();
    if (!absl::SimpleAtoi(parts->front(), &after)) return PageTokenInvalid();
  }
  const size_t size = static_cast<size_t>(*page_size);
  const std::vector<PeerSummary> peers = catalog.ListPeers(after, size + 1);
  for (size_t i = 0; i < peers.size() && i < size; ++i) {
    *response.add_peers() = ToProto(peers[i], loopback);
  }
  if (peers.size() > size) {
    response.set_next_page_token(
        EncodePageToken("peers", {absl::StrCat(peers[size - 1].info.peer_id)}));
  }
  return response;
}

absl::StatusOr<v1::ListBooksResponse> RunListBooks(const Catalog& catalog,
                                                   const v1::ListBooksRequest& request) {
  const absl::StatusOr<int> page_size = PageSize(request.page_size(), kStandardListPage, kMostPage);
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

template <typename Response>
grpc::ServerUnaryReactor* AnswerWith(grpc::CallbackServerContext* context,
                                     absl::StatusOr<Response> result, Response* response) {
  if (result.ok()) *response = *std::move(result);
  return Answer(context, result.status());
}

bool IsLoopback(const grpc::CallbackServerContext& context) {
  return ParseCaller(context.peer()).loopback;
}

}  // namespace

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

v1::Peer ToProto(const PeerSummary& peer, bool loopback) {
  v1::Peer proto;
  proto.set_peer_id(peer.info.peer_id);
  proto.set_public_key(peer.info.key.bytes());
  // A loopback address would send others to themselves.
  if (loopback || !peer.info.loopback) proto.set_address(peer.info.address);
  proto.set_policy(peer.info.policy);
  proto.set_book_count(peer.book_count);
  proto.set_free_slots(peer.info.free_slots);
  proto.set_upload_limit(peer.info.upload_limit);
  proto.set_listed(peer.listed);
  return proto;
}

IndexService::IndexService(Options options, Catalog* catalog, Sessions* sessions)
    : options_(std::move(options)),
      catalog_(catalog),
      sessions_(sessions),
      boot_id_(RandomBytes(kBootIdBytes)) {}

void IndexService::EndStreams(absl::Duration patience) {
  streams_.EndAll(MakeError(Reason::kShuttingDown, "the index is going down: try again soon"),
                  patience);
}

grpc::ServerUnaryReactor* IndexService::Unregister(grpc::CallbackServerContext* context,
                                                   const v1::UnregisterRequest* /*request*/,
                                                   v1::UnregisterResponse* /*response*/) {
  const absl::StatusOr<std::string> token = BearerToken(*context);
  if (token.ok()) sessions_->Unregister(*token);
  return Answer(context, token.status());
}

grpc::ServerUnaryReactor* IndexService::Search(grpc::CallbackServerContext* context,
                                               const v1::SearchRequest* request,
                                               v1::SearchResponse* response) {
  return AnswerWith(context, RunSearch(*catalog_, *request, IsLoopback(*context)), response);
}

grpc::ServerUnaryReactor* IndexService::ListPeers(grpc::CallbackServerContext* context,
                                                  const v1::ListPeersRequest* request,
                                                  v1::ListPeersResponse* response) {
  return AnswerWith(context, RunListPeers(*catalog_, *request, IsLoopback(*context)), response);
}

grpc::ServerUnaryReactor* IndexService::ListBooks(grpc::CallbackServerContext* context,
                                                  const v1::ListBooksRequest* request,
                                                  v1::ListBooksResponse* response) {
  return AnswerWith(context, RunListBooks(*catalog_, *request), response);
}

}  // namespace arkshare
