// PeerService: the calls by which the owner drives this peer. The contract is peer.proto.
#ifndef ARKSHARE_SERVICES_PEER_PEER_SERVICE_H_
#define ARKSHARE_SERVICES_PEER_PEER_SERVICE_H_

#include <functional>
#include <string>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/bell.h"
#include "lib/core/clock.h"
#include "lib/core/rate_limiter.h"
#include "lib/rpc/caller_shares.h"
#include "services/peer/calls/call_answerer.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/group/membership.h"
#include "services/peer/library/sharing.h"
#include "services/peer/owner/library_calls.h"
#include "services/peer/owner/library_entries.h"
#include "services/peer/owner/owner_status.h"
#include "services/peer/owner/transfer_calls.h"
#include "services/peer/reach/port_mapper.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/session/announcer.h"
#include "services/peer/transfer/transfers.h"
#include "services/peer/web/owner_page.h"
#include "services/peer/wishes/wishes.h"

namespace arkshare {

class PeerService final : public v1::PeerService::Service {
 public:
  struct Parts {  // all must outlive the service
    const SharedFolder* folder;
    Library* library;
    FolderScanner* scanner;
    Handover* handover;
    Sharing* sharing;
    Transfers* transfers;
    Announcer* announcer;
    IndexClient* index;
    UploadQueue* queue;
    RateLimiter* download_limiter;
    const Clock* clock;
    Ledger* ledger;
    Wishes* wishes;
    Bell* bell;
    const Membership* membership = nullptr;  // nullptr: this peer is in no group
    OwnerPage* page = nullptr;
    const CallAnswerer* calls = nullptr;  // nullptr: this peer does not use the relay
    const PortMapper* mapper = nullptr;   // nullptr: no router is asked
  };

  // `key` is this peer's, `listen_address` that of FileService. `shut_down` must return at once.
  PeerService(Parts parts, PrivateKey key, std::string listen_address,
              std::function<void()> shut_down);

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status WatchOwn(grpc::ServerContext* context, const v1::WatchOwnRequest* request,
                        grpc::ServerWriter<v1::WatchOwnResponse>* writer) override;
  grpc::Status ListLibrary(grpc::ServerContext* context, const v1::ListLibraryRequest* request,
                           v1::ListLibraryResponse* response) override;
  grpc::Status HasBooks(grpc::ServerContext* context, const v1::HasBooksRequest* request,
                        v1::HasBooksResponse* response) override;
  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer) override;
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) override;
  grpc::Status Share(grpc::ServerContext* context, const v1::ShareRequest* request,
                     v1::ShareResponse* response) override;
  grpc::Status Unshare(grpc::ServerContext* context, const v1::UnshareRequest* request,
                       v1::UnshareResponse* response) override;
  grpc::Status ListTransfers(grpc::ServerContext* context, const v1::ListTransfersRequest* request,
                             v1::ListTransfersResponse* response) override;
  grpc::Status KeepTransfer(grpc::ServerContext* context, const v1::KeepTransferRequest* request,
                            v1::KeepTransferResponse* response) override;
  grpc::Status PlaceTransfer(grpc::ServerContext* context, const v1::PlaceTransferRequest* request,
                             v1::PlaceTransferResponse* response) override;
  grpc::Status CancelTransfers(grpc::ServerContext* context,
                               const v1::CancelTransfersRequest* request,
                               v1::CancelTransfersResponse* response) override;
  grpc::Status ForgetTransfers(grpc::ServerContext* context,
                               const v1::ForgetTransfersRequest* request,
                               v1::ForgetTransfersResponse* response) override;
  grpc::Status RetryTransfers(grpc::ServerContext* context,
                              const v1::RetryTransfersRequest* request,
                              v1::RetryTransfersResponse* response) override;
  grpc::Status ListUploads(grpc::ServerContext* context, const v1::ListUploadsRequest* request,
                           v1::ListUploadsResponse* response) override;
  grpc::Status ListHistory(grpc::ServerContext* context, const v1::ListHistoryRequest* request,
                           v1::ListHistoryResponse* response) override;
  grpc::Status AddWish(grpc::ServerContext* context, const v1::AddWishRequest* request,
                       v1::AddWishResponse* response) override;
  grpc::Status RemoveWish(grpc::ServerContext* context, const v1::RemoveWishRequest* request,
                          v1::RemoveWishResponse* response) override;
  grpc::Status ListWishes(grpc::ServerContext* context, const v1::ListWishesRequest* request,
                          v1::ListWishesResponse* response) override;
  grpc::Status SetLimits(grpc::ServerContext* context, const v1::SetLimitsRequest* request,
                         v1::SetLimitsResponse* response) override;
  grpc::Status ListLimbo(grpc::ServerContext* context, const v1::ListLimboRequest* request,
                         v1::ListLimboResponse* response) override;
  grpc::Status RestoreLimbo(grpc::ServerContext* context, const v1::RestoreLimboRequest* request,
                            v1::RestoreLimboResponse* response) override;
  grpc::Status ExportTls(grpc::ServerContext* context, const v1::ExportTlsRequest* request,
                         v1::ExportTlsResponse* response) override;
  grpc::Status OpenPage(grpc::ServerContext* context, const v1::OpenPageRequest* request,
                        v1::OpenPageResponse* response) override;
  grpc::Status OpenBook(grpc::ServerContext* context, const v1::OpenBookRequest* request,
                        v1::OpenBookResponse* response) override;
  grpc::Status ClosePage(grpc::ServerContext* context, const v1::ClosePageRequest* request,
                         v1::ClosePageResponse* response) override;
  grpc::Status ListPageSessions(grpc::ServerContext* context,
                                const v1::ListPageSessionsRequest* request,
                                v1::ListPageSessionsResponse* response) override;
  grpc::Status EndPageSession(grpc::ServerContext* context,
                              const v1::EndPageSessionRequest* request,
                              v1::EndPageSessionResponse* response) override;
  grpc::Status Shutdown(grpc::ServerContext* context, const v1::ShutdownRequest* request,
                        v1::ShutdownResponse* response) override;

 private:
  const Parts parts_;
  const PrivateKey key_;
  const std::function<void()> shut_down_;
  const std::string boot_id_;  // of this process
  const OwnerStatus status_;
  const LibraryEntries entries_;
  const LibraryCalls library_calls_;
  const TransferCalls transfer_calls_;
  CallerShares watches_;  // the streams of WatchOwn
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_PEER_SERVICE_H_
