// Test support: a fake peer, index and file service on real sockets, which answer as the test says.
// A session calls them and writes into strings.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKES_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKES_H_

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/session.h"
#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/server.h"

namespace arkshare {

// Returns a content whose root has this first byte; the rest is 0x11.
v1::ContentId MakeContent(uint8_t first_byte, uint64_t size);
v1::Holder MakeHolder(uint32_t peer_id, const std::string& address,
                      v1::SharePolicy policy = v1::SHARE_POLICY_MOVE);
v1::SearchResponse::Result MakeResult(const std::string& name, const v1::ContentId& content,
                                      std::vector<v1::Holder> holders);

// Answers lists in pages of two. Thread-safe.
class FakePeer final : public v1::PeerService::Service {
 public:
  using FetchScript = std::function<grpc::Status(const v1::FetchRequest&, grpc::ServerContext*,
                                                 grpc::ServerWriter<v1::FetchResponse>*)>;

  FakePeer();

  // Sets the answers of GetStatus: each of `first` once, then `status` always.
  void SetStatus(v1::GetStatusResponse status, std::vector<v1::GetStatusResponse> first = {});
  v1::GetStatusResponse status() const;
  // Adds a shared book, the newest of the library.
  void AddBook(const std::string& name, const v1::ContentId& content);
  void AddEntry(v1::LibraryEntry entry);
  // Replaces the default, which moves the book from peer 1 in one piece.
  void SetFetchScript(FetchScript script);
  // Makes FetchMany fail with `status` for this name. Other names move as without a script.
  void RefuseOfMany(const std::string& name, absl::Status status);
  using FetchManyScript =
      std::function<grpc::Status(const v1::FetchManyRequest&, grpc::ServerContext*,
                                 grpc::ServerWriter<v1::FetchManyResponse>*)>;
  void SetFetchManyScript(FetchManyScript script);
  void SetShutdownStatus(grpc::Status status);
  void AddTransfer(v1::Transfer transfer);
  // Sets the answer of KeepTransfer.
  void SetKeepAnswer(absl::StatusOr<v1::KeepTransferResponse> answer);
  void AddLimbo(v1::LimboEntry entry);

  // The wishes of all Fetch and FetchMany calls.
  std::vector<v1::FetchRequest> fetches() const;
  // The number of wishes of each FetchMany call.
  std::vector<int> many_sizes() const;
  std::vector<std::string> shared_paths() const;
  std::vector<v1::SetLimitsRequest> limit_changes() const;
  std::vector<std::string> kept() const;
  std::vector<std::string> restored() const;
  int shutdowns() const;

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override;
  grpc::Status ListLibrary(grpc::ServerContext*, const v1::ListLibraryRequest* request,
                           v1::ListLibraryResponse* response) override;
  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override;
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) override;
  // Refuses a path that contains "missing". A path that contains "folder" has three files.
  grpc::Status Share(grpc::ServerContext*, const v1::ShareRequest* request,
                     v1::ShareResponse* response) override;
  // Knows the names of the library.
  grpc::Status Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                       v1::UnshareResponse* response) override;
  grpc::Status ListTransfers(grpc::ServerContext*, const v1::ListTransfersRequest*,
                             v1::ListTransfersResponse* response) override;
  grpc::Status KeepTransfer(grpc::ServerContext*, const v1::KeepTransferRequest* request,
                            v1::KeepTransferResponse* response) override;
  grpc::Status SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                         v1::SetLimitsResponse* response) override;
  grpc::Status ListLimbo(grpc::ServerContext*, const v1::ListLimboRequest*,
                         v1::ListLimboResponse* response) override;
  grpc::Status RestoreLimbo(grpc::ServerContext*, const v1::RestoreLimboRequest* request,
                            v1::RestoreLimboResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override;

 private:
  void AddBookLocked(const std::string& name, const v1::ContentId& content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  v1::GetStatusResponse status_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GetStatusResponse> first_statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::LibraryEntry> library_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_listing_ ABSL_GUARDED_BY(mutex_) = 1;
  FetchScript fetch_script_ ABSL_GUARDED_BY(mutex_);
  FetchManyScript fetch_many_script_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> refused_of_many_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> many_sizes_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::FetchRequest> fetches_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> shared_paths_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SetLimitsRequest> limit_changes_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Transfer> transfers_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<v1::KeepTransferResponse> keep_answer_ ABSL_GUARDED_BY(mutex_) =
      v1::KeepTransferResponse();
  std::vector<std::string> kept_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::LimboEntry> limbo_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> restored_ ABSL_GUARDED_BY(mutex_);
  grpc::Status shutdown_status_ ABSL_GUARDED_BY(mutex_);
  int shutdowns_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Counts its calls. Thread-safe.
class FakeIndex final : public v1::IndexService::Service {
 public:
  using WatchScript = std::function<grpc::Status(const v1::WatchRequest&, grpc::ServerContext*,
                                                 grpc::ServerWriter<v1::WatchResponse>*)>;

  void AddResult(v1::SearchResponse::Result result);
  void AddPeer(v1::Peer peer);
  void AddListing(uint32_t peer_id, v1::Listing listing);
  void SetWatchScript(WatchScript script);

  int calls() const;
  std::vector<v1::SearchRequest> searches() const;

  // Finds results by exact name, by keywords that the name contains, or by content.
  grpc::Status Search(grpc::ServerContext*, const v1::SearchRequest* request,
                      v1::SearchResponse* response) override;
  grpc::Status ListPeers(grpc::ServerContext*, const v1::ListPeersRequest* request,
                         v1::ListPeersResponse* response) override;
  grpc::Status ListBooks(grpc::ServerContext*, const v1::ListBooksRequest* request,
                         v1::ListBooksResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override;

 private:
  mutable Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::SearchRequest> searches_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SearchResponse::Result> results_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Peer> peers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<uint32_t, v1::Listing>> listings_ ABSL_GUARDED_BY(mutex_);
  WatchScript watch_script_ ABSL_GUARDED_BY(mutex_);
};

// Answers pings, signed with its key; with another key when `lies`. Thread-safe.
class FakeFileService final : public v1::FileService::Service {
 public:
  explicit FakeFileService(bool lies = false) : lies_(lies) {}

  PublicKey public_key() const { return key_.public_key(); }
  int pings() const;

  grpc::Status Ping(grpc::ServerContext*, const v1::PingRequest* request,
                    v1::PingResponse* response) override;

 private:
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_key_ = PrivateKey::Generate();
  const bool lies_;
  mutable Mutex mutex_;
  int pings_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A fixture with the running fakes and a session. The peer has number 5, is online, and uses the
// index.
class CliTest : public testing::Test {
 protected:
  CliTest();
  ~CliTest() override;

  void StopPeer() { peer_server_.reset(); }
  void StopIndex() { index_server_.reset(); }
  // Restarts the index on the same port.
  void RestartIndex();

  // Replaces the session's connection.
  void Connect(ConnectionOptions options);
  ConnectionOptions options() const { return {.peer = peer_target_, .index = "", .tls = {}}; }

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  std::string folder_;
  std::string peer_target_;
  std::string index_address_;
  FakePeer peer_;
  FakeIndex index_;
  std::unique_ptr<RpcServer> peer_server_;
  std::unique_ptr<RpcServer> index_server_;
  FakeClock clock_;
  std::ostringstream out_;
  std::ostringstream err_;
  Interrupts interrupts_;
  std::unique_ptr<Connection> connection_;
  std::optional<Session> session_;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKES_H_
