#include "lib/http/connect_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/rpc/status.pb.h>
#include <gtest/gtest.h>

#include "arkshare/v1/peer.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

google::protobuf::Struct Parse(const std::string& json) {
  google::protobuf::Struct fields;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &fields).ok()) << json;
  return fields;
}

// https://connectrpc.com/docs/protocol#error-codes
TEST(ConnectJsonTest, EveryCodeHasItsNameAndItsHttpStatus) {
  const struct {
    grpc::StatusCode code;
    const char* name;
    int status;
  } kCases[] = {
      {grpc::StatusCode::CANCELLED, "canceled", 499},
      {grpc::StatusCode::UNKNOWN, "unknown", 500},
      {grpc::StatusCode::INVALID_ARGUMENT, "invalid_argument", 400},
      {grpc::StatusCode::DEADLINE_EXCEEDED, "deadline_exceeded", 504},
      {grpc::StatusCode::NOT_FOUND, "not_found", 404},
      {grpc::StatusCode::ALREADY_EXISTS, "already_exists", 409},
      {grpc::StatusCode::PERMISSION_DENIED, "permission_denied", 403},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, "resource_exhausted", 429},
      {grpc::StatusCode::FAILED_PRECONDITION, "failed_precondition", 400},
      {grpc::StatusCode::ABORTED, "aborted", 409},
      {grpc::StatusCode::OUT_OF_RANGE, "out_of_range", 400},
      {grpc::StatusCode::UNIMPLEMENTED, "unimplemented", 501},
      {grpc::StatusCode::INTERNAL, "internal", 500},
      {grpc::StatusCode::UNAVAILABLE, "unavailable", 503},
      {grpc::StatusCode::DATA_LOSS, "data_loss", 500},
      {grpc::StatusCode::UNAUTHENTICATED, "unauthenticated", 401},
      {grpc::StatusCode::DO_NOT_USE, "unknown", 500},  // none of the above
  };
  for (const auto& [code, name, status] : kCases) {
    const grpc::Status error(code, "why");
    EXPECT_EQ(ConnectHttpStatus(code), status);
    const google::protobuf::Struct json = Parse(ConnectErrorJson(error));
    EXPECT_EQ(json.fields().at("code").string_value(), name);
    EXPECT_EQ(json.fields().at("message").string_value(), "why");
    EXPECT_EQ(json.fields().count("details"), 0u);
  }
}

TEST(ConnectJsonTest, AnErrorTellsItsReasonAndHowLongToWait) {
  const absl::Status error =
      MakeError(Reason::kQueueFull, "full; wait", {{"peer_id", "4"}}, absl::Milliseconds(2500));
  const HttpResponse response = ConnectErrorResponse(error);
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.headers, testing::Contains(testing::Pair("Retry-After", "3")));
  const google::protobuf::Struct json = Parse(response.body);
  const auto& details = json.fields().at("details").list_value();
  ASSERT_EQ(details.values_size(), 2);
  const auto& info = details.values(0).struct_value().fields();
  EXPECT_EQ(info.at("type").string_value(), "google.rpc.ErrorInfo");
  EXPECT_THAT(info.at("value").string_value(), Not(HasSubstr("=")));
  const auto& debug = info.at("debug").struct_value().fields();
  EXPECT_EQ(debug.at("reason").string_value(), "QUEUE_FULL");
  EXPECT_EQ(debug.at("domain").string_value(), "arkshare");
  EXPECT_EQ(debug.at("metadata").struct_value().fields().at("peer_id").string_value(), "4");
  const auto& retry = details.values(1).struct_value().fields();
  EXPECT_EQ(retry.at("type").string_value(), "google.rpc.RetryInfo");
  EXPECT_EQ(retry.at("debug").struct_value().fields().at("retryDelay").string_value(), "2.500s");
}

TEST(ConnectJsonTest, ADetailOfAnotherKindKeepsItsTypeAndItsBytes) {
  google::rpc::Status all;
  all.add_details()->set_type_url("type.example.org/a.b.Other");
  all.mutable_details(0)->set_value("\1\2\3\4");
  const google::protobuf::Struct json =
      Parse(ConnectErrorJson({grpc::StatusCode::NOT_FOUND, "none", all.SerializeAsString()}));
  const auto& detail = json.fields().at("details").list_value().values(0).struct_value().fields();
  EXPECT_EQ(detail.at("type").string_value(), "a.b.Other");
  EXPECT_EQ(detail.at("value").string_value(), "AQIDBA");
  EXPECT_EQ(detail.count("debug"), 0u);
}

