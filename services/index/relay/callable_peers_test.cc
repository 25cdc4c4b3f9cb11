#include "services/index/relay/callable_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace arkshare {
namespace {

using testing::ElementsAre;

class CallablePeersTest : public testing::Test {
 protected:
  CallablePeers::SendCall Note(const std::string& stream) {
    return [this, stream](const PeerCall& call) { told_.push_back(stream + call.id); };
  }
  bool Call(const std::string& id) { return peers_.Call(key_, {id, 0}); }

  const PublicKey key_ = PrivateKey::FromSeed(std::string(32, 1))->public_key();
  CallablePeers peers_;
  std::vector<std::string> told_;
};

TEST_F(CallablePeersTest, ANewerStreamOfAKeyTakesThePlaceAndKeepsIt) {
  CallableStream older(&peers_);
  CallableStream newer(&peers_);
  EXPECT_FALSE(Call("a"));
  older.Open(key_, Note("older "));
  EXPECT_TRUE(Call("b"));
  newer.Open(key_, Note("newer "));
  older.Close();
  EXPECT_TRUE(Call("c"));
  newer.Close();
  newer.Close();
  EXPECT_FALSE(Call("d"));
  EXPECT_THAT(told_, ElementsAre("older b", "newer c"));
}

TEST_F(CallablePeersTest, AStreamThatIsClosedBeforeItOpensIsNotCalled) {
  CallableStream stream(&peers_);
  stream.Close();
  stream.Open(key_, Note(""));
  EXPECT_FALSE(Call("a"));
}

TEST_F(CallablePeersTest, WithoutARelayNoStreamOpens) {
  CallableStream stream(nullptr);
  EXPECT_FALSE(stream.can_open());
  stream.Close();
}

}  // namespace
}  // namespace arkshare
