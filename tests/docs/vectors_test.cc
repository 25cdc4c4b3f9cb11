// The test vectors of docs/protocol.md: the code must produce exactly those bytes and signatures.
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "lib/core/bytes.h"
#include "lib/core/content_id.h"
#include "lib/core/invitation.h"
#include "lib/core/key.h"
#include "lib/core/leaf_certificate.h"
#include "lib/core/member_list.h"
#include "lib/core/merkle.h"
#include "lib/core/ticket.h"

namespace arkshare {
namespace {

constexpr char kSection[] = "## Test vectors";

// The lines "name = value" of the section's code blocks. Remembers which names were asked for.
class Vectors {
 public:
  Vectors() {
    std::ifstream file(ARKSHARE_PROTOCOL_MD);
    std::stringstream text;
    text << file.rdbuf();
    bool in_section = false;
    bool in_block = false;
    for (absl::string_view line : absl::StrSplit(text.str(), '\n')) {
      if (absl::StartsWith(line, "## ")) in_section = line == kSection;
      if (line == "```") {
        in_block = !in_block;
        continue;
      }
      if (!in_section || !in_block || line.empty()) continue;
      const std::vector<std::string> parts = absl::StrSplit(line, " = ");
      EXPECT_EQ(parts.size(), 2u) << line;
      if (parts.size() != 2) continue;
      EXPECT_TRUE(values_.emplace(parts[0], parts[1]).second) << line;
    }
  }

  const std::string& Text(const std::string& name) {
    seen_.insert(name);
    EXPECT_TRUE(values_.contains(name)) << "docs/protocol.md has no vector " << name;
    return values_[name];
  }
  std::string Bytes(const std::string& name) { return FromHex(Text(name)).value_or("no hex"); }
  uint64_t Number(const std::string& name) {
    uint64_t number = 0;
    EXPECT_TRUE(absl::SimpleAtoi(Text(name), &number)) << name;
    return number;
  }
  ContentId Content(const std::string& book) {
    const absl::StatusOr<Sha256Digest> root = DigestFromBytes(Bytes(book + "_root"));
    EXPECT_TRUE(root.ok()) << book;
    return {root.value_or(Sha256Digest{}), Number(book + "_size")};
  }
  PrivateKey Key(const std::string& side) {
    absl::StatusOr<PrivateKey> key = PrivateKey::FromSeed(Bytes(side + "_seed"));
    EXPECT_TRUE(key.ok()) << side;
    return key.ok() ? *key : PrivateKey::Generate();
  }
  // The move with this number, 1 to 3, as R's Release names it.
  ReleaseItem Move(int number) {
    const std::string move = absl::StrCat("move", number);
    const absl::StatusOr<TransferId> id = TransferId::FromBytes(Bytes(move + "_transfer_id"));
    EXPECT_TRUE(id.ok()) << move;
    const std::string books[] = {"short", "blocks", "pieces"};
    return {id.value_or(TransferId()), Number(move + "_listing_number"),
            Content(books[number - 1])};
  }
  // Names in the document that no check has asked for.
  std::vector<std::string> Unseen() const {
    std::vector<std::string> unseen;
    for (const auto& [name, value] : values_) {
      if (!seen_.contains(name)) unseen.push_back(name);
    }
    return unseen;
  }