TEST(ConnectJsonTest, AMessageThatIsNoTextIsNotSentAsJson) {
  const std::string json =
      ConnectErrorJson(grpc::Status(grpc::StatusCode::INTERNAL, "\xff\xfe is no UTF-8"));
  EXPECT_EQ(Parse(json).fields().at("code").string_value(), "internal");
}

TEST(ConnectJsonTest, MessagesAreProto3Json) {
  v1::Transfer transfer;
  transfer.set_transfer_id("\x01\x02\xff");
  transfer.set_bytes_done(9'007'199'254'740'993);
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.mutable_start_time()->set_seconds(1);
  const std::string json = ToJson(transfer).value();
  EXPECT_EQ(json, R"({"transferId":"AQL/","state":"TRANSFER_STATE_DONE",)"
                  R"("bytesDone":"9007199254740993","startTime":"1970-01-01T00:00:01Z"})");
  v1::Transfer back;
  ASSERT_TRUE(FromJson(json, &back).ok());
  EXPECT_EQ(back.SerializeAsString(), transfer.SerializeAsString());
  transfer.mutable_start_time()->set_seconds(1'000'000'000'000);
  EXPECT_EQ(ToJson(transfer).status().code(), absl::StatusCode::kInternal);
}

TEST(ConnectJsonTest, BadJsonIsRefusedAndUnknownFieldsAreNot) {
  v1::ListLibraryRequest request;
  EXPECT_TRUE(FromJson(R"({"pageSize":7,"no_such_field":[1]})", &request).ok());
  EXPECT_EQ(request.page_size(), 7);
  request.Clear();
  EXPECT_TRUE(FromJson(R"({"page_size":"8"})", &request).ok());
  EXPECT_EQ(request.page_size(), 8);
  std::string deep(10'000, '[');
  for (const std::string& json :
       {std::string(""), std::string("{"), std::string("[]"), std::string(R"({"pageSize":"x"})"),
        std::string(R"({"pageSize":3000000000})"), std::string("{\"name\":\"\xff\"}"),
        R"({"no_such_field":)" + deep}) {
    request.Clear();
    EXPECT_EQ(GetReason(FromJson(json, &request)), Reason::kInvalidField) << json.substr(0, 40);
  }
}

TEST(ConnectJsonTest, EnvelopesHaveTheirLength) {
  const std::string message = ConnectMessage(R"({"a":1})");
  EXPECT_EQ(message, std::string("\0\0\0\0\7{\"a\":1}", 12));
  EXPECT_EQ(ReadEnvelope(message).value(), R"({"a":1})");
  EXPECT_EQ(ConnectEnd(grpc::Status::OK), std::string("\2\0\0\0\2{}", 7));
  const std::string end = ConnectEnd(grpc::Status(grpc::StatusCode::ABORTED, "over"));
  EXPECT_EQ(end[0], 2);
  EXPECT_EQ(
      Parse(end.substr(5)).fields().at("error").struct_value().fields().at("code").string_value(),
      "aborted");
  EXPECT_EQ(ConnectMessage(std::string(70'000, 'x')).substr(0, 5),
            std::string("\0\0\1\x11\x70", 5));
}

TEST(ConnectJsonTest, ABrokenEnvelopeIsRefused) {
  for (const std::string& body :
       {std::string(""), std::string("\0\0\0\0", 4), std::string("\0\0\0\0\3{}", 7),
        std::string("\0\0\0\0\1{}", 7), std::string("\1\0\0\0\2{}", 7),
        std::string("\2\0\0\0\2{}", 7), std::string("\0\xff\xff\xff\xff{}", 7), std::string("{}"),
        std::string("\0\0\0\0\2{}\0\0\0\0\2{}", 14)}) {
    EXPECT_EQ(GetReason(ReadEnvelope(body).status()), Reason::kInvalidField);
  }
  EXPECT_EQ(ReadEnvelope(std::string(5, '\0')).value(), "") << "an empty message";
}

}  // namespace
}  // namespace arkshare
