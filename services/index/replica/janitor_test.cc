#include "services/index/replica/janitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/index/replica/testing/test_replica.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class JanitorTest : public testing::Test {
 protected:
  std::string Register(uint8_t key) {
    PeerInfo peer = TestPeer(key, key);
    return replica_.sync()
        .Register({replica_.sync().BeginRegistration(), std::move(peer), true, ""})
        ->token;
  }
  uint64_t Open(const std::string& token) {
    return replica_.sync().OpenStream(token, "127.0.0.1", [](const absl::Status&) {})->stream_id;
  }
  void Say(const std::string& token, uint64_t stream, std::vector<StatementRecord> statements) {
    Announcement announcement;
    announcement.first_sequence = 1;
    announcement.statements = std::move(statements);
    announcement.snapshot_complete = true;
    ASSERT_TRUE(replica_.sync().Apply(token, stream, announcement).ok());
  }
  void Clean() {
    clock_.Advance(absl::Seconds(1));
    replica_.janitor().Run();
    replica_.Settle();
  }

  FakeClock clock_;
  MemoryEngine engine_;
  IndexReplica replica_{&engine_, &clock_};
};

TEST_F(JanitorTest, TombstonesAreHandedOverToACompleteSession) {
  const std::string receiver = Register(1);
  const std::vector<OwnerChange> moves = {{TestKey(2), 7, Present(1, "book", 1)}};
  ASSERT_TRUE(replica_.sync().UpdateOwner(receiver, moves).ok());
  ASSERT_THAT(replica_.roster().AllGraves(), SizeIs(1));
  Clean();
  EXPECT_THAT(replica_.roster().AllGraves(), SizeIs(1)) << "its peer is not here";
  const std::string source = Register(2);
  const uint64_t stream = Open(source);
  Clean();
  EXPECT_THAT(replica_.roster().AllGraves(), SizeIs(1)) << "its peer has not said everything";
  Say(source, stream, {Present(7, "book", 1), Present(8, "other", 2)});
  Clean();
  EXPECT_THAT(replica_.roster().AllGraves(), IsEmpty());
  // A replica that never saw the tombstone hides the listing all the same.
  IndexReplica joined(&engine_, &clock_);
  EXPECT_THAT(joined.BooksOf(2), ElementsAre("other"));
}

TEST_F(JanitorTest, AMoveOfTheSessionItselfIsKeptForTheNextOne) {
  const std::string source = Register(2);
  Say(source, Open(source), {Present(7, "book", 1)});
  const std::string receiver = Register(1);
  const std::vector<OwnerChange> moves = {{TestKey(2), 7, Present(1, "book", 1)}};
  ASSERT_TRUE(replica_.sync().UpdateOwner(receiver, moves).ok());
  Clean();
  EXPECT_THAT(replica_.roster().AllGraves(), SizeIs(1));
}

TEST_F(JanitorTest, PagesOfEndedSessionsAreDeleted) {
  const std::string token = Register(1);
  Say(token, Open(token), {Present(1, "book", 1)});
  EXPECT_THAT(replica_.roster().Garbage(10), IsEmpty());
  replica_.sync().Unregister(token);
  EXPECT_THAT(replica_.roster().Garbage(10), SizeIs(1));
  Clean();
  EXPECT_THAT(replica_.roster().Garbage(10), IsEmpty());
  for (const auto& [key, entry] : engine_.Save()) EXPECT_NE(key.substr(0, 2), "c/") << key;
}

}  // namespace
}  // namespace arkshare
