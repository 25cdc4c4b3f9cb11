#include "lib/rpc/status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/error_details.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "arkshare/v1/types.pb.h"
#include "lib/core/limits.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(StatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK, "the index").ok());
  EXPECT_EQ(ToItemError(absl::OkStatus()).code(), 0);
  EXPECT_TRUE(FromItemError(v1::ItemError()).ok());
}

TEST(StatusTest, TheWaitThatAServerAsksForHasALimit) {
  const auto received = [](absl::Duration wait) {
    return GetRetryAfter(
        FromGrpcStatus(ToGrpcStatus(MakeError(Reason::kQueueFull, "wait", {}, wait)), "the peer"));
  };
  EXPECT_EQ(received(absl::Seconds(int64_t{1} << 62)), std::nullopt) << "no duration of the proto";
  EXPECT_EQ(received(absl::Hours(24 * 365)), kMaxRetryAfter);
  EXPECT_EQ(received(-absl::Seconds(5)), std::nullopt);
}

TEST(StatusTest, TextsAndDetailsOfOthersAreCut) {
  v1::ItemError error;
  error.set_code(5);
  error.set_reason("BOOK_GONE");
  error.set_message(std::string(1'000'000, 'm'));
  for (int i = 0; i < 100; ++i) {
    (*error.mutable_metadata())[std::to_string(i)] = std::string(100'000, 'v');
  }
  const absl::Status status = FromItemError(error);
  EXPECT_EQ(GetReason(status), Reason::kBookGone);
  EXPECT_EQ(status.message().size(), kMaxTextBytes);
  EXPECT_EQ(GetErrorMetadata(status).size(), 16U);
  EXPECT_EQ(GetErrorMetadata(status).begin()->second.size(), kMaxTextBytes);
}

TEST(StatusTest, ANumberThatIsNoCodeIsUnknown) {
  for (const int code : {-1, 17, 1 << 30}) {
    v1::ItemError error;
    error.set_code(code);
    EXPECT_EQ(FromItemError(error).code(), absl::StatusCode::kUnknown) << code;
  }
}

TEST(StatusTest, ReasonMetadataAndRetryTimeCrossTheWire) {
  const absl::Status sent = MakeError(Reason::kQueueFull, "64 others wait", {{"waiters", "64"}},
                                      absl::Milliseconds(1500));
  const grpc::Status wire = ToGrpcStatus(sent);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(wire.error_message(), "64 others wait");

  google::rpc::Status details;
  ASSERT_TRUE(grpc::ExtractErrorDetails(wire, &details).ok());
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "QUEUE_FULL");
  EXPECT_EQ(info.domain(), "arkshare");

  const absl::Status received = FromGrpcStatus(wire, "the peer");
  EXPECT_EQ(received.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetReason(received), Reason::kQueueFull);
  EXPECT_EQ(GetErrorMetadata(received).at("waiters"), "64");
  EXPECT_EQ(GetRetryAfter(received), absl::Milliseconds(1500));
  EXPECT_EQ(Message(received), "64 others wait");
}

TEST(StatusTest, ItemErrorsCarryTheSame) {
  const absl::Status sent =
      MakeError(Reason::kBookMoved, "it moved", {{"moved_to_public_key", "ab"}});
  const v1::ItemError item = ToItemError(sent);
  EXPECT_EQ(item.code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(item.reason(), "BOOK_MOVED");
  const absl::Status received = FromItemError(item);
  EXPECT_EQ(GetReason(received), Reason::kBookMoved);
  EXPECT_EQ(GetErrorMetadata(received).at("moved_to_public_key"), "ab");
  EXPECT_EQ(Message(received), "it moved");
}

TEST(StatusTest, AStatusWithoutAReasonGetsOne) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(grpc::ExtractErrorDetails(ToGrpcStatus(absl::NotFoundError("no")), &details).ok());
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "NOT_FOUND");

  const grpc::Status internal = ToGrpcStatus(absl::UnknownError("odd"));
  EXPECT_EQ(internal.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(GetReason(FromGrpcStatus(internal, "x")), Reason::kInternal);
}

TEST(StatusTest, AnUnknownReasonIsTreatedAsItsCodeSays) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(grpc::StatusCode::NOT_FOUND));
  details.set_message("from the future");
  google::rpc::ErrorInfo info;
  info.set_domain("arkshare");
  info.set_reason("SOMETHING_NEW");
  details.add_details()->PackFrom(info);
  grpc::Status wire;
  ASSERT_TRUE(grpc::SetErrorDetails(details, &wire).ok());
  const absl::Status received = FromGrpcStatus(wire, "the peer");
  EXPECT_EQ(received.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetReason(received), Reason::kUnspecified);
  EXPECT_EQ(Message(received), "from the future");
}

TEST(StatusTest, ConnectionFailuresAreExplained) {
  const struct {
    grpc::StatusCode code;
    const char* raw;
    const char* expected;
  } cases[] = {
      {grpc::StatusCode::UNAVAILABLE,
       "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
       "connect to remote host: Connection refused",
       "nothing listens there"},
      {grpc::StatusCode::UNAVAILABLE, "Socket closed", "the connection broke"},
      {grpc::StatusCode::UNAVAILABLE, "failed to connect: Ssl handshake failed", "TLS"},
      {grpc::StatusCode::UNAVAILABLE,
       "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:1: tcp handshaker "
       "shutdown",
       "drops the packets"},
      {grpc::StatusCode::UNAVAILABLE, "Connection timed out", "drops the packets"},
      {grpc::StatusCode::UNAVAILABLE, "Received http2 header with status: 502", "something else"},
      {grpc::StatusCode::UNAVAILABLE, "DNS resolution failed for x", "name"},
      {grpc::StatusCode::UNAVAILABLE, "something else", "no connection"},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded", "in time"},
  };
  for (const auto& [code, raw, expected] : cases) {
    const absl::Status status = FromGrpcStatus(grpc::Status(code, raw), "the index at 127.0.0.1:1",
                                               Reason::kIndexUnreachable);
    EXPECT_EQ(GetReason(status), Reason::kIndexUnreachable) << raw;
    EXPECT_THAT(Message(status), AllOf(HasSubstr("the index at 127.0.0.1:1"), HasSubstr(expected),
                                       Not(HasSubstr(raw))));
  }
  EXPECT_EQ(FromGrpcStatus(grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED"), "x").code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(FromGrpcStatus(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, ""), "x").code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace arkshare
