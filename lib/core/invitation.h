// Invitations to a group: one word that a person pastes, and the proof that a program knows it.
#ifndef ARKSHARE_LIB_CORE_INVITATION_H_
#define ARKSHARE_LIB_CORE_INVITATION_H_

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {

// The most addresses of an index in an invitation.
inline constexpr size_t kMaxInvitationAddresses = 4;
// The lengths of the parts of an invitation, in bytes.
inline constexpr size_t kFingerprintBytes = 16;
inline constexpr size_t kInvitationSecretBytes = 16;

// Recognises the key of an index: the first kFingerprintBytes of SHA-256("arkshare-index-v1" ||
// the 32 bytes of the key).
std::string IndexFingerprint(const PublicKey& index);

// The content of the word of an invitation.
struct Invitation {
  // Addresses of the index, HOST:PORT or [IPv6]:PORT, 1 to kMaxInvitationAddresses. A name has at
  // most 127 bytes.
  std::vector<std::string> addresses;
  std::string fingerprint;  // kFingerprintBytes
  std::string secret;       // kInvitationSecretBytes, random

  bool operator==(const Invitation&) const = default;
};

// Writes an invitation as "ark1" and base32 (RFC 4648, lower case, without padding) of
//   addresses || 0 || fingerprint || secret || check
// An address is 4 and an IPv4 address, 6 and an IPv6 address, or 128 + n and a name of n bytes;
// then the port, two bytes, big-endian. `check` is the first 3 bytes of SHA-256 of what is before
// it. InvalidArgument names the address that does not fit.
absl::StatusOr<std::string> WriteInvitation(const Invitation& invitation);

// Reads the word. Ignores white space around it, and the case of letters. InvalidArgument says
// whether the word is incomplete, was mistyped, or is no invitation at all.
absl::StatusOr<Invitation> ReadInvitation(absl::string_view word);

// Returns by what the index knows an invitation: the first kInvitationIdBytes of
// SHA-256("arkshare-invitation-v1" || secret).
std::string InvitationId(absl::string_view secret);

// Proves that `member` knows the secret, to this index and for this key only: the first
// kJoinProofBytes of HMAC-SHA-256(secret, "arkshare-join-v1" || key of the index || key of the
// member).
JoinProof JoinProofOf(absl::string_view secret, const PublicKey& index, const PublicKey& member);

// True when the proof is the one for this secret and these keys. Takes the same time wherever the
// two differ.
bool IsJoinProofOf(const JoinProof& join, absl::string_view secret, const PublicKey& index,
                   const PublicKey& member);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_INVITATION_H_
