#include "lib/relay/connect_head.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/core/key.h"
#include "lib/rpc/relayed_target.h"

namespace arkshare {
namespace {

using State = HeadReader::State;

std::string HexOf(size_t bytes) { return std::string(2 * bytes, 'a'); }

TEST(ConnectHeadTest, ReadsWhatItWrites) {
  const PublicKey key = PrivateKey::FromSeed(std::string(32, 1))->public_key();
  EXPECT_EQ(ParseConnectRequest(ConnectRequest(PeerAuthority(key))),
            (RelayTarget{RelayTarget::Kind::kPeer, key.bytes()}));
  const std::string call(kCallIdBytes, '\x01');
  EXPECT_EQ(ParseConnectRequest(ConnectRequest(CallAuthority(call))),
            (RelayTarget{RelayTarget::Kind::kCall, call}));
  EXPECT_EQ(ParseConnectAnswer(ConnectAnswer(RelayAnswer::kConnected)), 200);
  EXPECT_EQ(ParseConnectAnswer(ConnectAnswer(RelayAnswer::kDidNotCome)), 504);
}

TEST(ConnectHeadTest, TakesTheHeadOfGrpc) {
  const std::string authority = HexOf(32) + ".peer:1";
  EXPECT_TRUE(ParseConnectRequest("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority +
                                  "\r\nUser-Agent: grpc-httpcli/0.0\r\n\r\n"));
  EXPECT_TRUE(ParseConnectRequest("CONNECT " + authority + " HTTP/1.0\r\n\r\n"));
}

TEST(ConnectHeadTest, RefusesOtherRequests) {
  for (const std::string& line :
       {"GET " + HexOf(32) + ".peer:1 HTTP/1.1", std::string("CONNECT example.org:443 HTTP/1.1"),
        "CONNECT " + HexOf(31) + ".peer:1 HTTP/1.1", "CONNECT " + HexOf(33) + ".peer:1 HTTP/1.1",
        "CONNECT " + HexOf(32) + ".call:1 HTTP/1.1", "CONNECT " + HexOf(16) + ".peer:1 HTTP/1.1",
        "CONNECT " + HexOf(32) + ".peer:2 HTTP/1.1", "CONNECT " + HexOf(32) + ".peer:1 HTTP/2",
        "CONNECT  " + HexOf(32) + ".peer:1 HTTP/1.1", "connect " + HexOf(32) + ".peer:1 HTTP/1.1",
        "CONNECT " + std::string(64, 'g') + ".peer:1 HTTP/1.1", std::string("CONNECT"),
        std::string()}) {
    EXPECT_FALSE(ParseConnectRequest(line + "\r\n\r\n").has_value()) << line;
  }
}

TEST(ConnectHeadTest, RefusesOtherAnswers) {
  for (const std::string line : {"HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "200 OK",
                                 "HTTP/1.1 -20 OK", "HTTP/1.1 abc", ""}) {
    EXPECT_FALSE(ParseConnectAnswer(line + "\r\n\r\n").has_value()) << line;
  }
  EXPECT_EQ(ParseConnectAnswer("HTTP/1.0 407\r\n\r\n"), 407);
}

TEST(ConnectHeadTest, NamesTheCallerOfAnotherReplica) {
  const OnwardCaller caller{"198.51.100.7", OnwardProof("secret", "key", "198.51.100.7")};
  const std::string head = ConnectRequest(HexOf(32) + ".peer:1", caller);
  EXPECT_EQ(ParseOnwardCaller(head), caller);
  EXPECT_TRUE(ParseConnectRequest(head).has_value());
  const OnwardCaller here{"", OnwardProof("secret", "key", "")};
  EXPECT_EQ(ParseOnwardCaller(ConnectRequest(HexOf(32) + ".peer:1", here)), here);
  EXPECT_NE(here.proof, caller.proof);
  EXPECT_NE(OnwardProof("other", "key", ""), here.proof);
  EXPECT_FALSE(ParseOnwardCaller(ConnectRequest(HexOf(32) + ".peer:1")).has_value());
}

TEST(ConnectHeadTest, RefusesOtherCallers) {
  for (const std::string& value : {HexOf(32), std::string("198.51.100.7 "), " " + HexOf(32),
                                   "- " + HexOf(31), "- " + std::string(64, 'g'), std::string()}) {
    const std::string head =
        "CONNECT " + HexOf(32) + ".peer:1 HTTP/1.1\r\nArkshare-Onward: " + value + "\r\n\r\n";
    EXPECT_FALSE(ParseOnwardCaller(head).has_value()) << value;
  }
}

TEST(HeadReaderTest, TakesAHeadInPieces) {
  const std::string head = ConnectRequest(HexOf(16) + ".call:1");
  for (size_t size = 1; size <= head.size() + 4; ++size) {
    HeadReader reader = HeadReader::ForRequest();
    const std::string all = head + "rest";
    for (size_t at = 0; at < all.size() && reader.state() == State::kIncomplete; at += size) {
      reader.Add(absl::string_view(all).substr(at, size));
    }
    ASSERT_EQ(reader.state(), State::kComplete) << size;
    EXPECT_EQ(reader.head(), head);
    EXPECT_EQ(reader.rest(), absl::string_view("rest").substr(0, reader.rest().size()));
  }
}

TEST(HeadReaderTest, EndsAtTheLimit) {
  const std::string start = "CONNECT x HTTP/1.1\r\nA: ";
  const std::string fits = start + std::string(kMaxHeadBytes - start.size() - 4, 'a') + "\r\n\r\n";
  HeadReader reader = HeadReader::ForRequest();
  EXPECT_EQ(reader.Add(fits), State::kComplete);
  EXPECT_EQ(reader.head().size(), kMaxHeadBytes);

  const std::string longer =
      start + std::string(kMaxHeadBytes - start.size() - 3, 'a') + "\r\n\r\n";
  HeadReader at_once = HeadReader::ForRequest();
  EXPECT_EQ(at_once.Add(longer), State::kInvalid);
  HeadReader one_by_one = HeadReader::ForRequest();
  size_t read = 0;
  while (one_by_one.state() == State::kIncomplete) one_by_one.Add(longer.substr(read++, 1));
  EXPECT_EQ(one_by_one.state(), State::kInvalid);
  EXPECT_EQ(read, kMaxHeadBytes);
}

TEST(HeadReaderTest, RefusesAnotherBeginningAtOnce) {
  HeadReader tls = HeadReader::ForRequest();
  EXPECT_EQ(tls.Add("\x16\x03\x01"), State::kInvalid);
  HeadReader get = HeadReader::ForRequest();
  EXPECT_EQ(get.Add("CON"), State::kIncomplete);
  EXPECT_EQ(get.Add("TENT"), State::kInvalid);
  HeadReader answer = HeadReader::ForAnswer();
  EXPECT_EQ(answer.Add("SSH-2.0"), State::kInvalid);
}

}  // namespace
}  // namespace arkshare
