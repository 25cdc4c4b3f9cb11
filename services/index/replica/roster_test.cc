#include "services/index/replica/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/index/replica/testing/log_writer.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RosterTest : public testing::Test {
 protected:
  // Folds what was written since the last call.
  Folded& Fold() {
    for (; folded_ < log_.steps().size(); ++folded_) {
      folded_into_.roster.Step(log_.steps()[folded_].first, log_.steps()[folded_].second);
    }
    return folded_into_;
  }
  std::string Seen() { return Fold().Describe(); }

  LogWriter log_;
  Folded folded_into_;
  size_t folded_ = 0;
};

TEST_F(RosterTest, APeerIsListedWhileItsStreamStandsAtALiveReplica) {
  log_.Write({{"r/a", "x"}});
  const int64_t epoch = log_.Begin(1, "a");
  log_.PutPage(1, epoch, 1, {Present(1, "book", 1)}, true);
  EXPECT_EQ(Seen(), "1 hidden slots 8: through 1 complete\n");
  log_.PutClaim(1, epoch, "a", true);
  EXPECT_EQ(Seen(), "1 listed slots 8: 1=book through 1 complete\n");
  log_.PutClaim(1, epoch, "b", true);
  EXPECT_THAT(Seen(), HasSubstr("hidden")) << "no replica b is alive";
  log_.Write({{"r/b", "x"}});
  EXPECT_THAT(Seen(), HasSubstr("listed"));
  log_.Write({{"r/a", std::nullopt}});
  EXPECT_THAT(Seen(), HasSubstr("listed")) << "the stream moved before its replica died";
  log_.Write({{"r/b", std::nullopt}});
  EXPECT_THAT(Seen(), HasSubstr("hidden"));
  log_.Write({{SessionKey(TestKey(1)), std::nullopt}});
  EXPECT_EQ(Seen(), "");
}

TEST_F(RosterTest, KnowsWhichReplicaHasAStream) {
  replica::ReplicaRecord about;
  about.set_relay_address("192.0.2.1:50052");
  log_.Write({{"r/a", about.SerializeAsString()}, {"r/b", ""}});
  const int64_t epoch = log_.Begin(1, "a");
  EXPECT_FALSE(Fold().roster.ReplicaOf(TestKey(1)).has_value()) << "there is no stream";
  log_.PutClaim(1, epoch, "a", true);
  auto at = Fold().roster.ReplicaOf(TestKey(1));
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(at->first, "a");
  EXPECT_EQ(at->second.relay_address(), "192.0.2.1:50052");
  log_.PutClaim(1, epoch, "b", true);
  at = Fold().roster.ReplicaOf(TestKey(1));
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(at->first, "b");
  EXPECT_EQ(at->second.relay_address(), "");
  log_.Write({{"r/b", std::nullopt}});
  EXPECT_FALSE(Fold().roster.ReplicaOf(TestKey(1)).has_value());
  EXPECT_FALSE(Fold().roster.ReplicaOf(TestKey(2)).has_value());
}

TEST_F(RosterTest, AClaimSaysWhereThePeerIs) {
  log_.Write({{"r/a", ""}});
  const int64_t epoch = log_.Begin(1, "a");
  replica::ClaimRecord claim;
  claim.set_epoch(epoch);
  claim.set_replica("a");
  claim.set_streaming(true);
  claim.set_local_address("192.168.1.5:4000");
  claim.set_network("198.51.100.1");
  log_.Write({{ClaimKey(TestKey(1)), claim.SerializeAsString()}});
  const PeerInfo info = Fold().catalog.FindPeer(TestKey(1))->info;
  EXPECT_EQ(info.local_address, "192.168.1.5:4000");
  EXPECT_EQ(info.network, "198.51.100.1");
}

TEST_F(RosterTest, APeerThatTakesCallsIsReachedAtTheRelayOfThisReplica) {
  replica::SessionRecord session;
  session.set_token_hash(std::string(32, 't'));
  session.set_peer_id(1);
  session.set_policy(v1::SHARE_POLICY_MOVE);
  session.set_proven(true);
  session.set_takes_calls(true);
  log_.Write({{SessionKey(TestKey(1)), session.SerializeAsString()}});
  log_.Begin(2, "a");
  const Folded& folded = Fold();
  EXPECT_EQ(folded.catalog.FindPeer(TestKey(1))->info.relay_port, kRelayPort);
  EXPECT_EQ(folded.catalog.FindPeer(TestKey(2))->info.relay_port, 0u);
}