 private:
  std::map<std::string, std::string> values_;
  std::set<std::string> seen_;
};

std::string Concat(const std::vector<Sha256Digest>& digests) {
  std::string bytes;
  for (const Sha256Digest& digest : digests) bytes += DigestBytes(digest);
  return bytes;
}

// `signed_bytes` and `signature` are the vectors of these names.
void ExpectSigned(Vectors& vectors, const std::string& name, const PrivateKey& key,
                  const std::string& signed_bytes) {
  EXPECT_EQ(ToHex(signed_bytes), vectors.Text(name + "_signed_bytes"));
  EXPECT_EQ(ToHex(key.Sign(signed_bytes)), vectors.Text(name + "_signature"));
}

void CheckContents(Vectors& vectors) {
  const std::map<std::string, std::string> books = {{"empty", ""},
                                                    {"short", "arkshare"},
                                                    {"blocks", std::string(40'000, '\0')},
                                                    {"pieces", std::string(2'097'153, '\0')}};
  for (const auto& [name, bytes] : books) {
    BookHasher hasher(bytes.size());
    hasher.Update(AsBytes(bytes));
    const absl::StatusOr<BookHasher::Result> result = hasher.Finish();
    ASSERT_TRUE(result.ok()) << name;
    EXPECT_EQ(result->id, vectors.Content(name)) << name;
    if (name == "pieces") {
      EXPECT_EQ(ToHex(Concat(result->pieces)), vectors.Text("pieces_hashes"));
    }
  }
}

void CheckKeys(Vectors& vectors) {
  for (const char* side : {"source", "receiver"}) {
    EXPECT_EQ(vectors.Key(side).public_key().hex(),
              vectors.Text(absl::StrCat(side, "_public_key")));
  }
}

void CheckPings(Vectors& vectors) {
  const std::string nonce = vectors.Bytes("ping_nonce");
  const std::string boot_id = vectors.Bytes("ping_boot_id");
  const PrivateKey source = vectors.Key("source");
  ExpectSigned(vectors, "ping", source, PingSignedBytes(nonce, boot_id, ""));
  ExpectSigned(vectors, "dial_back", source,
               PingSignedBytes(nonce, boot_id, vectors.Bytes("dial_back_registration_id")));
}

void CheckReleaseAndConfirm(Vectors& vectors) {
  const PrivateKey receiver = vectors.Key("receiver");
  const PublicKey source = vectors.Key("source").public_key();
  const std::vector<ReleaseItem> items = {vectors.Move(1), vectors.Move(2), vectors.Move(3)};
  ExpectSigned(vectors, "release", receiver,
               ReleaseSignedBytes(source, receiver.public_key(), items));
  const std::vector<TransferId> ids = {items[0].transfer_id, items[1].transfer_id,
                                       items[2].transfer_id};
  ExpectSigned(vectors, "confirm", receiver,
               ConfirmSignedBytes(source, receiver.public_key(), ids));
}

void CheckTickets(Vectors& vectors) {
  const PrivateKey source = vectors.Key("source");
  const PublicKey receiver = vectors.Key("receiver").public_key();
  std::vector<TicketBody> bodies;
  for (int number : {1, 2, 3}) {
    const ReleaseItem item = vectors.Move(number);
    bodies.push_back({item.transfer_id, source.public_key(), item.listing, receiver, item.content});
  }
  // The issued tickets are signed over the bytes that the document names.
  const auto expect_issued = [&](const std::vector<MoveTicket>& tickets, const std::string& name) {
    const std::string signed_bytes = vectors.Bytes(name + "_signed_bytes");
    EXPECT_EQ(ToHex(source.Sign(signed_bytes)), vectors.Text(name + "_signature"));
    TicketVerifier verifier;
    for (const MoveTicket& ticket : tickets) {
      EXPECT_EQ(ToHex(ticket.signature), vectors.Text(name + "_signature"));
      EXPECT_TRUE(verifier.Verify(ticket).ok());
    }
  };

  const std::string leaf_bytes = std::string(1, '\0') + vectors.Bytes("ticket1_body");
  EXPECT_EQ(ToHex(Sha256(AsBytes(leaf_bytes))), vectors.Text("ticket1_leaf"));
  const std::vector<MoveTicket> single = IssueTickets(source, {bodies[0]});
  EXPECT_TRUE(single[0].batch_path.empty());
  expect_issued(single, "ticket1");

  const std::vector<MoveTicket> batch = IssueTickets(source, bodies);
  expect_issued(batch, "batch");
  for (int number : {1, 2, 3}) {
    EXPECT_EQ(ToHex(Concat(batch[number - 1].batch_path)),
              vectors.Text(absl::StrCat("batch_path", number)));
  }
  EXPECT_EQ(vectors.Text("batch_path1"), vectors.Text("batch_leaf2") + vectors.Text("batch_leaf3"));
  EXPECT_EQ(vectors.Text("batch_path2"),
            vectors.Text("ticket1_leaf") + vectors.Text("batch_leaf3"));
  EXPECT_EQ(vectors.Text("batch_path3"), vectors.Text("batch_node12"));
  const std::string root_bytes =
      absl::StrCat("\1", vectors.Bytes("batch_node12"), vectors.Bytes("batch_leaf3"));
  EXPECT_EQ(ToHex(Sha256(AsBytes(root_bytes))), vectors.Text("batch_root"));
  EXPECT_TRUE(absl::EndsWith(vectors.Text("batch_signed_bytes"), vectors.Text("batch_root")));
}

void CheckGroups(Vectors& vectors) {
  const PrivateKey index = vectors.Key("index");
  EXPECT_EQ(index.public_key().hex(), vectors.Text("index_public_key"));
  EXPECT_EQ(ToHex(IndexFingerprint(index.public_key())), vectors.Text("index_fingerprint"));
  const std::string secret = vectors.Bytes("invitation_secret");
  const Invitation invitation{absl::StrSplit(vectors.Text("invitation_addresses"), ','),
                              vectors.Bytes("index_fingerprint"), secret};
  EXPECT_EQ(WriteInvitation(invitation).value_or("none"), vectors.Text("invitation_word"));
  const PublicKey receiver = vectors.Key("receiver").public_key();
  const JoinProof join = JoinProofOf(secret, index.public_key(), receiver);
  EXPECT_EQ(ToHex(join.invitation_id), vectors.Text("invitation_id"));
  EXPECT_EQ(ToHex(join.proof), vectors.Text("join_proof"));

  const std::vector<Member> members = {
      {vectors.Key("source").public_key(), MemberRole::kFull, "ada"},
      {receiver, MemberRole::kReader, "Zoë"}};
  std::string list;
  for (const Member& member : members) {
    absl::StrAppend(&list, member.key.bytes(), std::string(1, static_cast<char>(member.role)),
                    std::string(1, static_cast<char>(member.name.size())), member.name);
  }
  EXPECT_EQ(ToHex(list), vectors.Text("members_list"));
  EXPECT_TRUE(absl::EndsWith(vectors.Text("members_signed_bytes"),
                             ToHex(DigestBytes(Sha256(AsBytes(list))))));
  const absl::StatusOr<MemberList> signed_list =
      MemberList().Apply(vectors.Number("members_version"), /*complete=*/true, {members, {}},
                         vectors.Bytes("members_signature"), index.public_key());
  ASSERT_TRUE(signed_list.ok()) << signed_list.status();
  ExpectSigned(vectors, "members", index, signed_list->SignedBytes());
}

TEST(ProtocolVectorsTest, AreWhatTheCodeProduces) {
  Vectors vectors;
  CheckContents(vectors);
  CheckKeys(vectors);
  CheckPings(vectors);
  CheckReleaseAndConfirm(vectors);
  CheckTickets(vectors);
  CheckGroups(vectors);
  EXPECT_EQ(vectors.Unseen(), std::vector<std::string>()) << "no check reads these vectors";
}

}  // namespace
}  // namespace arkshare
