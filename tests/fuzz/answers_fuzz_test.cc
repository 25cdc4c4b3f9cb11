// The answers of a broken or hostile index, as the peer and the CLI get them.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "lib/core/limits.h"
#include "lib/rpc/answers.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

std::string AKey() { return PrivateKey::FromSeed(std::string(32, 's'))->public_key().bytes(); }

v1::Listing AListing() {
  v1::Listing listing;
  listing.set_listing_number(300);
  listing.set_name("195");
  listing.mutable_content()->set_root(std::string(32, 'r'));
  listing.mutable_content()->set_size_bytes(70'000);
  return listing;
}

v1::Peer APeer(uint32_t id) {
  v1::Peer peer;
  peer.set_peer_id(id);
  peer.set_public_key(AKey());
  peer.set_address("192.0.2.1:7070");
  peer.set_policy(v1::SHARE_POLICY_COPY);
  peer.set_book_count(5);
  return peer;
}

v1::Holder AHolder(bool partial) {
  v1::Holder holder;
  holder.set_peer_id(7);
  holder.set_public_key(AKey());
  holder.set_address("[2001:db8::1]:7070");
  holder.set_listing_number(9);
  holder.set_policy(v1::SHARE_POLICY_MOVE);
  holder.set_partial(partial);
  return holder;
}

// Bytes that break answers: numbers at the edges, forms of addresses, bytes for terminals.
std::vector<std::string> Pieces() {
  return {"\0"s,        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          "\x80\x01",   "unix:/s",
          "dns:///a:1", "\x1b[2J",
          "\u202e",     "127.0.0.1:0",
          "\n",         "../",
          "x:70000",    std::string(300, 'h')};
}

bool IsChecked(const std::string& address) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  return parsed.ok() && parsed->port != 0 && parsed->host.size() <= kMaxHostBytes;
}

// Calls `passed` with each answer that CheckAnswer lets through. Both kinds must occur.
template <typename Request, typename Answer, typename Passed>
void Fuzz(uint64_t seed, const Request& request, const Answer& good, Passed passed) {
  ASSERT_TRUE(CheckAnswer(request, good).ok()) << CheckAnswer(request, good);
  Mutator inputs(seed, {good.SerializeAsString()}, Pieces());
  uint64_t let_through = 0;
  uint64_t refused = 0;
  const uint64_t rounds = FuzzRounds(20'000);
  for (uint64_t i = 0; i < rounds && !testing::Test::HasFailure(); ++i) {
    Answer answer;
    if (!answer.ParseFromString(inputs.Next())) continue;
    const absl::Status status = CheckAnswer(request, answer);
    if (status.ok()) {
      ++let_through;
      passed(answer);
    } else {
      ++refused;
      EXPECT_EQ(GetReason(status), Reason::kAnswerInvalid);
      EXPECT_LT(status.message().size(), 2 * kMaxTextBytes);
    }
  }
  EXPECT_GT(let_through, 0u);
  EXPECT_GT(refused, 0u);
}

TEST(AnswersFuzz, Registrations) {
  v1::RegisterResponse good;
  good.set_peer_id(1);
  good.set_session_token("token");
  good.mutable_lease()->set_seconds(10);
  good.set_address("192.0.2.1:7070");
  good.set_boot_id(std::string(16, 'b'));
  good.set_max_books(1000);
  good.mutable_reachability()->set_message("open the port");
  Fuzz(1, v1::RegisterRequest(), good, [](const v1::RegisterResponse& answer) {
    const absl::Duration lease = DurationFromProto(answer.lease(), "lease").value();
    EXPECT_GE(lease, kMinLease);
    EXPECT_LE(lease, kMaxLease);
    EXPECT_TRUE(IsChecked(answer.address()));
    EXPECT_FALSE(answer.session_token().empty());
  });
}

TEST(AnswersFuzz, Searches) {
  v1::SearchRequest request;
  *request.mutable_content() = AListing().content();
  request.set_include_partial(true);
  v1::SearchResponse good;
  good.add_results()->set_name("195");
  *good.mutable_results(0)->mutable_content() = request.content();
  *good.mutable_results(0)->add_holders() = AHolder(false);
  *good.mutable_results(0)->add_holders() = AHolder(true);
  Fuzz(2, request, good, [&](const v1::SearchResponse& answer) {
    for (const v1::SearchResponse::Result& result : answer.results()) {
      EXPECT_TRUE(BookName::Parse(result.name()).ok());
      EXPECT_EQ(result.content().root(), request.content().root());
      EXPECT_LE(result.holders_size(), kMaxWholeHolders + kMaxPartialHolders);
      for (const v1::Holder& holder : result.holders()) {
        EXPECT_TRUE(IsChecked(holder.address()));
        EXPECT_TRUE(PublicKey::FromBytes(holder.public_key()).ok());
      }
    }
  });
}

TEST(AnswersFuzz, PeersAndBooks) {
  v1::ListPeersResponse peers;
  for (uint32_t id = 1; id <= 3; ++id) *peers.add_peers() = APeer(id);
  Fuzz(3, v1::ListPeersRequest(), peers, [](const v1::ListPeersResponse& answer) {
    for (const v1::Peer& peer : answer.peers()) {
      EXPECT_TRUE(peer.address().empty() || IsChecked(peer.address()));
    }
  });
  v1::ListBooksResponse books;
  for (int i = 0; i < 3; ++i) *books.add_listings() = AListing();
  Fuzz(4, v1::ListBooksRequest(), books, [](const v1::ListBooksResponse& answer) {
    for (const v1::Listing& listing : answer.listings()) EXPECT_TRUE(FromProto(listing).ok());
  });
}

TEST(AnswersFuzz, EventsOfAWatch) {
  v1::WatchResponse good;
  good.set_boot_id(std::string(16, 'b'));
  good.mutable_book_moved()->set_from_peer_id(1);
  good.mutable_book_moved()->set_to_peer_id(2);
  *good.mutable_book_moved()->mutable_old_listing() = AListing();
  *good.mutable_book_moved()->mutable_new_listing() = AListing();
  *good.add_more()->mutable_peer_listed()->mutable_peer() = APeer(4);
  Mutator inputs(5, {good.SerializeAsString()}, Pieces());
  uint64_t let_through = 0;
  const uint64_t rounds = FuzzRounds(20'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    v1::WatchResponse answer;
    if (!answer.ParseFromString(inputs.Next()) || !CheckAnswer(answer).ok()) continue;
    ++let_through;
    if (answer.has_book_moved()) {
      EXPECT_TRUE(FromProto(answer.book_moved().new_listing()).ok());
    }
  }
  EXPECT_GT(let_through, 0u);
}

}  // namespace
}  // namespace arkshare
