#include "lib/core/invitation.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <arpa/inet.h>

#include <cstdint>
#include <optional>

#include "lib/core/base32.h"
#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/hasher.h"
#include "lib/core/hmac.h"

namespace arkshare {
namespace {

constexpr absl::string_view kPrefix = "ark1";
constexpr size_t kCheckBytes = 3;
constexpr uint8_t kIpv4 = 4;
constexpr uint8_t kIpv6 = 6;
constexpr uint8_t kName = 128;  // plus the length of the name
constexpr size_t kMaxHostNameBytes = 127;
// The most characters of a word that can be an invitation; longer text is not looked at.
constexpr size_t kMaxWordBytes = 1024;

std::string FirstBytesOfSha256(absl::string_view text, size_t n) {
  return DigestBytes(Hasher::ForThisThread().Hash(AsBytes(text))).substr(0, n);
}

absl::Status BadAddress(absl::string_view address, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the address ", address, " cannot be in an invitation: ", why));
}

absl::StatusOr<std::string> WriteAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 1 || port > 65535) {
    return BadAddress(address, "give HOST:PORT, with a port from 1 to 65535");
  }
  const std::string host(address.substr(0, colon));
  const std::string end{static_cast<char>(port >> 8), static_cast<char>(port)};
  in_addr v4{};
  in6_addr v6{};
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) {
      return BadAddress(address, "only an IPv6 address is in brackets");
    }
    return absl::StrCat(std::string(1, kIpv6),
                        absl::string_view(reinterpret_cast<const char*>(&v6), sizeof(v6)), end);
  }
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return absl::StrCat(std::string(1, kIpv4),
                        absl::string_view(reinterpret_cast<const char*>(&v4), sizeof(v4)), end);
  }
  if (host.empty() || host.size() > kMaxHostNameBytes) {
    return BadAddress(address, absl::StrCat("a host name has 1 to ", kMaxHostNameBytes, " bytes"));
  }
  for (const char c : host) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_') {
      return BadAddress(address, "a host name has letters, digits, dots and dashes");
    }
  }
  return absl::StrCat(std::string(1, static_cast<char>(kName + host.size())), host, end);
}

// Removes bytes from the front of what was read. ok() is false once there were too few.
class Bytes {
 public:
  explicit Bytes(absl::string_view bytes) : rest_(bytes) {}
  std::string Take(size_t n) {
    ok_ = ok_ && n <= rest_.size();
    if (!ok_) return std::string(n, '\0');
    const std::string taken(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return taken;
  }
  uint8_t TakeByte() { return static_cast<uint8_t>(Take(1)[0]); }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

std::string TakeHost(Bytes& bytes, uint8_t type) {
  char text[INET6_ADDRSTRLEN] = {};
  if (type == kIpv4) {
    return inet_ntop(AF_INET, bytes.Take(sizeof(in_addr)).data(), text, sizeof(text));
  }
  if (type == kIpv6) {
    return absl::StrCat(
        "[", inet_ntop(AF_INET6, bytes.Take(sizeof(in6_addr)).data(), text, sizeof(text)), "]");
  }
  return bytes.Take(type - kName);
}

absl::Status NoInvitation() {
  return absl::InvalidArgumentError(
      "this is not an invitation of arkshare: an invitation is one word that begins with ark1; "
      "copy the whole word that `arkshare-index invite` printed");
}

absl::Status Mistyped() {
  return absl::InvalidArgumentError(
      "the invitation was mistyped or is not complete: copy the whole word that "
      "`arkshare-index invite` printed");
}

// Reads what the check has proven to be unchanged. Its writer can still have made a mistake.
absl::StatusOr<Invitation> ParseBody(absl::string_view body) {
  Bytes bytes(body);
  Invitation invitation;
  for (uint8_t type = bytes.TakeByte(); type != 0; type = bytes.TakeByte()) {
    if (type != kIpv4 && type != kIpv6 && type <= kName) return NoInvitation();
    const std::string host = TakeHost(bytes, type);
    const std::string port = bytes.Take(2);
    invitation.addresses.push_back(absl::StrCat(
        host, ":", static_cast<uint8_t>(port[0]) << 8 | static_cast<uint8_t>(port[1])));
    // Written back and compared: the same rules for reading and writing.
    if (!bytes.ok() || invitation.addresses.size() > kMaxInvitationAddresses ||
        !WriteAddress(invitation.addresses.back()).ok()) {
      return NoInvitation();
    }
  }
  invitation.fingerprint = bytes.Take(kFingerprintBytes);
  invitation.secret = bytes.Take(kInvitationSecretBytes);
  if (!bytes.ok() || !bytes.empty() || invitation.addresses.empty()) return NoInvitation();
  return invitation;
}

}  // namespace

std::string IndexFingerprint(const PublicKey& index) {
  return FirstBytesOfSha256(absl::StrCat("arkshare-index-v1", index.view()), kFingerprintBytes);
}

absl::StatusOr<std::string> WriteInvitation(const Invitation& invitation) {
  const size_t count = invitation.addresses.size();
  if (count == 0 || count > kMaxInvitationAddresses) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an invitation has 1 to ", kMaxInvitationAddresses, " addresses, got ", count));
  }
  std::string body;
  for (const std::string& address : invitation.addresses) {
    absl::StatusOr<std::string> written = WriteAddress(address);
    if (!written.ok()) return written.status();
    body += *written;
  }
  body.push_back('\0');
  absl::StrAppend(&body, invitation.fingerprint, invitation.secret);
  body += FirstBytesOfSha256(body, kCheckBytes);
  return absl::StrCat(kPrefix, ToBase32(body));
}

absl::StatusOr<Invitation> ReadInvitation(absl::string_view word) {
  word = absl::StripAsciiWhitespace(word);
  if (word.size() > kMaxWordBytes) return NoInvitation();
  const std::string lower = absl::AsciiStrToLower(word);
  absl::string_view rest = lower;
  if (!absl::ConsumePrefix(&rest, kPrefix)) return NoInvitation();
  const std::optional<std::string> bytes = FromBase32(rest);
  if (!bytes.has_value() || bytes->size() <= kCheckBytes) return Mistyped();
  const absl::string_view body = absl::string_view(*bytes).substr(0, bytes->size() - kCheckBytes);
  if (!absl::EndsWith(*bytes, FirstBytesOfSha256(body, kCheckBytes))) return Mistyped();
  return ParseBody(body);
}

std::string InvitationId(absl::string_view secret) {
  return FirstBytesOfSha256(absl::StrCat("arkshare-invitation-v1", secret), kInvitationIdBytes);
}

JoinProof JoinProofOf(absl::string_view secret, const PublicKey& index, const PublicKey& member) {
  const std::string mac =
      HmacSha256(secret, absl::StrCat("arkshare-join-v1", index.view(), member.view()));
  return {InvitationId(secret), mac.substr(0, kJoinProofBytes)};
}

bool IsJoinProofOf(const JoinProof& join, absl::string_view secret, const PublicKey& index,
                   const PublicKey& member) {
  const JoinProof right = JoinProofOf(secret, index, member);
  return join.invitation_id == right.invitation_id && EqualSecrets(join.proof, right.proof);
}

}  // namespace arkshare
