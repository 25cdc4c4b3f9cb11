#include "lib/http/connect_json.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/error_details.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using google::protobuf::util::JsonParseOptions;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;

constexpr size_t kHeaderBytes = 5;
constexpr char kMessageFlag = 0x00;
constexpr char kCompressedFlag = 0x01;
constexpr char kEndFlag = 0x02;

// In the order of the codes of gRPC, which are 0 to 16.
constexpr struct {
  const char* name;
  int http_status;
} kCodes[] = {
    {"", 200},
    {"canceled", 499},
    {"unknown", 500},
    {"invalid_argument", 400},
    {"deadline_exceeded", 504},
    {"not_found", 404},
    {"already_exists", 409},
    {"permission_denied", 403},
    {"resource_exhausted", 429},
    {"failed_precondition", 400},
    {"aborted", 409},
    {"out_of_range", 400},
    {"unimplemented", 501},
    {"internal", 500},
    {"unavailable", 503},
    {"data_loss", 500},
    {"unauthenticated", 401},
};

size_t Row(grpc::StatusCode code) {
  const auto row = static_cast<size_t>(code);
  return row < std::size(kCodes) ? row : static_cast<size_t>(grpc::StatusCode::UNKNOWN);
}

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!grpc::ExtractErrorDetails(status, &details).ok()) details.Clear();
  return details;
}

// Returns the fields of a detail, for people and pages; nullopt when it is no such detail.
template <typename Detail>
std::optional<google::protobuf::Struct> FieldsOf(const google::protobuf::Any& any) {
  Detail detail;
  std::string json;
  google::protobuf::Struct fields;
  if (!any.UnpackTo(&detail) || !MessageToJsonString(detail, &json).ok() ||
      !JsonStringToMessage(json, &fields).ok()) {
    return std::nullopt;
  }
  return fields;
}

// Returns a detail with its bytes, for programs, and its fields where they are known here.
google::protobuf::Struct Describe(const google::protobuf::Any& any) {
  const absl::string_view url = any.type_url();
  google::protobuf::Struct described;
  auto& members = *described.mutable_fields();
  members["type"].set_string_value(std::string(url.substr(url.rfind('/') + 1)));
  members["value"].set_string_value(
      std::string(absl::StripSuffix(absl::StripSuffix(absl::Base64Escape(any.value()), "="), "=")));
  std::optional<google::protobuf::Struct> fields = FieldsOf<google::rpc::ErrorInfo>(any);
  if (!fields.has_value()) fields = FieldsOf<google::rpc::RetryInfo>(any);
  if (fields.has_value()) *members["debug"].mutable_struct_value() = *std::move(fields);
  return described;
}

google::protobuf::Struct ErrorStruct(const grpc::Status& status) {
  google::protobuf::Struct error;
  if (status.ok()) return error;
  auto& members = *error.mutable_fields();
  members["code"].set_string_value(kCodes[Row(status.error_code())].name);
  members["message"].set_string_value(status.error_message());
  const google::rpc::Status all = DetailsOf(status);
  for (const google::protobuf::Any& any : all.details()) {
    *members["details"].mutable_list_value()->add_values()->mutable_struct_value() = Describe(any);
  }
  return error;
}

// Text of another program may be no UTF-8, which JSON cannot have.
std::string StructJson(const google::protobuf::Struct& fields) {
  std::string json;
  if (MessageToJsonString(fields, &json).ok()) return json;
  return R"({"code":"internal","message":"the error cannot be written as JSON"})";
}

std::optional<int64_t> RetrySeconds(const grpc::Status& status) {
  const google::rpc::Status all = DetailsOf(status);
  for (const google::protobuf::Any& any : all.details()) {
    google::rpc::RetryInfo retry;
    if (!any.UnpackTo(&retry)) continue;
    return retry.retry_delay().seconds() + (retry.retry_delay().nanos() > 0 ? 1 : 0);
  }
  return std::nullopt;
}

std::string Envelope(char flag, absl::string_view json) {
  std::string bytes(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((json.size() >> shift) & 0xff));
  }
  bytes.append(json.data(), json.size());
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status = MessageToJsonString(message, &json);
  if (status.ok()) return json;
  return MakeError(Reason::kInternal, absl::StrCat("the answer cannot be written as JSON: ",
                                                   absl::string_view(status.message().data(),
                                                                     status.message().size())));
}

absl::Status FromJson(absl::string_view json, google::protobuf::Message* message) {
  JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = JsonStringToMessage({json.data(), json.size()}, message, options);
  if (status.ok()) return absl::OkStatus();
  return MakeError(
      Reason::kInvalidField,
      absl::StrCat(
          "the body is not the JSON of a ", message->GetDescriptor()->name(), ": ",
          absl::CHexEscape(absl::string_view(status.message().data(), status.message().size()))));
}

std::string ConnectErrorJson(const grpc::Status& status) { return StructJson(ErrorStruct(status)); }

int ConnectHttpStatus(grpc::StatusCode code) { return kCodes[Row(code)].http_status; }

HttpResponse ConnectErrorResponse(const grpc::Status& error, int status) {
  HttpResponse response;
  response.status = status != 0 ? status : ConnectHttpStatus(error.error_code());
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  if (const std::optional<int64_t> seconds = RetrySeconds(error)) {
    response.headers.emplace_back("Retry-After", absl::StrCat(*seconds));
  }
  response.body = ConnectErrorJson(error);
  return response;
}

HttpResponse ConnectErrorResponse(const absl::Status& error, int status) {
  return ConnectErrorResponse(ToGrpcStatus(error), status);
}

std::string ConnectMessage(absl::string_view json) { return Envelope(kMessageFlag, json); }

std::string ConnectEnd(const grpc::Status& status) {
  google::protobuf::Struct end;
  if (!status.ok()) {
    *(*end.mutable_fields())["error"].mutable_struct_value() = ErrorStruct(status);
  }
  return Envelope(kEndFlag, StructJson(end));
}

absl::StatusOr<std::string> ReadEnvelope(absl::string_view body) {
  if (body.size() < kHeaderBytes) {
    return MakeError(Reason::kInvalidField,
                     "the body is no envelope; send five bytes (0, and the length) and JSON");
  }
  if (body[0] == kCompressedFlag) {
    return MakeError(Reason::kInvalidField, "the message is compressed; send it as it is");
  }
  uint32_t size = 0;
  for (size_t i = 1; i < kHeaderBytes; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
  if (body[0] != kMessageFlag || size != body.size() - kHeaderBytes) {
    return MakeError(Reason::kInvalidField,
                     "the body is not one envelope: its flags or its length do not fit");
  }
  return std::string(body.substr(kHeaderBytes));
}

}  // namespace arkshare
