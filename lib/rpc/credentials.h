// gRPC credentials for servers and clients, with or without TLS.
#ifndef ARKSHARE_LIB_RPC_CREDENTIALS_H_
#define ARKSHARE_LIB_RPC_CREDENTIALS_H_

#include <absl/status/statusor.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "lib/rpc/tls_options.h"

namespace arkshare {

// Makes credentials for mutual TLS, where every client needs a valid certificate; for plaintext
// when `tls` is not enabled. The files are read again every second, and new connections use what
// they then have. kInvalidField names the file that is missing, unreadable or not PEM. Logs a
// warning when other programs will refuse the certificate.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls);

// Makes the credentials of a client, with the same errors. The CA must have signed the server's
// certificate. The host name is not checked, because a peer's identity is its Ed25519 key, and its
// address can change.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& tls);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CREDENTIALS_H_
