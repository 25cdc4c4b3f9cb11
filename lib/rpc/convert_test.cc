#include "lib/rpc/convert.h"

#include <gmock/gmock.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "arkshare/v1/file.pb.h"
#include "arkshare/v1/types.pb.h"

namespace arkshare {
namespace {

ContentId SomeContent() {
  ContentId id;
  id.root.fill(7);
  id.size = 1234;
  return id;
}

BookListing SomeListing() { return {5, *BookName::Parse("folder/a book.txt"), SomeContent()}; }

MoveTicket SomeTicket() {
  const PrivateKey source = PrivateKey::Generate();
  std::vector<TicketBody> bodies;
  for (uint64_t listing = 1; listing <= 3; ++listing) {
    bodies.push_back({TransferId::Random(), source.public_key(), listing,
                      PrivateKey::Generate().public_key(), SomeContent()});
  }
  return IssueTickets(source, bodies)[1];
}

TEST(ConvertTest, RoundTrips) {
  EXPECT_EQ(*FromProto(ToProto(SomeContent())), SomeContent());
  EXPECT_EQ(*FromProto(ToProto(SomeListing())), SomeListing());
  const MoveTicket ticket = SomeTicket();
  EXPECT_EQ(*FromProto(ToProto(ticket)), ticket);
  EXPECT_TRUE(TicketVerifier().Verify(*FromProto(ToProto(ticket))).ok());
  const ReleaseItem item{TransferId::Random(), 9, SomeContent()};
  EXPECT_EQ(*FromProto(ToProto(item)), item);
}

TEST(ConvertTest, ContentNeedsARootOf32BytesAndASizeThatFilesCanHave) {
  v1::ContentId proto = ToProto(SomeContent());
  proto.set_root("short");
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  proto = ToProto(SomeContent());
  proto.set_size_bytes(uint64_t{1} << 63);
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  proto.set_size_bytes(0);
  EXPECT_TRUE(FromProto(proto).ok());
}

TEST(ConvertTest, ListingNeedsANumberAndAName) {
  v1::Listing proto = ToProto(SomeListing());
  proto.set_listing_number(0);
  EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField);
  proto = ToProto(SomeListing());
  for (const char* name : {"", "../x", "/etc/passwd", "a//b", "a\\b", ".hidden", "a\x01"}) {
    proto.set_name(name);
    const absl::Status status = FromProto(proto).status();
    EXPECT_EQ(GetReason(status), Reason::kInvalidName) << name;
    EXPECT_FALSE(status.message().empty());
  }
}

TEST(ConvertTest, AListingIsWholeUnlessMarkedPartial) {
  v1::Listing proto = ToProto(SomeListing());
  EXPECT_FALSE(proto.partial());
  proto.set_partial(true);
  const BookListing partial = FromProto(proto).value();
  EXPECT_TRUE(partial.partial);
  EXPECT_NE(partial, SomeListing());
  EXPECT_EQ(FromProto(ToProto(partial)).value(), partial);
}

TEST(ConvertTest, EveryFieldOfATicketIsChecked) {
  const std::vector<std::function<void(v1::MoveTicket&)>> mistakes = {
      [](v1::MoveTicket& t) { t.set_transfer_id("short"); },
      [](v1::MoveTicket& t) { t.set_source_public_key("short"); },
      [](v1::MoveTicket& t) { t.clear_receiver_public_key(); },
      [](v1::MoveTicket& t) { t.set_source_listing_number(0); },
      [](v1::MoveTicket& t) { t.clear_content(); },
      [](v1::MoveTicket& t) { t.set_batch_size(0); },
      [](v1::MoveTicket& t) { t.set_batch_size(1001); },
      [](v1::MoveTicket& t) { t.set_batch_index(3); },
      [](v1::MoveTicket& t) { t.add_batch_path("short"); },
      [](v1::MoveTicket& t) {
        for (int i = 0; i < 20; ++i) t.add_batch_path(std::string(32, 'x'));
      },
      [](v1::MoveTicket& t) { t.mutable_signature()->push_back('x'); },
  };
  for (size_t i = 0; i < mistakes.size(); ++i) {
    v1::MoveTicket proto = ToProto(SomeTicket());
    mistakes[i](proto);
    EXPECT_EQ(GetReason(FromProto(proto).status()), Reason::kInvalidField) << i;
  }
}

TEST(ConvertTest, KeysSayWhichFieldIsWrong) {
  const absl::Status status = KeyFromProto("abc", "receiver_public_key").status();
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("receiver_public_key"));
}

TEST(ConvertTest, PeopleReadTimesToTheSecond) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(LocalTime(time), "");
  time.set_seconds(1'700'000'003);
  time.set_nanos(999'999'999);
  absl::Time read;
  std::string error;
  ASSERT_TRUE(
      absl::ParseTime("%Y-%m-%d %H:%M:%S", LocalTime(time), absl::LocalTimeZone(), &read, &error))
      << error;
  EXPECT_EQ(read, absl::FromUnixSeconds(1'700'000'003));
}

TEST(ConvertTest, DurationsAreNotNegative) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Seconds(90.25), absl::Hours(100'000)}) {
    const absl::StatusOr<absl::Duration> again = DurationFromProto(ToProto(duration), "wait");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, duration);
  }
  EXPECT_EQ(ToProto(absl::Seconds(-1)).seconds(), 0);
  EXPECT_EQ(ToProto(absl::InfiniteDuration()).seconds(), 315'576'000'000);
  for (const auto& [seconds, nanos] : std::vector<std::pair<int64_t, int32_t>>{
           {-1, 0}, {0, -1}, {0, 1'000'000'000}, {315'576'000'001, 0}}) {
    google::protobuf::Duration bad;
    bad.set_seconds(seconds);
    bad.set_nanos(nanos);
    const absl::Status status = DurationFromProto(bad, "estimated_wait").status();
    EXPECT_EQ(GetReason(status), Reason::kInvalidField);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("estimated_wait"));
  }
}

TEST(ConvertTest, AttributesHaveATimeAndPermissionsOnly) {
  const FileAttributes attributes{absl::FromUnixSeconds(-5) + absl::Nanoseconds(700), 0750};
  EXPECT_EQ(FromProto(ToProto(attributes)), attributes);
  v1::FileAttributes proto = ToProto(attributes);
  proto.set_permissions(0104755);
  EXPECT_EQ(FromProto(proto)->permissions, 0755U) << "no other bit of the mode";
  proto.mutable_modify_time()->set_nanos(1'000'000'000);
  EXPECT_EQ(FromProto(proto), std::nullopt);
  proto.clear_modify_time();
  EXPECT_EQ(FromProto(proto), std::nullopt);
  EXPECT_EQ(ToProto(FileAttributes{absl::InfiniteFuture(), 0}).modify_time().seconds(),
            253'402'300'799);
}

TEST(ConvertTest, PageSizesHaveADefaultAndAMaximum) {
  EXPECT_EQ(*PageSize(0, 50, 1000), 50);
  EXPECT_EQ(*PageSize(1, 50, 1000), 1);
  EXPECT_EQ(*PageSize(5000, 50, 1000), 1000);
  EXPECT_EQ(GetReason(PageSize(-1, 50, 1000).status()), Reason::kInvalidField);
}

}  // namespace
}  // namespace arkshare
