// A fake peer on a real socket, which answers as the test says.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

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
  // Makes CancelTransfers and ForgetTransfers refuse this transfer.
  void RefuseToEnd(const std::string& transfer_id, absl::Status status);
  // Sets the answer of PlaceTransfer; by default it gives the transfer the name.
  void RefuseToPlace(absl::Status status);
  // Makes Share wait until GetStatus has been called twice more.
  void HoldShareForStatus();
  void AddLimbo(v1::LimboEntry entry);
  // Sets the address that OpenPage returns.
  void SetPageUrl(const std::string& url);
  // From the moment at which this file exists, a browser is signed in at the page.
  void SignInWhenFileAppears(const std::string& path);
  void AddUpload(v1::Upload upload);
  void AddHistory(v1::HistoryEntry entry);
  // Adds a message that WatchOwn sends before it ends with SHUTTING_DOWN.
  void AddWatchMessage(v1::WatchOwnResponse message);
  // Sets the answer of ExportTls; by default the peer is in no group.
  void SetExport(absl::StatusOr<v1::ExportTlsResponse> answer);

  // The wishes of all Fetch and FetchMany calls.
  std::vector<v1::FetchRequest> fetches() const;
  // The number of wishes of each FetchMany call.
  std::vector<int> many_sizes() const;
  std::vector<std::string> shared_paths() const;
  std::vector<v1::SetLimitsRequest> limit_changes() const;
  std::vector<std::string> kept() const;
  // The transfers that were cancelled or forgotten.
  std::vector<std::string> ended() const;
  std::vector<std::string> restored() const;
  std::vector<v1::Wish> wishes() const;
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
  grpc::Status PlaceTransfer(grpc::ServerContext*, const v1::PlaceTransferRequest* request,
                             v1::PlaceTransferResponse* response) override;
  // Both remove the transfers from the list.
  grpc::Status CancelTransfers(grpc::ServerContext*, const v1::CancelTransfersRequest* request,
                               v1::CancelTransfersResponse* response) override;
  grpc::Status ForgetTransfers(grpc::ServerContext*, const v1::ForgetTransfersRequest* request,
                               v1::ForgetTransfersResponse* response) override;
  // Removes the transfers from the list, as those that go on under another id.
  grpc::Status RetryTransfers(grpc::ServerContext*, const v1::RetryTransfersRequest* request,
                              v1::RetryTransfersResponse* response) override;
  grpc::Status WatchOwn(grpc::ServerContext*, const v1::WatchOwnRequest* request,
                        grpc::ServerWriter<v1::WatchOwnResponse>* writer) override;
  grpc::Status ListUploads(grpc::ServerContext*, const v1::ListUploadsRequest*,
                           v1::ListUploadsResponse* response) override;
  grpc::Status ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                           v1::ListHistoryResponse* response) override;
  grpc::Status AddWish(grpc::ServerContext*, const v1::AddWishRequest* request,
                       v1::AddWishResponse* response) override;
  grpc::Status RemoveWish(grpc::ServerContext*, const v1::RemoveWishRequest* request,
                          v1::RemoveWishResponse*) override;
  grpc::Status ListWishes(grpc::ServerContext*, const v1::ListWishesRequest*,
                          v1::ListWishesResponse* response) override;
  grpc::Status SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                         v1::SetLimitsResponse* response) override;
  grpc::Status ListLimbo(grpc::ServerContext*, const v1::ListLimboRequest*,
                         v1::ListLimboResponse* response) override;
  grpc::Status RestoreLimbo(grpc::ServerContext*, const v1::RestoreLimboRequest* request,
                            v1::RestoreLimboResponse* response) override;
  grpc::Status ExportTls(grpc::ServerContext*, const v1::ExportTlsRequest*,
                         v1::ExportTlsResponse* response) override;
  grpc::Status OpenPage(grpc::ServerContext*, const v1::OpenPageRequest*,
                        v1::OpenPageResponse* response) override;
  grpc::Status ClosePage(grpc::ServerContext*, const v1::ClosePageRequest*,
                         v1::ClosePageResponse* response) override;
  grpc::Status ListPageSessions(grpc::ServerContext*, const v1::ListPageSessionsRequest*,
                                v1::ListPageSessionsResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override;

 private:
  template <typename Request, typename Response>
  grpc::Status EndTransfers(const Request& request, Response* response);
  void AddBookLocked(const std::string& name, const v1::ContentId& content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar asked_;
  int statuses_awaited_ ABSL_GUARDED_BY(mutex_) = 0;
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
  absl::Status place_answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> kept_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> refused_to_end_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> ended_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::LimboEntry> limbo_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Upload> uploads_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::HistoryEntry> history_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchOwnResponse> watch_messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Wish> wishes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> restored_ ABSL_GUARDED_BY(mutex_);
  grpc::Status shutdown_status_ ABSL_GUARDED_BY(mutex_);
  std::string page_url_ ABSL_GUARDED_BY(mutex_) = "http://127.0.0.1:8470/#/open=CODE";
  std::string sign_in_file_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<v1::ExportTlsResponse> export_ ABSL_GUARDED_BY(mutex_);
  int shutdowns_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_
