// FileService on the wire: parses, asks Library and Handover, converts. The contract is file.proto.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_
#define ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_

#include <atomic>
#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/rpc/download_stream.h"
#include "lib/rpc/idle_watchdog.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/partial_books.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/upload_queue.h"
#include "services/peer/session/registration_gate.h"

namespace arkshare {

v1::DownloadResponse::Queued ToProto(const UploadQueue::Place& place);
// Bytes of the book as it was when it was hashed. kBookChanged.
absl::Status ReadServed(const ServedBook& book, uint64_t offset, absl::Span<uint8_t> out);

// Synchronous handlers: a thread each, bounded by the upload queue; blocking writes are the
// back-pressure.
class FileService final : public v1::FileService::Service {
 public:
  struct Parts {  // all must outlive the service
    Library* library;
    Handover* handover;
    HashCache* cache;
    UploadQueue* queue;
    IdleWatchdog* watchdog;
    const RegistrationGate* gate;
    PartialBooks* partials;
  };

  FileService(Parts parts, PrivateKey key);

  grpc::Status Ping(grpc::ServerContext* context, const v1::PingRequest* request,
                    v1::PingResponse* response) override;
  grpc::Status GetManifest(grpc::ServerContext* context, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override;
  grpc::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest* request,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override;
  grpc::Status DownloadMany(grpc::ServerContext* context, const v1::DownloadManyRequest* request,
                            grpc::ServerWriter<v1::DownloadManyResponse>* writer) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;
  grpc::Status Confirm(grpc::ServerContext* context, const v1::ConfirmRequest* request,
                       v1::ConfirmResponse* response) override;

 private:
  // Download.
  absl::Status Serve(grpc::ServerContext* context, DownloadStream* stream);
  absl::Status ServeMany(grpc::ServerContext* context, const v1::DownloadManyRequest& request,
                         grpc::ServerWriter<v1::DownloadManyResponse>* writer);
  absl::Status ReadSmall(const ContentId& id, std::string* out);
  absl::Status FillManifest(const v1::GetManifestRequest& request,
                            v1::GetManifestResponse* response);
  absl::StatusOr<std::vector<Sha256Digest>> PiecesOf(const ContentId& id);
  absl::Status TellPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest& request,
                          grpc::ServerWriter<v1::WatchPiecesResponse>* writer);

  const Parts parts_;
  const PrivateKey key_;
  const std::string boot_id_;
  std::atomic<int> piece_watchers_ = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_FILE_SERVICE_H_
