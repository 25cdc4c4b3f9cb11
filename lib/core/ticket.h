// Everything that peers sign: tickets, release and confirm requests, pings. The comments in
// proto/arkshare/v1/types.proto and file.proto specify the exact bytes.
#ifndef ARKSHARE_LIB_CORE_TICKET_H_
#define ARKSHARE_LIB_CORE_TICKET_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/types/span.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/key.h"

namespace arkshare {

// The identity of one move: 16 random bytes, never used again.
struct TransferId {
  std::array<uint8_t, 16> value{};

  static TransferId Random();
  // InvalidArgument unless `bytes` is 16 bytes.
  static absl::StatusOr<TransferId> FromBytes(absl::string_view bytes);
  std::string bytes() const;
  std::string hex() const;

  auto operator<=>(const TransferId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const TransferId& id) {
    return H::combine(std::move(h), id.value);
  }
};

// The signed fields of a ticket. They mean: listing `source_listing` of `source`, with this
// content, now belongs to `receiver`.
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

// Issues one ticket for each body, 0 to kMaxItems, with one signature for all of them. Requires:
// the source of every body is the public key of `key`.
std::vector<MoveTicket> IssueTickets(const PrivateKey& key, absl::Span<const TicketBody> bodies);

// Checks tickets. Remembers the last batch root with a good signature, so that the tickets of one
// batch cost one Ed25519 verification. Not thread-safe; make one for each request.
class TicketVerifier {
 public:
  // Returns OK or kTicketInvalid.
  absl::Status Verify(const MoveTicket& ticket);
  // Returns how many Ed25519 signatures were verified; each takes about a tenth of a millisecond.
  size_t signatures_checked() const { return signatures_checked_; }

 private:
  size_t signatures_checked_ = 0;
  PublicKey verified_key_;
  std::string verified_;  // the batch's signed bytes || signature
};

// Encodes a ticket for a ledger.
std::string EncodeTicket(const MoveTicket& ticket);
// InvalidArgument when the bytes are not a ticket.
absl::StatusOr<MoveTicket> DecodeTicket(absl::string_view bytes);

struct ReleaseItem {
  TransferId transfer_id;
  uint64_t listing = 0;
  ContentId content;

  bool operator==(const ReleaseItem&) const = default;
};

// Return the bytes to sign.
std::string ReleaseSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const ReleaseItem> items);
std::string ConfirmSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const TransferId> transfers);
std::string PingSignedBytes(absl::string_view nonce, absl::string_view boot_id,
                            absl::string_view registration_id);

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_TICKET_H_
