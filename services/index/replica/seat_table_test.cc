#include "services/index/replica/seat_table.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kSeatLease = absl::Seconds(10);

class SeatTableTest : public testing::Test {
 protected:
  SeatPtr Sit(uint8_t key, int64_t epoch, const std::string& token = "token") {
    SharedSession session;
    session.key = TestKey(key);
    session.epoch = epoch;
    session.record.set_peer_id(key);
    session.record.set_proven(true);
    session.record.set_address(absl::StrCat("10.0.0.", key, ":4000"));
    session.record.set_order(static_cast<uint64_t>(epoch));
    return table_.Sit(session, absl::StrCat(token, " ", key), now_);
  }
  uint64_t Open(const SeatPtr& seat, const std::string& name) {
    AfterUnlock after_unlock;
    return table_.OpenStream(
        *seat,
        [this, name](const absl::Status& why) {
          called_.push_back(absl::StrCat(name, " ", ReasonName(GetReason(why))));
        },
        [this, name](bool reached) { called_.push_back(absl::StrCat(name, " ", reached)); }, now_,
        after_unlock);
  }
  void SetCutOff(bool cut_off) {
    AfterUnlock after_unlock;
    table_.SetCutOff(cut_off, MakeError(Reason::kShuttingDown, "elsewhere"), now_, after_unlock);
  }
  std::function<void()> Note(const std::string& name) {
    return [this, name] { called_.push_back(name); };
  }

  absl::Time now_ = absl::UnixEpoch();
  SeatTable table_{kSeatLease, nullptr};
  std::vector<std::string> called_;
};

TEST_F(SeatTableTest, ASeatIsOfOneSessionAndTheNextOneTakesItsPlace) {
  const SeatPtr seat = Sit(1, 5);
  EXPECT_EQ(Sit(1, 5, "other"), seat) << "it is the same session";
  EXPECT_EQ(table_.FindByToken("token 1"), seat);
  EXPECT_EQ(table_.FindByKey(TestKey(1)), seat);
  EXPECT_EQ(table_.Find(TestKey(1), 5), seat);
  EXPECT_EQ(table_.Find(TestKey(1), 4), nullptr);
  EXPECT_EQ(table_.FindByToken("token 2"), nullptr);
  const SeatPtr next = Sit(1, 6, "next");
  EXPECT_NE(next, seat);
  EXPECT_FALSE(table_.Has(seat));
  EXPECT_TRUE(table_.Has(next));
  EXPECT_EQ(table_.FindByToken("token 1"), nullptr);
  EXPECT_THAT(table_.All(), ElementsAre(next));
}

TEST_F(SeatTableTest, OnlyTheLastStreamIsFound) {
  const SeatPtr seat = Sit(1, 5);
  EXPECT_EQ(table_.FindStream("token 1", 0, now_), nullptr) << "it has none";
  const uint64_t first = Open(seat, "first");
  EXPECT_EQ(table_.FindStream("token 1", first, now_), seat);
  const uint64_t second = Open(seat, "second");
  EXPECT_THAT(called_, ElementsAre("first STREAM_REPLACED"));
  EXPECT_EQ(table_.FindStream("token 1", first, now_), nullptr);
  EXPECT_EQ(table_.FindStream("token 1", second, now_), seat);
  seat->ending = true;
  EXPECT_EQ(table_.FindStream("token 1", second, now_), nullptr);
  seat->ending = false;
  table_.CloseStream(*seat, now_);
  EXPECT_EQ(table_.FindStream("token 1", second, now_), nullptr);
  EXPECT_THAT(called_, ElementsAre("first STREAM_REPLACED"));
}

