#include "lib/core/ticket.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "lib/core/bytes.h"
#include "lib/core/errors.h"
#include "lib/core/hasher.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

// The height of a tree of kMaxItems leaves.
constexpr size_t kMaxPath = std::bit_width(uint32_t{kMaxItems} - 1);
// The first byte of an encoded ticket: the version of the layout.
constexpr char kEncodingVersion = 1;

template <typename UInt>
void AppendBigEndian(std::string& out, UInt value) {
  for (int shift = 8 * sizeof(UInt) - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

template <typename Bytes>
void AppendBytes(std::string& out, const Bytes& bytes) {
  out.append(bytes.begin(), bytes.end());
}

// Removes fixed fields from the front of bytes. ok() is false after a missing field.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  absl::string_view Bytes(size_t n) {
    if (n > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const absl::string_view bytes = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return bytes;
  }
  template <size_t kSize>
  std::array<uint8_t, kSize> Array() {
    std::array<uint8_t, kSize> array{};
    const absl::string_view bytes = Bytes(kSize);
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return array;
  }
  template <typename UInt>
  UInt BigEndian() {
    UInt value = 0;
    for (uint8_t byte : Array<sizeof(UInt)>()) value = static_cast<UInt>(value << 8 | byte);
    return value;
  }
  PublicKey Key() {
    const absl::string_view bytes = Bytes(32);
    return ok_ ? PublicKey::FromRecord(bytes).value_or(PublicKey()) : PublicKey();
  }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

void AppendBody(std::string& out, const TicketBody& body) {
  AppendBytes(out, body.transfer_id.value);
  out.append(body.source.bytes());
  AppendBigEndian(out, body.source_listing);
  out.append(body.receiver.bytes());
  AppendBytes(out, body.content.root);
  AppendBigEndian(out, body.content.size);
}

// The hashed bytes begin with 0 for a leaf and 1 for a node, so that one cannot pass as the other.
Sha256Digest HashBytes(absl::string_view bytes) {
  return Hasher::ForThisThread().Hash(AsBytes(bytes));
}

Sha256Digest LeafHash(const TicketBody& body) {
  std::string bytes(1, '\0');
  bytes.append("arkshare-ticket-v1");
  AppendBody(bytes, body);
  return HashBytes(bytes);
}

Sha256Digest NodeHash(const Sha256Digest& left, const Sha256Digest& right) {
  std::string bytes(1, '\1');
  AppendBytes(bytes, left);
  AppendBytes(bytes, right);
  return HashBytes(bytes);
}

std::string BatchSignedBytes(uint32_t batch_size, const Sha256Digest& root) {
  std::string bytes = "arkshare-ticket-batch-v1";
  AppendBigEndian(bytes, batch_size);
  AppendBytes(bytes, root);
  return bytes;
}

// Returns the root of the tree with this leaf, index and path (RFC 9162, 2.1.3.2); nullopt when
// they do not fit together.
std::optional<Sha256Digest> RootFromPath(const MoveTicket& ticket) {
  if (ticket.batch_size == 0 || ticket.batch_size > kMaxItems ||
      ticket.batch_index >= ticket.batch_size) {
    return std::nullopt;
  }
  uint32_t node = ticket.batch_index;
  uint32_t last = ticket.batch_size - 1;
  Sha256Digest hash = LeafHash(ticket.body);
  for (const Sha256Digest& sibling : ticket.batch_path) {
    if (last == 0) return std::nullopt;
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      // The last node of a row without a sibling moves up unchanged.
      while (node != 0 && (node & 1) == 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return std::nullopt;
  return hash;
}

}  // namespace

TransferId TransferId::Random() {
  TransferId id;
  const std::string bytes = RandomBytes(id.value.size());
  std::copy(bytes.begin(), bytes.end(), id.value.begin());
  return id;
}

absl::StatusOr<TransferId> TransferId::FromBytes(absl::string_view bytes) {
  TransferId id;
  if (bytes.size() != id.value.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a transfer id has 16 bytes, got ", bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), id.value.begin());
  return id;
}

std::string TransferId::bytes() const { return std::string(value.begin(), value.end()); }

std::string TransferId::hex() const { return ToHex(bytes()); }

std::vector<MoveTicket> IssueTickets(const PrivateKey& key, absl::Span<const TicketBody> bodies) {
  std::vector<MoveTicket> tickets(bodies.size());
  if (bodies.empty()) return tickets;
  std::vector<Sha256Digest> row(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    tickets[i].body = bodies[i];
    tickets[i].batch_size = static_cast<uint32_t>(bodies.size());
    tickets[i].batch_index = static_cast<uint32_t>(i);
    row[i] = LeafHash(bodies[i]);
  }
  // Builds the rows from the leaves up: a pair becomes its parent, an odd last node moves up
  // unchanged. RFC 9162 defines the same tree from the top.
  for (int height = 0; row.size() > 1; ++height) {
    for (size_t i = 0; i < bodies.size(); ++i) {
      const size_t sibling = (i >> height) ^ 1;
      if (sibling < row.size()) tickets[i].batch_path.push_back(row[sibling]);
    }
    for (size_t i = 0; i < row.size(); i += 2) {
      row[i / 2] = i + 1 < row.size() ? NodeHash(row[i], row[i + 1]) : row[i];
    }
    row.resize((row.size() + 1) / 2);
  }
  const std::string signature = key.Sign(BatchSignedBytes(tickets[0].batch_size, row[0]));
  for (MoveTicket& ticket : tickets) ticket.signature = signature;
  return tickets;
}

absl::Status TicketVerifier::Verify(const MoveTicket& ticket) {
  const std::optional<Sha256Digest> root = RootFromPath(ticket);
  if (!root.has_value()) {
    return MakeError(
        Reason::kTicketInvalid,
        "the ticket's path does not fit its place in the batch; ask the source for the "
        "ticket again");
  }
  const std::string signed_bytes = BatchSignedBytes(ticket.batch_size, *root);
  const std::string verified = signed_bytes + ticket.signature;
  if (verified == verified_ && ticket.body.source == verified_key_) return absl::OkStatus();
  ++signatures_checked_;
  if (!ticket.body.source.Verify(signed_bytes, ticket.signature)) {
    return MakeError(Reason::kTicketInvalid,
                     "the ticket is not signed by the source that it names; ask the source for the "
                     "ticket again");
  }
  verified_key_ = ticket.body.source;
  verified_ = verified;
  return absl::OkStatus();
}

std::string EncodeTicket(const MoveTicket& ticket) {
  std::string out(1, kEncodingVersion);
  AppendBody(out, ticket.body);
  AppendBigEndian(out, ticket.batch_size);
  AppendBigEndian(out, ticket.batch_index);
  AppendBigEndian(out, static_cast<uint8_t>(ticket.batch_path.size()));
  for (const Sha256Digest& hash : ticket.batch_path) AppendBytes(out, hash);
  out.append(ticket.signature);
  return out;
}

absl::StatusOr<MoveTicket> DecodeTicket(absl::string_view bytes) {
  Reader reader(bytes);
  MoveTicket ticket;
  const uint8_t version = reader.BigEndian<uint8_t>();
  ticket.body.transfer_id.value = reader.Array<16>();
  ticket.body.source = reader.Key();
  ticket.body.source_listing = reader.BigEndian<uint64_t>();
  ticket.body.receiver = reader.Key();
  ticket.body.content.root = reader.Array<32>();
  ticket.body.content.size = reader.BigEndian<uint64_t>();
  ticket.batch_size = reader.BigEndian<uint32_t>();
  ticket.batch_index = reader.BigEndian<uint32_t>();
  const size_t path = reader.BigEndian<uint8_t>();
  if (!reader.ok() || version != kEncodingVersion || path > kMaxPath ||
      ticket.batch_size > kMaxItems || ticket.batch_index >= ticket.batch_size) {
    return absl::InvalidArgumentError("these bytes are not a ticket");
  }
  for (size_t i = 0; i < path; ++i) ticket.batch_path.push_back(reader.Array<32>());
  ticket.signature = std::string(reader.Bytes(kSignatureBytes));
  if (!reader.AtEnd()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a ticket cannot have ", bytes.size(), " bytes"));
  }
  return ticket;
}

std::string ReleaseSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const ReleaseItem> items) {
  std::string out = "arkshare-release-v1";
  out.append(source.bytes());
  out.append(receiver.bytes());
  AppendBigEndian(out, static_cast<uint32_t>(items.size()));
  for (const ReleaseItem& item : items) {
    AppendBytes(out, item.transfer_id.value);
    AppendBigEndian(out, item.listing);
    AppendBytes(out, item.content.root);
    AppendBigEndian(out, item.content.size);
  }
  return out;
}

std::string ConfirmSignedBytes(const PublicKey& source, const PublicKey& receiver,
                               absl::Span<const TransferId> transfers) {
  std::string out = "arkshare-confirm-v1";
  out.append(source.bytes());
  out.append(receiver.bytes());
  AppendBigEndian(out, static_cast<uint32_t>(transfers.size()));
  for (const TransferId& transfer : transfers) AppendBytes(out, transfer.value);
  return out;
}

std::string PingSignedBytes(absl::string_view nonce, absl::string_view boot_id,
                            absl::string_view registration_id) {
  std::string out = "arkshare-ping-v1";
  AppendBigEndian(out, static_cast<uint32_t>(nonce.size()));
  AppendBytes(out, nonce);
  AppendBytes(out, boot_id);
  AppendBigEndian(out, static_cast<uint32_t>(registration_id.size()));
  AppendBytes(out, registration_id);
  return out;
}

}  // namespace arkshare
