// The heads that anybody can send to the relay, in any pieces.
#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "lib/core/content_id.h"
#include "lib/relay/connect_head.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

using namespace std::string_literals;
using State = HeadReader::State;

std::string Head(const std::string& authority) {
  return ConnectRequest(authority) + "bytes after it";
}

TEST(ConnectHeadFuzz, PiecesDoNotMatterAndWhatIsTakenHasItsForm) {
  Mutator inputs(11,
                 {Head(std::string(64, 'a') + ".peer:1"), Head(std::string(32, '0') + ".call:1"),
                  "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02"},
                 {"CONNECT ", " HTTP/1.1", "\r\n", "\r\n\r\n", ".peer:1", ".call:1", ":", "\0"s,
                  std::string(32, 'f'), std::string(kMaxHeadBytes, 'x'), "\xff"});
  uint64_t taken = 0;
  const uint64_t rounds = FuzzRounds(100'000);
  for (uint64_t i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string bytes = inputs.Next();
    HeadReader whole = HeadReader::ForRequest();
    whole.Add(bytes);
    HeadReader pieces = HeadReader::ForRequest();
    for (size_t at = 0; at < bytes.size() && pieces.state() == State::kIncomplete;) {
      const size_t size = 1 + inputs.Below(40);
      pieces.Add(absl::string_view(bytes).substr(at, size));
      at += size;
    }
    if (whole.state() != State::kComplete) {
      EXPECT_NE(pieces.state(), State::kComplete);
      continue;
    }
    ASSERT_EQ(pieces.state(), State::kComplete);
    EXPECT_EQ(pieces.head(), whole.head());
    EXPECT_LE(whole.head().size(), kMaxHeadBytes);
    EXPECT_EQ(std::string(whole.head()) + std::string(whole.rest()), bytes);
    const std::optional<RelayTarget> target = ParseConnectRequest(whole.head());
    if (!target.has_value()) continue;
    ++taken;
    const bool peer = target->kind == RelayTarget::Kind::kPeer;
    EXPECT_EQ(target->id.size(), peer ? 32u : kCallIdBytes);
  }
  EXPECT_GT(taken, rounds / 20);
}

TEST(ConnectHeadFuzz, AnswersAreCodesOrNothing) {
  Mutator inputs(12, {ConnectAnswer(RelayAnswer::kConnected), ConnectAnswer(RelayAnswer::kTooMany)},
                 {"HTTP/1.1 ", "200", " ", "\r\n\r\n", "-", "9", "\0"s});
  for (uint64_t i = FuzzRounds(50'000); i > 0 && !HasFailure(); --i) {
    const std::optional<int> code = ParseConnectAnswer(inputs.Next());
    if (!code.has_value()) continue;
    EXPECT_GE(*code, 100);
    EXPECT_LE(*code, 999);
  }
}

}  // namespace
}  // namespace arkshare
