#include "lib/rpc/credentials.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

struct PemFiles {
  std::string cert;
  std::string key;
  std::string ca;
};

absl::StatusOr<std::string> ReadPem(const std::string& path, absl::string_view option) {
  if (path.empty()) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("TLS needs --tls-cert, --tls-key and --tls-ca together; ", option,
                                  " is missing"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return MakeError(
        Reason::kInvalidField,
        absl::StrCat("cannot read ", option, " ", path, ": ",
                     errno != 0 ? std::strerror(errno) : "it is empty or not a regular file"));
  }
  return text.str();
}

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

CertPtr ParseCertificate(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  return CertPtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
}

// Reads and checks the files. gRPC would check them at the first connection only, and write the
// error only to its log.
absl::StatusOr<PemFiles> LoadPemFiles(const TlsOptions& tls) {
  PemFiles files;
  absl::StatusOr<std::string> cert = ReadPem(tls.cert_file, "--tls-cert");
  if (!cert.ok()) return cert.status();
  absl::StatusOr<std::string> key = ReadPem(tls.key_file, "--tls-key");
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> ca = ReadPem(tls.ca_file, "--tls-ca");
  if (!ca.ok()) return ca.status();

  const CertPtr parsed_cert = ParseCertificate(*cert);
  const CertPtr parsed_ca = ParseCertificate(*ca);
  // Gives an empty passphrase, because OpenSSL would ask for that of an encrypted key on the
  // terminal.
  const BioPtr bio(BIO_new_mem_buf(key->data(), static_cast<int>(key->size())), &BIO_free);
  static char no_passphrase[] = "";
  const PrivateKeyPtr parsed_key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_passphrase), &EVP_PKEY_free);
  absl::string_view trouble;
  std::string path;
  if (parsed_cert == nullptr) {
    trouble = "is not a PEM certificate";
    path = tls.cert_file;
  } else if (parsed_key == nullptr) {
    trouble = "is not a PEM private key without a passphrase";
    path = tls.key_file;
  } else if (parsed_ca == nullptr) {
    trouble = "is not a PEM certificate";
    path = tls.ca_file;
  } else if (X509_check_private_key(parsed_cert.get(), parsed_key.get()) != 1) {
    trouble = "is not the private key of the certificate given with --tls-cert";
    path = tls.key_file;
  }
  ERR_clear_error();
  if (!trouble.empty()) {
    return MakeError(Reason::kInvalidField, absl::StrCat(path, " ", trouble));
  }
  return PemFiles{*std::move(cert), *std::move(key), *std::move(ca)};
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> MakeProvider(PemFiles files) {
  return std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
      std::move(files.ca), std::vector<grpc::experimental::IdentityKeyCertPair>{
                               {std::move(files.key), std::move(files.cert)}});
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& tls) {
  if (!tls.enabled()) return grpc::InsecureServerCredentials();
  absl::StatusOr<PemFiles> files = LoadPemFiles(tls);
  if (!files.ok()) return files.status();
  grpc::experimental::TlsServerCredentialsOptions options(MakeProvider(*std::move(files)));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  absl::StatusOr<PemFiles> files = LoadPemFiles(tls);
  if (!files.ok()) return files.status();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(MakeProvider(*std::move(files)));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  // gRPC still verifies the chain up to the CA; only the host name is not checked.
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace arkshare
