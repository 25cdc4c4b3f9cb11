// A fake peer on a real socket, which answers as the test says.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_

#include <absl/status/statusor.h>

#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/testing/fake_activity.h"
#include "clients/cli/testing/fake_fetches.h"
#include "clients/cli/testing/fake_library.h"
#include "clients/cli/testing/fake_page.h"
#include "clients/cli/testing/fake_transfers.h"
#include "clients/cli/testing/fake_wishes.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Has a fake for each part of a peer, and answers for the peer itself. Thread-safe.
class FakePeer final : public v1::PeerService::Service {
 public:
  FakePeer();

  FakeLibrary& library() { return library_; }
  FakeFetches& fetches() { return fetches_; }
  FakeTransfers& transfers() { return transfers_; }
  FakeActivity& activity() { return activity_; }
  FakeWishes& wishes() { return wishes_; }
  FakePage& page() { return page_; }

  // Sets the answers of GetStatus: each of `first` once, then `status` always.
  void SetStatus(v1::GetStatusResponse status, std::vector<v1::GetStatusResponse> first = {});
  v1::GetStatusResponse status() const;
  void SetShutdownStatus(grpc::Status status);
  // Sets the answer of ExportTls; by default the peer is in no group.
  void SetExport(absl::StatusOr<v1::ExportTlsResponse> answer);

  std::vector<v1::SetLimitsRequest> limit_changes() const;
  int shutdowns() const;

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override;
  grpc::Status SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                         v1::SetLimitsResponse* response) override;
  grpc::Status ExportTls(grpc::ServerContext*, const v1::ExportTlsRequest*,
                         v1::ExportTlsResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext*, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override;

  // The calls of the parts.
  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override {
    return fetches_.Fetch(context, request, writer);
  }
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) override {
    return fetches_.FetchMany(context, request, writer);
  }
  grpc::Status WatchOwn(grpc::ServerContext*, const v1::WatchOwnRequest* request,
                        grpc::ServerWriter<v1::WatchOwnResponse>* writer) override {
    return activity_.WatchOwn(*request, writer);
  }
  grpc::Status ListLibrary(grpc::ServerContext*, const v1::ListLibraryRequest* request,
                           v1::ListLibraryResponse* response) override {
    return library_.ListLibrary(*request, response);
  }
  grpc::Status Share(grpc::ServerContext*, const v1::ShareRequest* request,
                     v1::ShareResponse* response) override {
    return library_.Share(*request, response);
  }
  grpc::Status Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                       v1::UnshareResponse* response) override {
    return library_.Unshare(*request, response);
  }
  grpc::Status ListTransfers(grpc::ServerContext*, const v1::ListTransfersRequest* request,
                             v1::ListTransfersResponse* response) override {
    return transfers_.ListTransfers(*request, response);
  }
  grpc::Status KeepTransfer(grpc::ServerContext*, const v1::KeepTransferRequest* request,
                            v1::KeepTransferResponse* response) override {
    return transfers_.KeepTransfer(*request, response);
  }
  grpc::Status PlaceTransfer(grpc::ServerContext*, const v1::PlaceTransferRequest* request,
                             v1::PlaceTransferResponse* response) override {
    return transfers_.PlaceTransfer(*request, response);
  }
  grpc::Status CancelTransfers(grpc::ServerContext*, const v1::CancelTransfersRequest* request,
                               v1::CancelTransfersResponse* response) override {
    return transfers_.CancelTransfers(*request, response);
  }
  grpc::Status ForgetTransfers(grpc::ServerContext*, const v1::ForgetTransfersRequest* request,
                               v1::ForgetTransfersResponse* response) override {
    return transfers_.ForgetTransfers(*request, response);
  }
  grpc::Status RetryTransfers(grpc::ServerContext*, const v1::RetryTransfersRequest* request,
                              v1::RetryTransfersResponse* response) override {
    return transfers_.RetryTransfers(*request, response);
  }
  grpc::Status ListUploads(grpc::ServerContext*, const v1::ListUploadsRequest* request,
                           v1::ListUploadsResponse* response) override {
    return activity_.ListUploads(*request, response);
  }
  grpc::Status ListHistory(grpc::ServerContext*, const v1::ListHistoryRequest* request,
                           v1::ListHistoryResponse* response) override {
    return activity_.ListHistory(*request, response);
  }
  grpc::Status ListLimbo(grpc::ServerContext*, const v1::ListLimboRequest* request,
                         v1::ListLimboResponse* response) override {
    return activity_.ListLimbo(*request, response);
  }
  grpc::Status RestoreLimbo(grpc::ServerContext*, const v1::RestoreLimboRequest* request,
                            v1::RestoreLimboResponse* response) override {
    return activity_.RestoreLimbo(*request, response);
  }
  grpc::Status AddWish(grpc::ServerContext*, const v1::AddWishRequest* request,
                       v1::AddWishResponse* response) override {
    return wishes_.AddWish(*request, response);
  }
  grpc::Status RemoveWish(grpc::ServerContext*, const v1::RemoveWishRequest* request,
                          v1::RemoveWishResponse* response) override {
    return wishes_.RemoveWish(*request, response);
  }
  grpc::Status ListWishes(grpc::ServerContext*, const v1::ListWishesRequest* request,
                          v1::ListWishesResponse* response) override {
    return wishes_.ListWishes(*request, response);
  }
  grpc::Status OpenPage(grpc::ServerContext*, const v1::OpenPageRequest* request,
                        v1::OpenPageResponse* response) override {
    return page_.OpenPage(*request, response);
  }
  grpc::Status ClosePage(grpc::ServerContext*, const v1::ClosePageRequest* request,
                         v1::ClosePageResponse* response) override {
    return page_.ClosePage(*request, response);
  }
  grpc::Status ListPageSessions(grpc::ServerContext*, const v1::ListPageSessionsRequest* request,
                                v1::ListPageSessionsResponse* response) override {
    return page_.ListPageSessions(*request, response);
  }

 private:
  FakeLibrary library_;
  FakeFetches fetches_{&library_};
  FakeTransfers transfers_;
  FakeActivity activity_{&library_};
  FakeWishes wishes_;
  FakePage page_;
  mutable Mutex mutex_;
  v1::GetStatusResponse status_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::GetStatusResponse> first_statuses_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SetLimitsRequest> limit_changes_ ABSL_GUARDED_BY(mutex_);
  grpc::Status shutdown_status_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<v1::ExportTlsResponse> export_ ABSL_GUARDED_BY(mutex_);
  int shutdowns_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_PEER_H_