TEST_F(RosterTest, PagesAndClaimsOfAnotherEpochAreIgnored) {
  log_.Write({{"r/a", "x"}});
  const int64_t former = log_.Begin(1, "a");
  log_.PutClaim(1, former, "a", true);
  log_.PutPage(1, former, 1, {Present(1, "old", 1)});
  const int64_t epoch = log_.Begin(1, "a");
  log_.PutPage(1, former, 2, {Present(2, "late", 2)});
  log_.PutClaim(1, former, "a", true);
  EXPECT_EQ(Seen(), "1 hidden slots 8: through 0\n");
  EXPECT_THAT(Fold().roster.Garbage(10), testing::SizeIs(2));
  log_.PutClaim(1, epoch, "a", true);
  log_.PutPage(1, epoch, 1, {Present(1, "new", 3)});
  EXPECT_EQ(Seen(), "1 listed slots 8: 1=new through 1\n");
}

TEST_F(RosterTest, ANumberThatIsStatedForTwoBooksIsGone) {
  log_.Write({{"r/a", "x"}});
  const int64_t epoch = log_.Begin(1, "a");
  log_.PutClaim(1, epoch, "a", true);
  log_.PutPage(1, epoch, 1, {Present(1, "one", 1), Present(2, "two", 2)});
  log_.PutPage(1, epoch, 3, {Present(1, "other", 3)});
  log_.PutPage(1, epoch, 4, {Present(1, "one", 1)});
  EXPECT_EQ(Seen(), "1 listed slots 8: 2=two through 4\n");
}

TEST_F(RosterTest, AMoveHidesTheSourcesListingAlsoInItsNextSession) {
  log_.Write({{"r/a", "x"}});
  const int64_t receiver = log_.Begin(1, "a");
  log_.PutClaim(1, receiver, "a", true);
  int64_t source = log_.Begin(2, "a");
  log_.PutClaim(2, source, "a", true);
  log_.PutPage(2, source, 1, {Present(7, "book", 1)}, true);
  log_.Write(log_.Move(1, receiver, Present(3, "book", 1), 2, 7));
  EXPECT_EQ(Seen(), "1 listed slots 8: 3=book through 0\n2 listed slots 8: through 1 complete\n");
  source = log_.Begin(2, "a");
  log_.PutClaim(2, source, "a", true);
  log_.PutPage(2, source, 1, {Present(7, "book", 1), Present(8, "more", 2)}, true);
  EXPECT_THAT(Seen(), HasSubstr("2 listed slots 8: 8=more through 2 complete"));
}

TEST_F(RosterTest, NothingThatAnUnprovenPeerStatesIsListed) {
  log_.Write({{"r/a", "x"}});
  const int64_t epoch = log_.Begin(1, "a", /*proven=*/false);
  log_.PutClaim(1, epoch, "a", true);
  EXPECT_EQ(Seen(), "1 hidden slots 8: through 0\n");
}

TEST_F(RosterTest, TheSessionsReplicaHearsWhatHappens) {
  const int64_t first = log_.Begin(1, "a");
  const int64_t second = log_.Begin(1, "b");
  log_.Write({{SessionKey(TestKey(1)), std::nullopt}, {ClaimKey(TestKey(1)), std::nullopt}});
  EXPECT_THAT(Fold().news, ElementsAre(absl::StrCat("claimed ", first, " by a"),
                                       absl::StrCat("ended ", first, " SESSION_SUPERSEDED"),
                                       absl::StrCat("claimed ", second, " by b"),
                                       absl::StrCat("ended ", second, " SESSION_UNKNOWN")));
}

TEST_F(RosterTest, NothingOfALostLogStays) {
  log_.Write({{"r/a", "x"}});
  const int64_t epoch = log_.Begin(1, "a");
  log_.PutClaim(1, epoch, "a", true);
  log_.PutPage(1, epoch, 1, {Present(1, "old", 1)});
  Fold().roster.Refounded();
  EXPECT_EQ(Fold().Describe(), "");
  EXPECT_FALSE(Fold().roster.OwnerOf(1).has_value());
  EXPECT_FALSE(Fold().roster.IsLive("a"));
  // The epoch in the new log happens to be the same.
  LogWriter other;
  other.Write({{"r/a", "x"}});
  ASSERT_EQ(other.Begin(1, "a"), epoch);
  other.PutClaim(1, epoch, "a", true);
  Fold().roster.Load(other.revision(), other.Entries());
  EXPECT_EQ(Fold().Describe(), "1 listed slots 8: through 0\n");
}

}  // namespace
}  // namespace arkshare
