// FileService.DownloadMany: many small books in one stream.
#ifndef ARKSHARE_SERVICES_PEER_SERVE_DOWNLOAD_MANY_H_
#define ARKSHARE_SERVICES_PEER_SERVE_DOWNLOAD_MANY_H_

#include <absl/status/status.h>
#include <grpcpp/support/sync_stream.h>

#include "arkshare/v1/file.pb.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/served_proofs.h"
#include "services/peer/serve/upload_call.h"

namespace arkshare {

// For the contract and the errors see file.proto.
absl::Status DownloadMany(UploadCall& call, const v1::DownloadManyRequest& request,
                          Library* library, ServedProofs* proofs,
                          grpc::ServerWriter<v1::DownloadManyResponse>* writer);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SERVE_DOWNLOAD_MANY_H_