TEST_F(SeatTableTest, EveryoneWhoWaitsIsToldWhenASeatIsLeft) {
  const SeatPtr seat = Sit(1, 5);
  Open(seat, "stream");
  seat->claim.AwaitWrite([this](const absl::Status&) { called_.push_back("write"); });
  seat->waiting_for_end.push_back([this](const absl::Status&) { called_.push_back("end"); });
  seat->deferred.push_back(Note("message"));
  {
    AfterUnlock after_unlock;
    table_.Leave(seat, MakeError(Reason::kSessionUnknown, "gone"), after_unlock);
    EXPECT_THAT(called_, IsEmpty()) << "not under the lock";
  }
  EXPECT_THAT(called_, ElementsAre("stream SESSION_UNKNOWN", "write", "end", "message"));
  EXPECT_THAT(table_.All(), IsEmpty());
  EXPECT_FALSE(table_.BeginReachCheck(now_ + absl::Hours(1)).has_value());
}

TEST_F(SeatTableTest, ALeaseLapsesUnlessItIsHeldOrRenewed) {
  const SeatPtr silent = Sit(1, 5);
  const SeatPtr held = Sit(2, 6);
  const SeatPtr renewed = Sit(3, 7);
  const uint64_t stream = Open(silent, "silent");
  held->lease_holds = 1;
  now_ += kSeatLease / 2;
  table_.Renew(*renewed, now_);
  now_ += kSeatLease / 2;
  EXPECT_TRUE(table_.IsOver(*silent, now_));
  EXPECT_FALSE(table_.IsOver(*held, now_));
  EXPECT_FALSE(table_.IsOver(*renewed, now_));
  EXPECT_EQ(table_.FindStream("token 1", stream, now_), nullptr);
  EXPECT_THAT(table_.TakeLapsed(now_), ElementsAre(silent));
  EXPECT_THAT(table_.TakeLapsed(now_), IsEmpty()) << "its end takes time";
  EXPECT_EQ(table_.NextLapse(now_), kSeatLease / 2);
  renewed->ending = true;
  EXPECT_TRUE(table_.IsOver(*renewed, now_));
}

TEST_F(SeatTableTest, WhileTheReplicaIsCutOffStreamsEndOnceAndNoLeaseLapses) {
  const SeatPtr seat = Sit(1, 5);
  Open(seat, "first");
  SetCutOff(true);
  EXPECT_THAT(called_, ElementsAre("first SHUTTING_DOWN"));
  const uint64_t back = Open(seat, "back");
  SetCutOff(true);
  EXPECT_THAT(called_, ElementsAre("first SHUTTING_DOWN"));
  now_ += 5 * kSeatLease;
  EXPECT_EQ(table_.FindStream("token 1", back, now_), seat);
  EXPECT_FALSE(table_.IsOver(*seat, now_));
  EXPECT_THAT(table_.TakeLapsed(now_), IsEmpty());
  seat->deferred.push_back(Note("message"));
  SetCutOff(false);
  EXPECT_THAT(called_, ElementsAre("first SHUTTING_DOWN", "message"));
  EXPECT_EQ(table_.NextLapse(now_), kSeatLease) << "its peer could not be heard";
}

TEST_F(SeatTableTest, APeerThatDoesNotAnswerIsHiddenByItsClaim) {
  const SeatPtr seat = Sit(1, 5);
  const SeatPtr other = Sit(2, 6);
  now_ += absl::Seconds(5);
  bool hidden = false;
  for (int i = 0; i < 100 && !hidden; ++i) {
    now_ += absl::Minutes(1);
    table_.Report(*other, seat->key, now_);
    while (const std::optional<ReachedPeer> checked = table_.BeginReachCheck(now_)) {
      const bool answers = checked->key != seat->key;
      const SeatPtr changed = table_.EndReachCheck(*checked, answers, now_);
      if (changed == nullptr) continue;
      EXPECT_EQ(changed, seat);
      hidden = true;
    }
  }
  ASSERT_TRUE(hidden);
  EXPECT_FALSE(seat->answering);
  EXPECT_TRUE(seat->claim.dirty());
  EXPECT_FALSE(other->claim.dirty());
  Open(seat, "next");
  EXPECT_THAT(called_, ElementsAre("next 0")) << "its next stream is told at once";
}

}  // namespace
}  // namespace arkshare
