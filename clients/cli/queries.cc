#include "clients/cli/queries.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "lib/rpc/answers.h"

namespace arkshare {
namespace {

// Ten million items: an index that has more does not come to an end.
constexpr int kMostPages = 10'000;

// Requests one page after another, until the last one or until `take` returns false.
template <typename Request, typename Call, typename Take>
absl::Status ForEachPage(Request request, Call call, Take take) {
  for (int pages = 0; pages < kMostPages; ++pages) {
    auto page = call(request);
    if (!page.ok()) return page.status();
    if (!take(*page) || page->next_page_token().empty()) return absl::OkStatus();
    if (page->next_page_token() == request.page_token()) {
      return MakeError(Reason::kInternal,
                       "the server sent the same page twice; the list cannot be read");
    }
    request.set_page_token(page->next_page_token());
  }
  return AnswerInvalid("the pages of a list do not end");
}

}  // namespace

absl::Status ForEachLibraryEntry(PeerConnection& peer,
                                 const std::function<void(const v1::LibraryEntry&)>& visit) {
  v1::ListLibraryRequest request;
  request.set_page_size(kMaxItems);
  return ForEachPage(
      request,
      [&](const v1::ListLibraryRequest& page) {
        return peer.Call(&v1::PeerService::Stub::ListLibrary, page);
      },
      [&](const v1::ListLibraryResponse& page) {
        for (const v1::LibraryEntry& entry : page.entries()) visit(entry);
        return true;
      });
}

absl::Status ForEachPeer(IndexConnection& index, const std::function<void(const v1::Peer&)>& visit,
                         bool same_network) {
  v1::ListPeersRequest request;
  request.set_same_network(same_network);
  request.set_page_size(kMaxItems);
  uint32_t last = 0;
  bool in_order = true;
  const absl::Status status = ForEachPage(
      request,
      [&](const v1::ListPeersRequest& page) {
        return index.Call(&v1::IndexService::Stub::ListPeers, page);
      },
      [&](const v1::ListPeersResponse& page) {
        for (const v1::Peer& peer : page.peers()) {
          in_order = in_order && peer.peer_id() > last;
          if (!in_order) break;
          last = peer.peer_id();
          visit(peer);
        }
        return in_order;
      });
  if (!in_order) return AnswerInvalid("the peers are not in order of their numbers");
  return status;
}

absl::StatusOr<v1::Peer> FindPeer(IndexConnection& index, uint32_t peer_id) {
  v1::ListPeersRequest request;
  request.set_peer_id(peer_id);
  const absl::StatusOr<v1::ListPeersResponse> response =
      index.Call(&v1::IndexService::Stub::ListPeers, request);
  if (!response.ok()) return response.status();
  if (response->peers().empty()) {
    return MakeError(Reason::kPeerUnknown, absl::StrCat("the index knows no peer ", peer_id,
                                                        "; arkshare-cli peers lists them"));
  }
  return response->peers(0);
}

absl::Status ForEachBook(IndexConnection& index, uint32_t peer_id,
                         const std::function<void(const v1::Listing&)>& visit) {
  v1::ListBooksRequest request;
  request.set_peer_id(peer_id);
  request.set_page_size(kMaxItems);
  std::pair<std::string, uint64_t> last;
  bool in_order = true;
  const absl::Status status = ForEachPage(
      request,
      [&](const v1::ListBooksRequest& page) {
        return index.Call(&v1::IndexService::Stub::ListBooks, page);
      },
      [&](const v1::ListBooksResponse& page) {
        for (const v1::Listing& listing : page.listings()) {
          std::pair<std::string, uint64_t> place(listing.name(), listing.listing_number());
          in_order = in_order && place > last;
          if (!in_order) break;
          last = std::move(place);
          visit(listing);
        }
        return in_order;
      });
  if (!in_order) return AnswerInvalid("the books are not in order of name and listing number");
  return status;
}

absl::StatusOr<SearchResults> Search(IndexConnection& index, v1::SearchRequest query,
                                     uint64_t limit) {
  query.clear_page_token();
  query.set_page_size(static_cast<int32_t>(std::min<uint64_t>(limit, kMaxItems)));
  SearchResults found;
  const absl::Status status = ForEachPage(
      query,
      [&](const v1::SearchRequest& page) {
        return index.Call(&v1::IndexService::Stub::Search, page);
      },
      [&](const v1::SearchResponse& page) {
        found.incomplete = found.incomplete || page.incomplete();
        for (const v1::SearchResponse::Result& result : page.results()) {
          if (found.results.size() < limit) {
            found.results.push_back(result);
          } else {
            found.more = true;
          }
        }
        if (found.results.size() >= limit && !page.next_page_token().empty()) found.more = true;
        return found.results.size() < limit;
      });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::vector<v1::SearchResponse::Result>> SearchName(IndexConnection& index,
                                                                   const std::string& name) {
  v1::SearchRequest query;
  query.set_name(name);
  absl::StatusOr<SearchResults> found = Search(index, std::move(query), kNoLimit);
  if (!found.ok()) return found.status();
  return std::move(found->results);
}

}  // namespace arkshare
