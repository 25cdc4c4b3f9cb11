// A fake index on a real socket, which answers as the test says.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_INDEX_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_INDEX_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/index.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Counts its calls. Thread-safe.
class FakeIndex final : public v1::IndexService::Service {
 public:
  using WatchScript = std::function<grpc::Status(const v1::WatchRequest&, grpc::ServerContext*,
                                                 grpc::ServerWriter<v1::WatchResponse>*)>;

  void AddResult(v1::SearchResponse::Result result);
  void AddPeer(v1::Peer peer);
  void AddListing(uint32_t peer_id, v1::Listing listing);
  void SetWatchScript(WatchScript script);
  // Makes ListMembers answer; by default the index has no group. Its calls are not counted.
  void SetMembers(v1::MembersUpdate members);
  // Says with every search that it has not looked at all books.
  void EndSearchesEarly();

  int calls() const;
  std::vector<v1::SearchRequest> searches() const;

  // Finds results by exact name, by keywords that the name contains, or by content.
  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override;
  grpc::Status ListPeers(grpc::ServerContext*, const v1::ListPeersRequest* request,
                         v1::ListPeersResponse* response) override;
  grpc::Status ListBooks(grpc::ServerContext*, const v1::ListBooksRequest* request,
                         v1::ListBooksResponse* response) override;
  grpc::Status ListMembers(grpc::ServerContext*, const v1::ListMembersRequest* request,
                           v1::ListMembersResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override;

 private:
  mutable Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::SearchRequest> searches_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SearchResponse::Result> results_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Peer> peers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<uint32_t, v1::Listing>> listings_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::MembersUpdate> members_ ABSL_GUARDED_BY(mutex_);
  WatchScript watch_script_ ABSL_GUARDED_BY(mutex_);
  bool searches_end_early_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_INDEX_H_
