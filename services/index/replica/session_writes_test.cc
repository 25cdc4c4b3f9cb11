#include "services/index/replica/session_writes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/index/replica/steps.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;

std::vector<std::string> ChangedKeys(const std::vector<SharedLog::Change>& changes, bool put) {
  std::vector<std::string> keys;
  for (const SharedLog::Change& change : changes) {
    if (change.value.has_value() == put) keys.push_back(change.key);
  }
  return keys;
}

TEST(SessionWrites, ASessionBeginsWithItsClaimAndNumberInOneStep) {
  const PublicKey key = TestKey(1);
  replica::SessionRecord session;
  session.set_peer_id(7);
  replica::ClaimRecord claim;
  claim.set_replica("a");
  const SharedLog::Write write = MakeBegin(key, session, claim, {5, 3});
  ASSERT_EQ(write.guards.size(), 2u);
  EXPECT_EQ(write.guards[0].key, SessionKey(key));
  EXPECT_EQ(write.guards[0].revision, 5);
  EXPECT_EQ(write.guards[1].key, NumberKey(7));
  EXPECT_EQ(write.guards[1].revision, 3);
  EXPECT_THAT(ChangedKeys(write.changes, true),
              ElementsAre(SessionKey(key), ClaimKey(key), NumberKey(7)));
  EXPECT_EQ(write.changes[0].value, session.SerializeAsString());
  EXPECT_EQ(write.changes[1].value, claim.SerializeAsString());
  replica::NumberRecord number;
  ASSERT_TRUE(number.ParseFromString(*write.changes[2].value));
  EXPECT_EQ(number.public_key(), key.bytes());
}

TEST(SessionWrites, ASessionEndsWithItsClaimAndKeepsAProvenNumber) {
  SharedSession session;
  session.key = TestKey(1);
  session.epoch = 5;
  session.claim_revision = 6;
  session.record.set_peer_id(7);
  session.record.set_proven(true);
  SharedLog::Write write = MakeEnd(session, /*guard_claim=*/true);
  ASSERT_EQ(write.guards.size(), 2u);
  EXPECT_EQ(write.guards[0].key, SessionKey(session.key));
  EXPECT_EQ(write.guards[0].revision, 5);
  EXPECT_EQ(write.guards[1].key, ClaimKey(session.key));
  EXPECT_EQ(write.guards[1].revision, 6);
  EXPECT_THAT(ChangedKeys(write.changes, false),
              ElementsAre(SessionKey(session.key), ClaimKey(session.key)));
  session.record.set_proven(false);
  write = MakeEnd(session, /*guard_claim=*/false);
  EXPECT_EQ(write.guards.size(), 1u);
  EXPECT_THAT(ChangedKeys(write.changes, false),
              ElementsAre(SessionKey(session.key), ClaimKey(session.key), NumberKey(7)));
}

}  // namespace
}  // namespace arkshare
