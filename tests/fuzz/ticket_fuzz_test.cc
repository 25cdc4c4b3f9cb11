// Tickets as a damaged ledger or a liar presents them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/core/ticket.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;

std::vector<MoveTicket> GoodTickets() {
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromSeed(std::string(32, 'k'));
  std::vector<MoveTicket> tickets;
  for (size_t n : {1, 2, 3, 7, 100}) {
    std::vector<TicketBody> bodies(n);
    for (size_t i = 0; i < n; ++i) {
      bodies[i].source = key->public_key();
      bodies[i].source_listing = i + 1;
      bodies[i].content.size = 1000 * i;
    }
    const std::vector<MoveTicket> batch = IssueTickets(*key, bodies);
    tickets.push_back(batch.front());
    tickets.push_back(batch.back());
  }
  return tickets;
}

TEST(TicketFuzz, OnlyTheGoodOnesVerify) {
  const std::vector<MoveTicket> good = GoodTickets();
  std::vector<std::string> corpus;
  for (const MoveTicket& ticket : good) corpus.push_back(EncodeTicket(ticket));
  Mutator inputs(4, corpus, {"\0"s, "\1"s, "\xff\xff\xff\xff", std::string(32, 0), "\0\0\3\xe8"s});
  uint64_t verified = 0;
  uint64_t decoded = 0;
  const uint64_t rounds = FuzzRounds(40'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string input = inputs.Next();
    const absl::StatusOr<MoveTicket> ticket = DecodeTicket(input);
    if (!ticket.ok()) {
      EXPECT_EQ(ticket.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    EXPECT_EQ(EncodeTicket(*ticket), input) << "one ticket, one encoding";
    // Verification is expensive: all good tickets, and every eighth of the others.
    const bool is_good = std::find(good.begin(), good.end(), *ticket) != good.end();
    if (++decoded % 8 != 0 && !is_good) continue;
    TicketVerifier verifier;
    EXPECT_EQ(verifier.Verify(*ticket).ok(), is_good);
    if (is_good) ++verified;
  }
  EXPECT_GT(verified, 0u);
  EXPECT_GT(decoded, verified);
}

}  // namespace
}  // namespace arkshare
