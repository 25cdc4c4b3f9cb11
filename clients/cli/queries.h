// Queries whose results come in pages.
#ifndef ARKSHARE_CLIENTS_CLI_QUERIES_H_
#define ARKSHARE_CLIENTS_CLI_QUERIES_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "arkshare/v1/peer.pb.h"
#include "clients/cli/index_connection.h"
#include "clients/cli/peer_connection.h"

namespace arkshare {

inline constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// Visits the peer's whole library, in order of name.
absl::Status ForEachLibraryEntry(PeerConnection& peer,
                                 const std::function<void(const v1::LibraryEntry&)>& visit);

// Visits the live peers, in order of number; with `same_network`, only those in the network of this
// program, each with its local_address.
absl::Status ForEachPeer(IndexConnection& index, const std::function<void(const v1::Peer&)>& visit,
                         bool same_network = false);

// Returns the live peer with this number; kPeerUnknown when there is none.
absl::StatusOr<v1::Peer> FindPeer(IndexConnection& index, uint32_t peer_id);

// Visits the books of one live peer, in order of name.
absl::Status ForEachBook(IndexConnection& index, uint32_t peer_id,
                         const std::function<void(const v1::Listing&)>& visit);

struct SearchResults {
  std::vector<v1::SearchResponse::Result> results;
  // The query has more results than `limit`.
  bool more = false;
  // The index ended the search before it had looked at every book (SearchResponse.incomplete).
  bool incomplete = false;
};

// Returns the first `limit` results of a query. The page fields of `query` are ignored.
absl::StatusOr<SearchResults> Search(IndexConnection& index, v1::SearchRequest query,
                                     uint64_t limit);

// Returns all contents that live peers list under exactly this name.
absl::StatusOr<std::vector<v1::SearchResponse::Result>> SearchName(IndexConnection& index,
                                                                   const std::string& name);

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_QUERIES_H_
