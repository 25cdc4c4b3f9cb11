// Catalog::Search for tests, with the answer as values instead of bytes.
#ifndef ARKSHARE_SERVICES_INDEX_TESTING_SEARCH_VALUES_H_
#define ARKSHARE_SERVICES_INDEX_TESTING_SEARCH_VALUES_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/rpc/convert.h"
#include "services/index/catalog/catalog.h"

namespace arkshare {

struct HolderRecord {
  std::shared_ptr<const PeerInfo> peer;
  uint64_t listing_number = 0;
  bool partial = false;
};

struct SearchResult {
  std::string name;
  ContentId content;
  std::vector<HolderRecord> holders;
  uint32_t holder_count = 0;
};

struct SearchPage {
  std::vector<SearchResult> results;
  std::optional<SearchKey> last;
};

inline SearchPage SearchFor(const Catalog& catalog, const BookQuery& query, bool loopback,
                            size_t page_size, const std::optional<SearchKey>& after,
                            std::optional<uint64_t> partial_seed = std::nullopt) {
  SearchWriter writer;
  SearchPage page;
  page.last = catalog.Search(query, loopback, page_size, after, partial_seed, writer);
  v1::SearchResponse response;
  if (!response.ParseFromString(std::string(writer.bytes()))) std::abort();
  for (const v1::SearchResponse::Result& proto : response.results()) {
    SearchResult result{proto.name(), FromProto(proto.content()).value(), {}, proto.holder_count()};
    for (const v1::Holder& holder : proto.holders()) {
      PeerInfo peer;
      peer.peer_id = holder.peer_id();
      peer.key = PublicKey::FromBytes(holder.public_key()).value();
      peer.address = holder.address();
      peer.policy = holder.policy();
      peer.free_slots = holder.free_slots();
      peer.upload_limit = holder.upload_limit();
      result.holders.push_back({std::make_shared<const PeerInfo>(std::move(peer)),
                                holder.listing_number(), holder.partial()});
    }
    page.results.push_back(std::move(result));
  }
  return page;
}

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_TESTING_SEARCH_VALUES_H_
