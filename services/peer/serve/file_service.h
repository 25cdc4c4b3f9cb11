// The FileService that other peers call: parses, asks Library and Handover, converts. The contract
// is file.proto.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_
#define ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/rpc/download_stream.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/group/member_calls.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/call_budget.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/served_proofs.h"
#include "services/peer/serve/upload_call.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/session/registration_gate.h"

namespace arkshare {

// Each handler but Ping runs on a thread of its own and may block: CallBudget bounds them, and the
// upload queue the downloads, whose blocking writes are the back-pressure. Ping needs no thread, so
// it never waits behind the others. Thread-safe.
class FileService final
    : public v1::FileService::WithCallbackMethod_Ping<v1::FileService::Service> {
 public:
  struct Parts {  // all must outlive the service
    Library* library;
    Handover* handover;
    HashCache* cache;
    UploadQueue* queue;
    IdleWatchdog* watchdog;
    const RegistrationGate* gate;
    PartialBooks* partials;
    ServedProofs* proofs;
    MemberCalls* members = nullptr;  // nullptr: every caller may call
  };

  FileService(Parts parts, PrivateKey key);

  // The calls that the server of this service is to take.
  CallBounds server_bounds() const { return budget_.server_bounds(); }

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
                                 const v1::PingRequest* request,
                                 v1::PingResponse* response) override;
  grpc::Status GetManifest(grpc::ServerContext* context, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override;
  grpc::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest* request,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override;
  // Download, called with a stream that takes bytes without a copy (MarkMethodStreamed).
  grpc::Status Download(grpc::ServerContext* context, DownloadStream* stream);
  using Service::Download;  // the generated signature, which gRPC does not call
  grpc::Status DownloadMany(grpc::ServerContext* context, const v1::DownloadManyRequest* request,
                            grpc::ServerWriter<v1::DownloadManyResponse>* writer) override;
  grpc::Status ReportMismatch(grpc::ServerContext* context,
                              const v1::ReportMismatchRequest* request,
                              v1::ReportMismatchResponse* response) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;
  grpc::Status Confirm(grpc::ServerContext* context, const v1::ConfirmRequest* request,
                       v1::ConfirmResponse* response) override;

 private:
  // A call that may go on.
  struct Call {
    MemberCalls::Call member;
    CallerShares::Share share;
  };
  // Checks the caller and counts the call. kNotAMember, kRoleForbids, kQueueFull.
  absl::StatusOr<Call> Begin(CallBudget::Kind kind, grpc::ServerContext* context,
                             absl::string_view method);
  absl::Status CheckCaller(const grpc::ServerContextBase& context, absl::string_view method) const;
  absl::Status Answer(const v1::PingRequest& request, v1::PingResponse& response) const;
  absl::Status DownloadRange(UploadCall& call, const v1::DownloadRequest& request,
                             DownloadStream* stream);
  absl::StatusOr<v1::GetManifestResponse> GetManifestOf(const ContentId& id);
  absl::StatusOr<std::vector<Sha256Digest>> PiecesOf(const ContentId& id);

  const Parts parts_;
  const PrivateKey key_;
  const std::string boot_id_;
  CallBudget budget_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_
