#include "services/index/service/index_service.h"

#include <absl/status/statusor.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/limits.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "services/index/search/best_keys.h"
#include "services/index/search/query.h"
#include "services/index/service/caller.h"
#include "services/index/service/dial_back.h"
#include "services/index/service/page_token.h"

namespace arkshare {
namespace {

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
  if (std::holds_alternative<Keywords>(query.what())) key.shuffle = ShuffleOf(key.name);
  key.content.root = *root;
  return key;
}

absl::Status Parse(const grpc::ByteBuffer& bytes, v1::SearchRequest& request) {
  grpc::Slice slice;
  if (!bytes.TrySingleSlice(&slice).ok() && !bytes.DumpToSingleSlice(&slice).ok()) {
    return MakeError(Reason::kInvalidField, "the request is incomplete; send it again");
  }
  if (request.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kInvalidField, "the request is not a SearchRequest");
}

// `seed` chooses among many holders of a part of a book.
absl::Status RunSearch(const Catalog& catalog, const v1::SearchRequest& request, bool loopback,
                       uint64_t seed, SearchWriter& writer) {
  const absl::StatusOr<BookQuery> query = BookQuery::Parse(request);
  if (!query.ok()) return query.status();
  const absl::StatusOr<int> page_size =
      PageSize(request.page_size(), kStandardSearchResults, kMaxItems);
  if (!page_size.ok()) return page_size.status();
  const absl::StatusOr<std::optional<SearchKey>> after =
      ParseSearchToken(*query, request.page_token());
  if (!after.ok()) return after.status();

  std::optional<uint64_t> partial_seed;
  if (request.include_partial()) partial_seed = seed;
  const std::optional<SearchKey> last = catalog.Search(
      *query, loopback, static_cast<size_t>(*page_size), *after, partial_seed, writer);
  if (last.has_value()) writer.SetNextPageToken(TokenFor(*query, *last));
  return absl::OkStatus();
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

template <typename Response>
grpc::ServerUnaryReactor* AnswerWith(grpc::CallbackServerContext* context, const CallTimer& timer,
                                     absl::StatusOr<Response> result, Response* response) {
  if (result.ok()) *response = *std::move(result);
  return Answer(context, timer.End(result.status()));
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
  // On another machine, a loopback address would lead the caller to itself.
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
      boot_id_(RandomBytes(kBootIdBytes)),
      register_line_(options_.clock) {}

void IndexService::EndStreams(absl::Duration patience) {
  streams_.EndAll(MakeError(Reason::kShuttingDown, "the index is going down: try again soon"),
                  patience);
}

grpc::ServerUnaryReactor* IndexService::Unregister(grpc::CallbackServerContext* context,
                                                   const v1::UnregisterRequest* /*request*/,
                                                   v1::UnregisterResponse* /*response*/) {
  const CallTimer timer(&stats_, IndexMethod::kUnregister);
  const absl::StatusOr<std::string> token = BearerToken(*context);
  if (token.ok()) sessions_->Unregister(*token);
  return Answer(context, timer.End(token.status()));
}

grpc::ServerUnaryReactor* IndexService::Search(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  const CallTimer timer(&stats_, IndexMethod::kSearch);
  // The memory is used again for the next search on this thread.
  thread_local v1::SearchRequest parsed;
  thread_local SearchWriter writer;
  writer.Clear();
  absl::Status status = Parse(*request, parsed);
  if (status.ok()) {
    status = RunSearch(*catalog_, parsed, IsLoopback(*context), ++search_count_, writer);
  }
  if (status.ok()) {
    const grpc::Slice slice(writer.bytes().data(), writer.bytes().size());
    *response = grpc::ByteBuffer(&slice, 1);
  }
  return Answer(context, timer.End(status));
}

grpc::ServerUnaryReactor* IndexService::ListPeers(grpc::CallbackServerContext* context,
                                                  const v1::ListPeersRequest* request,
                                                  v1::ListPeersResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kListPeers);
  return AnswerWith(context, timer, RunListPeers(*catalog_, *request, IsLoopback(*context)),
                    response);
}

grpc::ServerUnaryReactor* IndexService::ListBooks(grpc::CallbackServerContext* context,
                                                  const v1::ListBooksRequest* request,
                                                  v1::ListBooksResponse* response) {
  const CallTimer timer(&stats_, IndexMethod::kListBooks);
  return AnswerWith(context, timer, RunListBooks(*catalog_, *request), response);
}

}  // namespace arkshare
