// What peers sign: tickets, release and confirm requests, pings. The exact bytes are those of the
// comments in proto/arkshare/v1/types.proto and file.proto.
#ifndef ARKSHARE_LIB_CORE_TICKET_H_
#define ARKSHARE_LIB_CORE_TICKET_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/key.h"

namespace arkshare {

// 16 random bytes that name one move for ever.
struct TransferId {
  std::array<uint8_t, 16> value{};

  static TransferId Random();
  // InvalidArgument unless 16 bytes.
  static absl::StatusOr<TransferId> FromBytes(absl::string_view bytes);
  std::string bytes() const;
  std::string hex() const;

  auto operator<=>(const TransferId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const TransferId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// The fields that a ticket signs: listing `source_listing` of `source`, whose content is `content`,
// now belongs to `receiver`.
struct TicketBody {
  TransferId transfer_id;
  PublicKey source;
  uint64_t source_listing = 0;
  PublicKey receiver;
  ContentId content;

  bool operator==(const TicketBody&) const = default;
};

struct MoveTicket {
  TicketBody body;
  uint32_t batch_size = 1;
  uint32_t batch_index = 0;
  std::vector<Sha256Digest> batch_path;  // RFC 9162, 2.1.3, leaf upwards
  std::string signature;                 // 64 bytes

  bool operator==(const MoveTicket&) const = default;
};

// Signs all bodies with one signature; every body's source is `key`'s public key. At most
// kMaxItems bodies; none for none.
std::vector<MoveTicket> IssueTickets(const PrivateKey& key, absl::Span<const TicketBody> bodies);

// Checks tickets; remembers the last batch root whose signature held, so that the tickets of one
// batch cost one Ed25519 verification. Not thread-safe; make one for each request.
class TicketVerifier {
 public:
  // OK, or kTicketInvalid (PermissionDenied).
  absl::Status Verify(const MoveTicket& ticket);

 private:
  PublicKey verified_key_;
  std::string verified_;  // the batch's signed bytes || signature
};

// A ticket as bytes for a ledger, and back (InvalidArgument when they are not one).
std::string EncodeTicket(const MoveTicket& ticket);
absl::StatusOr<MoveTicket> DecodeTicket(absl::string_view bytes);

struct ReleaseItem {
  TransferId transfer_id;
  uint64_t listing = 0;
  ContentId content;

  bool operator==(const ReleaseItem&) const = default;
};

// The bytes to be signed.
std::string ReleaseSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const ReleaseItem> items);
std::string ConfirmSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const TransferId> transfers);
std::string PingSignedBytes(absl::string_view nonce, absl::string_view boot_id,
                            absl::string_view registration_id);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_TICKET_H_
