// TLS or not, for servers and clients alike.
#ifndef ARKSHARE_LIB_RPC_CREDENTIALS_H_
#define ARKSHARE_LIB_RPC_CREDENTIALS_H_

#include <absl/status/statusor.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

namespace arkshare {

// Paths of PEM files; all three or none.
struct TlsOptions {
  std::string cert_file;
  std::string key_file;
  std::string ca_file;  // who may talk to us, and whom we believe

  bool enabled() const { return !cert_file.empty() || !key_file.empty() || !ca_file.empty(); }
};

// Mutual TLS (client certificates demanded and verified), or plaintext when `tls` is not enabled.
// InvalidArgument names the file that is missing, unreadable or not PEM.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls);

// The client's side. The server's certificate must be signed by the CA; its host name is not
// checked, because peers are known by their Ed25519 keys and their addresses change.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& tls);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_RPC_CREDENTIALS_H_
