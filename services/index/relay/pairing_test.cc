#include "services/index/relay/pairing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Time kStart = absl::UnixEpoch();
constexpr char kHome[] = "198.51.100.1";

PublicKey KeyOf(char seed) { return PrivateKey::FromSeed(std::string(32, seed))->public_key(); }
std::string IdOf(char byte) { return std::string(kCallIdBytes, byte); }

class PairingTest : public testing::Test {
 protected:
  Pairing::Connection Arrive(const std::string& source = "") {
    EXPECT_EQ(pairing_.Arrive(++last_, source, now_), RelayAnswer::kConnected);
    return last_;
  }
  // A receiver that asks for the peer, and waits; returns the id of the call.
  std::string Ask(Pairing::Connection connection, const PublicKey& key = KeyOf(1)) {
    const Pairing::Asked asked = pairing_.AskForPeer(connection, key, now_);
    EXPECT_EQ(asked.answer, RelayAnswer::kConnected);
    return asked.call_id;
  }
  RelayAnswer Refusal(Pairing::Connection connection, const PublicKey& key = KeyOf(1)) {
    return pairing_.AskForPeer(connection, key, now_).answer;
  }
  // "receiver-answer", "waits", or the code of a refusal.
  std::string Name(Pairing::Connection connection, const std::string& id) {
    const Pairing::Named named = pairing_.NameCall(connection, id, now_);
    if (named.answer != RelayAnswer::kConnected) {
      return std::to_string(static_cast<int>(named.answer));
    }
    if (!named.pair.has_value()) return "waits";
    return std::to_string(named.pair->receiver) + "-" + std::to_string(named.pair->answer);
  }
  // "connection:code" of those that have waited for too long, which leave.
  std::vector<std::string> Late() {
    std::vector<std::string> late;
    for (const Pairing::Refused& refused : pairing_.TakeLate(now_)) {
      late.push_back(std::to_string(refused.connection) + ":" +
                     std::to_string(static_cast<int>(refused.answer)));
      pairing_.Leave(refused.connection);
    }
    return late;
  }

  absl::Time now_ = kStart;
  Pairing::Connection last_ = 0;
  Pairing pairing_{100};
};

TEST_F(PairingTest, TheAnswerToACallFindsItsReceiver) {
  const auto receiver = Arrive(kHome);
  const auto other = Arrive(kHome);
  const std::string call = Ask(receiver);
  const std::string other_call = Ask(other, KeyOf(2));
  EXPECT_NE(call, other_call);
  const auto answer = Arrive("203.0.113.5");
  EXPECT_EQ(Name(answer, other_call), "2-3");
  EXPECT_EQ(Name(Arrive(), call), "1-4");
  // Carried pairs are never late.
  now_ += absl::Hours(1);
  EXPECT_THAT(Late(), IsEmpty());
  EXPECT_EQ(pairing_.NextLate(), absl::InfiniteFuture());
}

TEST_F(PairingTest, ACallIsGoodOnce) {
  const auto receiver = Arrive();
  const std::string call = Ask(receiver);
  EXPECT_EQ(Name(Arrive(), call), "1-2");
  EXPECT_EQ(Name(Arrive(), call), "waits");
  now_ += Pairing::kEarlyPatience;
  EXPECT_THAT(Late(), ElementsAre("3:404"));
}

TEST_F(PairingTest, ARegistrationIsAnsweredBeforeOrAfterItsQuestion) {
  pairing_.Expect(IdOf(1), IdOf(11));
  EXPECT_EQ(Name(Arrive(), IdOf(1)), "waits");
  EXPECT_EQ(Name(Arrive(), IdOf(11)), "2-1");
  // The ticket is good once.
  EXPECT_EQ(Name(Arrive(), IdOf(11)), "waits");

  pairing_.Expect(IdOf(2), IdOf(12));
  EXPECT_EQ(Name(Arrive(), IdOf(12)), "waits");
  EXPECT_EQ(Name(Arrive(), IdOf(2)), "4-5");

  pairing_.Expect(IdOf(3), IdOf(13));
  pairing_.Unexpect(IdOf(3));
  EXPECT_EQ(Name(Arrive(), IdOf(3)), "waits");
  EXPECT_EQ(Name(Arrive(), IdOf(13)), "waits") << "it is an unknown id now";
}

TEST_F(PairingTest, NothingWaitsForever) {
  const auto silent = Arrive();
  now_ += absl::Seconds(1);
  const auto asking = Arrive();
  Ask(asking);
  const auto early = Arrive();
  EXPECT_EQ(Name(early, IdOf(1)), "waits");
  EXPECT_EQ(pairing_.NextLate(), now_ + Pairing::kEarlyPatience);
  now_ += absl::Seconds(3);
  EXPECT_THAT(Late(), ElementsAre("3:404"));
  now_ += absl::Seconds(1);
  EXPECT_THAT(Late(), ElementsAre("1:400", "2:504"));
  EXPECT_EQ(silent, 1u);
}

TEST_F(PairingTest, AReceiverThatHasGoneIsNotPaired) {
  const auto receiver = Arrive();
  const std::string call = Ask(receiver);
  pairing_.Leave(receiver);
  EXPECT_EQ(Name(Arrive(), call), "waits");
}

