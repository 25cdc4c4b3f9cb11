#include "lib/core/ticket.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <set>

#include "lib/core/errors.h"
#include "lib/core/merkle.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

PrivateKey Key(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }

TicketBody Body(const PrivateKey& source, uint8_t i) {
  TicketBody body;
  body.transfer_id.value.fill(static_cast<uint8_t>(0x10 + i));
  body.source = source.public_key();
  body.source_listing = 258 + uint64_t{i};
  body.receiver = *PublicKey::FromBytes(std::string(32, 0x22));
  body.content.root.fill(0x33);
  body.content.size = (uint64_t{1} << 40) + i;
  return body;
}

std::vector<TicketBody> Bodies(const PrivateKey& source, size_t n) {
  std::vector<TicketBody> bodies;
  for (size_t i = 0; i < n; ++i) {
    bodies.push_back(Body(source, 0));
    bodies.back().source_listing = i + 1;
  }
  return bodies;
}

Sha256Digest Hash(const std::string& bytes) {
  return Sha256({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

// A literal implementation of RFC 9162, from the top: MTH of 2.1.1 and PATH of 2.1.3.1.
Sha256Digest Mth(absl::Span<const Sha256Digest> leaves) {
  if (leaves.size() == 1) return leaves[0];
  const size_t k = std::bit_floor(leaves.size() - 1);
  return Hash("\1" + DigestBytes(Mth(leaves.subspan(0, k))) + DigestBytes(Mth(leaves.subspan(k))));
}

std::vector<Sha256Digest> Path(size_t m, absl::Span<const Sha256Digest> leaves) {
  if (leaves.size() == 1) return {};
  const size_t k = std::bit_floor(leaves.size() - 1);
  std::vector<Sha256Digest> path;
  if (m < k) {
    path = Path(m, leaves.subspan(0, k));
    path.push_back(Mth(leaves.subspan(k)));
  } else {
    path = Path(m - k, leaves.subspan(k));
    path.push_back(Mth(leaves.subspan(0, k)));
  }
  return path;
}

std::string Be(uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

Sha256Digest Leaf(const TicketBody& b) {
  return Hash("\0arkshare-ticket-v1"s + b.transfer_id.bytes() + b.source.bytes() +
              Be(b.source_listing, 8) + b.receiver.bytes() + DigestBytes(b.content.root) +
              Be(b.content.size, 8));
}

bool Verifies(const MoveTicket& ticket) {
  TicketVerifier verifier;
  return verifier.Verify(ticket).ok();
}

// Made by another program (Python's hashlib and the openssl command) from the proto's comments.
TEST(IssueTicketsTest, SignsExactlyTheBytesOfTheContract) {
  const PrivateKey key = Key(1);
  ASSERT_EQ(key.public_key().hex(),
            "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
  EXPECT_EQ(ToHex(IssueTickets(key, {Body(key, 0)})[0].signature),
            "f29a4e2a1510f2067d8d6eb069d58ae3100d034166eeaf9daa155fedbac94bf5"
            "07bdbff41352cfd33dee1ae4ae1252d62745ea6dff8c159c8d62fefdc9dfe401");
  const std::vector<MoveTicket> tickets =
      IssueTickets(key, {Body(key, 0), Body(key, 1), Body(key, 2)});
  ASSERT_EQ(tickets.size(), 3u);
  for (const MoveTicket& ticket : tickets) {
    EXPECT_EQ(ToHex(ticket.signature),
              "6b06b7d8e2c2aa6b1692a18a78a16c41536cb8d9a81735010518a3ea34e4c099"
              "55e1be7a1e1195c8de17a06286ab477e4610c3bb66338d628ed80c2dd0bf010b");
  }
  ASSERT_EQ(tickets[0].batch_path.size(), 2u);
  EXPECT_EQ(ToHex(tickets[0].batch_path[0]),
            "5c60f86212ffdf46ff1a1a625ee852bbeaed0e67f969e6c1150f1c4b34ace50f");
  EXPECT_EQ(ToHex(tickets[0].batch_path[1]),
            "d1b0af397e7a93f8808e78057839ab544b75e7ae5cc0284f5df43a2f821b0c45");
  EXPECT_EQ(tickets[2].batch_path.size(), 1u);
}

class BatchTest : public ::testing::TestWithParam<size_t> {};

TEST_P(BatchTest, TreeAndPathsMatchTheRfc) {
  const size_t n = GetParam();
  const PrivateKey key = Key(1);
  const std::vector<TicketBody> bodies = Bodies(key, n);
  std::vector<Sha256Digest> leaves;
  for (const TicketBody& body : bodies) leaves.push_back(Leaf(body));

  const std::vector<MoveTicket> tickets = IssueTickets(key, bodies);
  ASSERT_EQ(tickets.size(), n);
  const std::string root = DigestBytes(Mth(leaves));
  EXPECT_TRUE(
      key.public_key().Verify("arkshare-ticket-batch-v1" + Be(n, 4) + root, tickets[0].signature));
  TicketVerifier verifier;
  for (size_t i = 0; i < n; ++i) {
    EXPECT_EQ(tickets[i].body, bodies[i]);
    EXPECT_EQ(tickets[i].batch_size, n);
    EXPECT_EQ(tickets[i].batch_index, i);
    // Paths from the top cost n² hashes, so only some are checked in large batches.
    if (n < 100 || i % 97 == 0 || i == n - 1) {
      EXPECT_EQ(tickets[i].batch_path, Path(i, leaves)) << i;
    }
    EXPECT_EQ(tickets[i].signature, tickets[0].signature);
    EXPECT_TRUE(verifier.Verify(tickets[i]).ok()) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BatchTest,
                         ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 33, 64, 999,
                                           1000));

TEST(IssueTicketsTest, NoBodiesGiveNoTickets) { EXPECT_TRUE(IssueTickets(Key(1), {}).empty()); }

TEST(IssueTicketsTest, TheSameBodiesGetTheSameTickets) {
  EXPECT_EQ(IssueTickets(Key(1), Bodies(Key(1), 5)), IssueTickets(Key(1), Bodies(Key(1), 5)));
}

using Forgery = std::function<void(MoveTicket&)>;

TEST(TicketVerifierTest, EveryForgedFieldFails) {
  const PrivateKey key = Key(1);
  const std::vector<std::pair<const char*, Forgery>> forgeries = {
      {"transfer_id", [](MoveTicket& t) { t.body.transfer_id.value[15] ^= 1; }},
      {"source", [](MoveTicket& t) { t.body.source = Key(9).public_key(); }},
      {"no source", [](MoveTicket& t) { t.body.source = PublicKey(); }},
      {"source_listing", [](MoveTicket& t) { ++t.body.source_listing; }},
      {"receiver", [](MoveTicket& t) { t.body.receiver = Key(9).public_key(); }},
      {"root", [](MoveTicket& t) { t.body.content.root[0] ^= 0x80; }},
      {"size", [](MoveTicket& t) { t.body.content.size ^= uint64_t{1} << 63; }},
      {"no batch", [](MoveTicket& t) { t.batch_size = 0; }},
      {"larger batch", [](MoveTicket& t) { ++t.batch_size; }},
      {"smaller batch", [](MoveTicket& t) { --t.batch_size; }},
      {"doubled batch", [](MoveTicket& t) { t.batch_size *= 2; }},
      {"huge batch", [](MoveTicket& t) { t.batch_size = 0xFFFFFFFF; }},
      {"next index", [](MoveTicket& t) { ++t.batch_index; }},
      {"last index", [](MoveTicket& t) { --t.batch_index; }},
      {"other index", [](MoveTicket& t) { t.batch_index ^= 2; }},
      {"huge index", [](MoveTicket& t) { t.batch_index = 0xFFFFFFFF; }},
      {"longer path", [](MoveTicket& t) { t.batch_path.emplace_back(); }},
      {"endless path", [](MoveTicket& t) { t.batch_path.resize(1000); }},
      {"signature", [](MoveTicket& t) { t.signature[0] = static_cast<char>(t.signature[0] ^ 1); }},
      {"other half",
       [](MoveTicket& t) { t.signature[63] = static_cast<char>(t.signature[63] ^ 1); }},
      {"no signature", [](MoveTicket& t) { t.signature.clear(); }},
      {"short signature", [](MoveTicket& t) { t.signature.pop_back(); }},
      {"long signature", [](MoveTicket& t) { t.signature.push_back('\0'); }},
  };
  for (size_t n : {1, 2, 3, 5, 8, 1000}) {
    const std::vector<MoveTicket> tickets = IssueTickets(key, Bodies(key, n));
    for (size_t i = 0; i < std::min<size_t>(n, 8); ++i) {
      ASSERT_TRUE(Verifies(tickets[i]));
      for (const auto& [what, forge] : forgeries) {
        MoveTicket forged = tickets[i];
        forge(forged);
        ASSERT_NE(forged, tickets[i]);
        TicketVerifier verifier;
        ASSERT_TRUE(verifier.Verify(tickets[i]).ok());
        const absl::Status status = verifier.Verify(forged);
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied)
            << what << " " << n << " " << i;
        EXPECT_EQ(GetReason(status), Reason::kTicketInvalid);
      }
      for (size_t p = 0; p < tickets[i].batch_path.size(); ++p) {
        MoveTicket forged = tickets[i];
        forged.batch_path[p][7] ^= 1;
        EXPECT_FALSE(Verifies(forged)) << "path " << p;
        forged = tickets[i];
        forged.batch_path.erase(forged.batch_path.begin() + static_cast<ptrdiff_t>(p));
        EXPECT_FALSE(Verifies(forged)) << "path without " << p;
      }
    }
  }
}

TEST(TicketVerifierTest, ATicketOfAnotherKeyForTheSameBodyFails) {
  // A thief signs the body with its own key; the source never signed it.
  const PrivateKey source = Key(1);
  const PrivateKey thief = Key(2);
  MoveTicket forged = IssueTickets(thief, {Body(source, 0)})[0];
  EXPECT_FALSE(Verifies(forged));
  forged.body.source = thief.public_key();
  EXPECT_FALSE(Verifies(forged));
}

TEST(TicketVerifierTest, ASignedNodeIsNoTicket) {
  // A leaf of a batch of one must not pass for a node of a larger batch, nor the reverse.
  const PrivateKey key = Key(1);
  const std::vector<MoveTicket> pair = IssueTickets(key, Bodies(key, 2));
  MoveTicket alone = pair[0];
  alone.batch_size = 1;
  alone.batch_path.clear();
  EXPECT_FALSE(Verifies(alone));
}

TEST(TicketVerifierTest, RemembersNothingWrong) {
  const PrivateKey key = Key(1);
  const std::vector<MoveTicket> a = IssueTickets(key, Bodies(key, 2));
  const std::vector<MoveTicket> b = IssueTickets(Key(2), Bodies(Key(2), 2));
  TicketVerifier verifier;
  MoveTicket mixed = a[1];
  mixed.signature = b[0].signature;
  EXPECT_FALSE(verifier.Verify(mixed).ok());
  EXPECT_TRUE(verifier.Verify(a[0]).ok());
  EXPECT_TRUE(verifier.Verify(b[0]).ok());
  EXPECT_TRUE(verifier.Verify(a[1]).ok());
  EXPECT_FALSE(verifier.Verify(mixed).ok());
  EXPECT_TRUE(verifier.Verify(b[1]).ok());
}

TEST(TicketVerifierTest, OneGoodTicketDoesNotVouchForItsBatch) {
  // A thief can put any tickets into its own batch, also tickets that name other sources.
  const PrivateKey source = Key(1);
  const PrivateKey thief = Key(2);
  const std::vector<MoveTicket> tickets = IssueTickets(thief, {Body(thief, 0), Body(source, 1)});
  TicketVerifier verifier;
  EXPECT_TRUE(verifier.Verify(tickets[0]).ok());
  EXPECT_FALSE(verifier.Verify(tickets[1]).ok());
}

TEST(EncodeTicketTest, RoundTrips) {
  const PrivateKey key = Key(1);
  for (size_t n : {1, 2, 3, 8, 1000}) {
    for (const MoveTicket& ticket : IssueTickets(key, Bodies(key, n))) {
      const std::string bytes = EncodeTicket(ticket);
      const absl::StatusOr<MoveTicket> decoded = DecodeTicket(bytes);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(*decoded, ticket);
    }
  }
}

TEST(DecodeTicketTest, RefusesEveryOtherLength) {
  const PrivateKey key = Key(1);
  for (size_t n : {1, 8}) {
    const std::string bytes = EncodeTicket(IssueTickets(key, Bodies(key, n))[0]);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(DecodeTicket(bytes.substr(0, size)).status().code(),
                absl::StatusCode::kInvalidArgument)
          << size;
    }
    for (size_t more : {1, 32, 64}) EXPECT_FALSE(DecodeTicket(bytes + std::string(more, 0)).ok());
  }
}

TEST(DecodeTicketTest, EveryFlippedBitIsFoundHereOrByTheVerifier) {
  const PrivateKey key = Key(1);
  for (size_t n : {1, 5}) {
    const std::string bytes = EncodeTicket(IssueTickets(key, Bodies(key, n))[n - 1]);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const absl::StatusOr<MoveTicket> decoded = DecodeTicket(flipped);
      EXPECT_FALSE(decoded.ok() && Verifies(*decoded)) << "byte " << bit / 8;
    }
  }
}

TEST(SignedBytesTest, MatchTheContract) {
  const PublicKey source = *PublicKey::FromBytes(std::string(32, 's'));
  const PublicKey receiver = *PublicKey::FromBytes(std::string(32, 'r'));
  ReleaseItem item;
  item.transfer_id.value.fill('t');
  item.listing = 0x0102030405060708;
  item.content.root.fill('c');
  item.content.size = 0x1112131415161718;
  const std::string parties = std::string(32, 's') + std::string(32, 'r');
  const std::string one = std::string(16, 't') + "\x01\x02\x03\x04\x05\x06\x07\x08" +
                          std::string(32, 'c') + "\x11\x12\x13\x14\x15\x16\x17\x18";
  EXPECT_EQ(ReleaseSignedBytes(source, receiver, {item, item}),
            "arkshare-release-v1" + parties + "\0\0\0\2"s + one + one);
  EXPECT_EQ(ReleaseSignedBytes(source, receiver, {}),
            "arkshare-release-v1" + parties + "\0\0\0\0"s);
  EXPECT_EQ(ConfirmSignedBytes(source, receiver, {item.transfer_id}),
            "arkshare-confirm-v1" + parties + "\0\0\0\1"s + std::string(16, 't'));
  EXPECT_EQ(PingSignedBytes("nonce", std::string(16, 'b'), "reg"),
            "arkshare-ping-v1\0\0\0\5nonce"s + std::string(16, 'b') + "\0\0\0\3reg"s);
  EXPECT_EQ(PingSignedBytes("nonce", std::string(16, 'b'), ""),
            "arkshare-ping-v1\0\0\0\5nonce"s + std::string(16, 'b') + "\0\0\0\0"s);
}

TEST(TransferIdTest, Has16Bytes) {
  const TransferId id = TransferId::Random();
  EXPECT_EQ(id.bytes().size(), 16u);
  EXPECT_EQ(id.hex(), ToHex(id.bytes()));
  EXPECT_EQ(*TransferId::FromBytes(id.bytes()), id);
  for (size_t size : {0, 15, 17}) {
    EXPECT_EQ(TransferId::FromBytes(std::string(size, 'x')).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  std::set<TransferId> seen;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.insert(TransferId::Random()).second);
}

}  // namespace
}  // namespace arkshare
