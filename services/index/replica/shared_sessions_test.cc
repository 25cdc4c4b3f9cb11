#include "services/index/replica/shared_sessions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

std::string HashBytes(char seed) { return std::string(32, seed); }
Sha256Digest HashFrom(char seed) { return DigestFromBytes(HashBytes(seed)).value(); }

SharedSessionPtr MakeShared(uint8_t key, int64_t epoch, char token,
                            const std::vector<char>& superseded = {}) {
  auto session = std::make_shared<SharedSession>();
  session->key = TestKey(key);
  session->epoch = epoch;
  session->record.set_token_hash(HashBytes(token));
  for (const char hash : superseded) {
    session->record.add_superseded_token_hashes(HashBytes(hash));
  }
  return session;
}

TEST(SharedSessions, ASessionIsFoundByKeyEpochAndToken) {
  SharedSessions sessions;
  const SharedSessionPtr one = MakeShared(1, 5, 'a');
  sessions.Add(one);
  sessions.Add(MakeShared(2, 6, 'b'));
  EXPECT_EQ(sessions.all().size(), 2u);
  EXPECT_EQ(sessions.Find(TestKey(1)), one);
  EXPECT_EQ(sessions.Find(TestKey(1), 5), one);
  EXPECT_EQ(sessions.Find(TestKey(1), 6), nullptr);
  EXPECT_EQ(sessions.Find(TestKey(3)), nullptr);
  EXPECT_EQ(sessions.FindToken(HashFrom('b'))->key, TestKey(2));
  EXPECT_EQ(GetReason(sessions.FindToken(HashFrom('c')).status()), Reason::kSessionUnknown);
  sessions.Remove(one);
  EXPECT_EQ(sessions.Find(TestKey(1)), nullptr);
  EXPECT_EQ(GetReason(sessions.FindToken(HashFrom('a')).status()), Reason::kSessionUnknown);
}

TEST(SharedSessions, EarlierTokensOfAKeyAreSupersededUntilItsSessionEnds) {
  SharedSessions sessions;
  const SharedSessionPtr session = MakeShared(1, 7, 'c', {'b', 'a'});
  sessions.Add(session);
  EXPECT_TRUE(sessions.FindToken(HashFrom('c')).ok());
  for (const char earlier : {'a', 'b'}) {
    EXPECT_EQ(GetReason(sessions.FindToken(HashFrom(earlier)).status()),
              Reason::kSessionSuperseded);
  }
  sessions.Remove(session);
  for (const char any : {'a', 'b', 'c'}) {
    EXPECT_EQ(GetReason(sessions.FindToken(HashFrom(any)).status()), Reason::kSessionUnknown);
  }
}

TEST(SharedSessions, AHashThatIsNoneIsIgnored) {
  SharedSessions sessions;
  const SharedSessionPtr session = MakeShared(1, 5, 'a');
  session->record.add_superseded_token_hashes("short");
  sessions.Add(session);
  EXPECT_TRUE(sessions.FindToken(HashFrom('a')).ok());
  sessions.Remove(session);
  EXPECT_TRUE(sessions.all().empty());
}

}  // namespace
}  // namespace arkshare
