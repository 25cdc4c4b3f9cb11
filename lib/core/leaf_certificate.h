// The certificates of TLS by key: a program's Ed25519 key vouches for a fresh P-256 key (X.509,
// RFC 5280; Ed25519 signatures in certificates, RFC 8410).
#ifndef ARKSHARE_LIB_CORE_LEAF_CERTIFICATE_H_
#define ARKSHARE_LIB_CORE_LEAF_CERTIFICATE_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/core/key.h"

namespace arkshare {

// The lengths of the fields of a JoinProof, in bytes.
inline constexpr size_t kInvitationIdBytes = 8;
inline constexpr size_t kJoinProofBytes = 16;

// Shows that the owner of a key knows the secret of an invitation. See JoinProofOf in
// lib/core/invitation.h.
struct JoinProof {
  std::string invitation_id;  // kInvitationIdBytes
  std::string proof;          // kJoinProofBytes

  bool operator==(const JoinProof&) const = default;
};

// The certificate and key of TLS of a program. Both parts are PEM.
struct LeafCertificate {
  std::string certificate;
  std::string private_key;  // PKCS #8, without a passphrase
};

struct LeafOptions {
  // IP addresses and host names at which the program serves, so that other TLS clients, which check
  // the name, accept the certificate. "localhost" and "arkshare" are always in it.
  std::vector<std::string> hosts{};
  std::optional<JoinProof> join{};
};

// Makes a certificate for a new P-256 key, signed by `key`. It is valid from 1970 to 9999: other
// programs decide by the key whether they believe it.
LeafCertificate MakeLeafCertificate(const PrivateKey& key, const LeafOptions& options);

// The content of a certificate whose signature has been checked.
struct LeafClaims {
  PublicKey key;
  std::optional<JoinProof> join;
};

// Reads a certificate that MakeLeafCertificate made. `pem` must be exactly one certificate: issuer
// and URI name the same key, that key's signature is valid, and the certified key is P-256. Does
// not look at times. PermissionDenied says what is wrong.
absl::StatusOr<LeafClaims> ReadLeafCertificate(absl::string_view pem);

// Returns a certificate of `key` for the list of CAs of other TLS programs, as PEM. It can be made
// without the private key, because such programs do not check the signature of what they are told
// to trust.
std::string MakeTrustAnchor(const PublicKey& key);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_LEAF_CERTIFICATE_H_
