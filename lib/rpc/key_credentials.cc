#include "lib/rpc/key_credentials.h"

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/mutex.h"

namespace arkshare {
namespace {

using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;

constexpr char kUriProperty[] = "peer_uri";
constexpr absl::string_view kKeyUri = "arkshare:";
constexpr absl::string_view kJoinUri = "arkshare-join:";
// Certificates that are remembered; more than the members of most groups. Each takes about 1 KiB.
constexpr size_t kMaxRemembered = 4'096;

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

// Reads certificates, and remembers those that were good: checking one takes half a millisecond,
// and programs connect many times with the same one. Thread-safe.
class LeafReader {
 public:
  absl::StatusOr<LeafClaims> Read(absl::string_view pem) {
    {
      MutexLock lock(&mutex_);
      if (const auto known = read_.find(pem); known != read_.end()) return known->second;
    }
    absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(pem);
    if (!claims.ok()) return claims;
    MutexLock lock(&mutex_);
    if (read_.size() >= kMaxRemembered) read_.clear();
    read_.emplace(pem, *claims);
    return claims;
  }

 private:
  Mutex mutex_;
  absl::flat_hash_map<std::string, LeafClaims> read_ ABSL_GUARDED_BY(mutex_);
};

LeafReader& Leaves() {
  static LeafReader* const reader = new LeafReader;
  return *reader;
}

// Reads the certificate of a handshake. gRPC gives a chain that includes the certificate to a
// client, and excludes it to a server; ours has nothing else in it.
absl::StatusOr<LeafClaims> ReadCertificate(const TlsCustomVerificationCheckRequest& request) {
  const absl::string_view leaf = View(request.peer_cert());
  const absl::string_view chain = View(request.peer_cert_full_chain());
  if (!chain.empty() && chain != leaf) {
    return absl::PermissionDeniedError("more than one certificate was shown");
  }
  return Leaves().Read(leaf);
}

// Answers at once, in the thread of the handshake.
class LeafVerifier : public ExternalCertificateVerifier {
 public:
  explicit LeafVerifier(KeyGate gate) : gate_(std::move(gate)) {}

  bool Verify(TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* answer) override {
    const absl::StatusOr<LeafClaims> claims = ReadCertificate(*request);
    const absl::Status judged = claims.ok() ? gate_(*claims) : claims.status();
    if (!judged.ok()) {
      *answer = grpc::Status(grpc::StatusCode::UNAUTHENTICATED, std::string(judged.message()));
    }
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  const KeyGate gate_;
};

// The root certificate is for clients only, because without it gRPC loads those of the system for
// each channel. No chain is checked.
std::shared_ptr<grpc::experimental::CertificateProviderInterface> ProviderOf(
    const LeafCertificate& leaf) {
  return std::make_shared<grpc::experimental::StaticDataCertificateProvider>(
      leaf.certificate,
      std::vector<grpc::experimental::IdentityKeyCertPair>{{leaf.private_key, leaf.certificate}});
}

// Sets what servers and clients have in common.
void Configure(KeyGate gate, grpc::experimental::TlsCredentialsOptions& options) {
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<LeafVerifier>(std::move(gate)));
  options.set_check_call_host(false);
}

KeyGate ExpectKey(const PublicKey& expected, WrongKeyHandler on_wrong_key) {
  return [expected, on_wrong_key = std::move(on_wrong_key)](const LeafClaims& server) {
    if (server.key == expected) return absl::OkStatus();
    const std::string why =
        absl::StrCat("the program there has the key ", server.key.hex(), ", not ", expected.hex());
    if (on_wrong_key) on_wrong_key(why);
    return absl::PermissionDeniedError(why);
  };
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeKeyServerCredentials(const LeafCertificate& leaf,
                                                                  KeyGate gate) {
  grpc::experimental::TlsServerCredentialsOptions options(ProviderOf(leaf));
  // Without a root certificate, so that the server names no CA when it asks for a certificate: Go
  // and Java show none to a server that names others than theirs.
  Configure(std::move(gate), options);
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> MakeKeyChannelCredentials(const LeafCertificate& leaf,
                                                                    const PublicKey& expected,
                                                                    WrongKeyHandler on_wrong_key) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(ProviderOf(leaf));
  options.watch_root_certs();
  Configure(ExpectKey(expected, std::move(on_wrong_key)), options);
  options.set_verify_server_certs(false);
  return grpc::experimental::TlsCredentials(options);
}

std::optional<PublicKey> CallerKey(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr) return std::nullopt;
  for (const grpc::string_ref& uri : auth->FindPropertyValues(kUriProperty)) {
    absl::string_view hex = View(uri);
    if (!absl::ConsumePrefix(&hex, kKeyUri)) continue;
    const absl::StatusOr<std::string> bytes = FromHex(hex);
    if (!bytes.ok()) return std::nullopt;
    const absl::StatusOr<PublicKey> key = PublicKey::FromBytes(*bytes);
    return key.ok() ? std::optional<PublicKey>(*key) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<JoinProof> CallerJoinProof(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr) return std::nullopt;
  for (const grpc::string_ref& uri : auth->FindPropertyValues(kUriProperty)) {
    absl::string_view rest = View(uri);
    if (!absl::ConsumePrefix(&rest, kJoinUri)) continue;
    const size_t colon = std::min(rest.find(':'), rest.size());
    const absl::StatusOr<std::string> id = FromHex(rest.substr(0, colon));
    const absl::StatusOr<std::string> proof =
        FromHex(rest.substr(std::min(colon + 1, rest.size())));
    if (!id.ok() || !proof.ok()) return std::nullopt;
    return JoinProof{*id, *proof};
  }
  return std::nullopt;
}

}  // namespace arkshare
