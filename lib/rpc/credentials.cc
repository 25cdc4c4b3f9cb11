#include "lib/rpc/credentials.h"

#include <absl/status/status.h>
#include <absl/time/clock.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <string>

#include "lib/core/log.h"
#include "lib/rpc/certificates.h"

namespace arkshare {
namespace {

// How often the files are read again, so that a renewed certificate is used without a restart.
// Connections that exist keep theirs.
constexpr unsigned int kRereadSeconds = 1;

std::shared_ptr<grpc::experimental::CertificateProviderInterface> MakeProvider(
    const TlsOptions& tls) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.key_file, tls.cert_file, tls.ca_file, kRereadSeconds);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls) {
  if (!tls.enabled()) return grpc::InsecureServerCredentials();
  if (absl::Status checked = CheckTlsFiles(tls); !checked.ok()) return checked;
  // Only a warning: the files may be renewed while the server runs.
  if (const std::string trouble = OwnCertificateTrouble(tls, absl::Now()); !trouble.empty()) {
    LogWarning("bad_certificate", {{"why", trouble}});
  }
  grpc::experimental::TlsServerCredentialsOptions options(MakeProvider(tls));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  if (absl::Status checked = CheckTlsFiles(tls); !checked.ok()) return checked;
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(MakeProvider(tls));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  // gRPC still verifies the chain up to the CA; only the host name is not checked.
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace arkshare