TEST_F(PairingTest, ASourceHasAShareAndThisMachineHasNone) {
  for (size_t i = 0; i < Pairing::kMostWaitingOfSource; ++i) Arrive(kHome);
  EXPECT_EQ(pairing_.Arrive(1'000, kHome, now_), RelayAnswer::kTooMany);
  EXPECT_EQ(pairing_.Arrive(1'001, "203.0.113.5", now_), RelayAnswer::kConnected);
  for (int i = 0; i < 100; ++i) Arrive("");
  // Those that are carried do not wait any more.
  for (Pairing::Connection c = 1; c <= Pairing::kMostWaitingOfSource; ++c) {
    const std::string call = Ask(c, KeyOf(static_cast<char>(c)));
    Name(Arrive(""), call);
  }
  for (size_t i = 0; i < 3 * Pairing::kMostWaitingOfSource; ++i) {
    const auto connection = Arrive(kHome);
    Name(Arrive(""), Ask(connection, KeyOf(static_cast<char>(connection))));
  }
  EXPECT_EQ(pairing_.Arrive(9'000, kHome, now_), RelayAnswer::kTooMany);
  pairing_.Leave(1);
  EXPECT_EQ(pairing_.Arrive(9'000, kHome, now_), RelayAnswer::kConnected);
}

TEST_F(PairingTest, OnlySoManyAreSilent) {
  for (size_t i = 0; i < Pairing::kMostSilent; ++i) Arrive("");
  EXPECT_EQ(pairing_.Arrive(9'000, "", now_), RelayAnswer::kFull);
  Ask(1);
  EXPECT_EQ(pairing_.Arrive(9'001, "", now_), RelayAnswer::kConnected);
}

TEST_F(PairingTest, OnlySoManyAreCarried) {
  for (int i = 0; i < 100; ++i) Ask(Arrive(), KeyOf(static_cast<char>(i)));
  EXPECT_EQ(Refusal(Arrive(), KeyOf(101)), RelayAnswer::kFull);
  pairing_.Leave(1);
  EXPECT_EQ(Refusal(Arrive(), KeyOf(101)), RelayAnswer::kConnected);
}

TEST_F(PairingTest, APeerIsCalledOnlySoOften) {
  for (int i = 0; i < Pairing::kMostCallsAtOnce; ++i) {
    const auto receiver = Arrive();
    Ask(receiver);
    pairing_.Leave(receiver);
  }
  EXPECT_EQ(Refusal(Arrive()), RelayAnswer::kTooMany);
  EXPECT_EQ(Refusal(Arrive(), KeyOf(2)), RelayAnswer::kConnected);
  now_ += Pairing::kCallPause;
  EXPECT_EQ(Refusal(Arrive()), RelayAnswer::kConnected);
  EXPECT_EQ(Refusal(Arrive()), RelayAnswer::kTooMany);
}

TEST_F(PairingTest, APeerHasOnlySoManyConnections) {
  for (size_t i = 0; i < Pairing::kMostToPeer; ++i) {
    Name(Arrive(), Ask(Arrive()));
    now_ += Pairing::kCallPause;
  }
  EXPECT_EQ(Refusal(Arrive()), RelayAnswer::kTooMany);
  pairing_.Leave(1);
  EXPECT_EQ(Refusal(Arrive()), RelayAnswer::kConnected);
}

TEST_F(PairingTest, OnlySoManyAnswersComeEarly) {
  for (char i = 0; i < static_cast<char>(Pairing::kMostEarlyOfSource); ++i) {
    EXPECT_EQ(Name(Arrive(kHome), IdOf(i)), "waits");
  }
  EXPECT_EQ(Name(Arrive(kHome), IdOf(100)), "404");
  EXPECT_EQ(Name(Arrive("203.0.113.5"), IdOf(0)), "404") << "another one waits by that id";
  for (char i = 10; i < static_cast<char>(6 + Pairing::kMostEarly); ++i) {
    EXPECT_EQ(Name(Arrive(), IdOf(i)), "waits");
  }
  EXPECT_EQ(Name(Arrive(), IdOf(101)), "404");
}

TEST_F(PairingTest, AConnectionOfAnotherReplicaIsOfTheSourceThatItNames) {
  const std::string replica = "203.0.113.9";
  // Each is of the replica only until it has said for whom it asks.
  for (size_t i = 0; i < 2 * Pairing::kMostOfSource; ++i) {
    const Pairing::Connection connection = Arrive(replica);
    ASSERT_EQ(pairing_.SetSource(connection, std::to_string(i)), RelayAnswer::kConnected);
  }
  std::vector<Pairing::Connection> of_home;
  for (size_t i = 0; i < Pairing::kMostWaitingOfSource; ++i) of_home.push_back(Arrive(kHome));
  const Pairing::Connection one_more = Arrive(replica);
  EXPECT_EQ(pairing_.SetSource(one_more, kHome), RelayAnswer::kTooMany);
  EXPECT_EQ(pairing_.SetSource(of_home[0], kHome), RelayAnswer::kConnected) << "it is already";
  pairing_.Leave(of_home[0]);
  EXPECT_EQ(pairing_.SetSource(one_more, kHome), RelayAnswer::kConnected);
}

}  // namespace
}  // namespace arkshare
