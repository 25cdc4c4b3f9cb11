#include "lib/http/connect_call.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <utility>

#include "lib/core/errors.h"
#include "lib/http/connect_json.h"

namespace arkshare {
namespace {

constexpr absl::string_view kPathPrefix = "/arkshare.v1.";
constexpr absl::string_view kUnaryType = "application/json";
constexpr absl::string_view kStreamType = "application/connect+json";
constexpr size_t kMaxTimeoutDigits = 10;  // of the protocol

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Returns the type without its parameters, in lower case.
std::string MediaTypeOf(const HttpRequest& request) {
  const std::string* const header = request.Header("content-type");
  if (header == nullptr) return "";
  const absl::string_view type = absl::string_view(*header).substr(0, header->find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(type));
}

HttpResponse Refuse(Reason reason, absl::string_view message, int status,
                    HttpHeaders headers = {}) {
  HttpResponse response = ConnectErrorResponse(MakeError(reason, message), status);
  for (auto& header : headers) response.headers.push_back(std::move(header));
  return response;
}

HttpResponse NoSuchCall(absl::string_view path) {
  return ConnectErrorResponse(
      absl::UnimplementedError(absl::StrCat("there is no call ", path, " here")), 404);
}

// Returns why a request is not of the protocol; nullopt when it is.
std::optional<HttpResponse> CheckProtocol(const HttpRequest& request, bool streams) {
  if (request.method != "POST") {
    return Refuse(Reason::kInvalidField, "a call is a POST", 405, {{"Allow", "POST"}});
  }
  const absl::string_view type = streams ? kStreamType : kUnaryType;
  if (MediaTypeOf(request) != type) {
    return Refuse(Reason::kInvalidField,
                  absl::StrCat("this call takes the content type ", type, " only"), 415,
                  {{"Accept-Post", std::string(type)}});
  }
  const std::string* const version = request.Header("connect-protocol-version");
  if (version != nullptr && *version != "1") {
    return Refuse(Reason::kInvalidField, "of the Connect protocol, only version 1 is known", 400);
  }
  for (absl::string_view name : {"content-encoding", "connect-content-encoding"}) {
    const std::string* const encoding = request.Header(name);
    if (encoding != nullptr && !absl::EqualsIgnoreCase(*encoding, "identity")) {
      return ConnectErrorResponse(
          absl::UnimplementedError("no compression is understood here; send the body as it is"));
    }
  }
  const std::string* const timeout = request.Header("connect-timeout-ms");
  if (timeout != nullptr && !ConnectTimeout(request).has_value()) {
    return Refuse(Reason::kInvalidField, "Connect-Timeout-Ms must have 1 to 10 digits", 400);
  }
  return std::nullopt;
}

}  // namespace

bool IsConnectPath(absl::string_view path) { return absl::StartsWith(path, kPathPrefix); }

std::variant<const google::protobuf::MethodDescriptor*, HttpResponse> FindConnectMethod(
    const HttpRequest& request, const std::vector<ConnectService>& services) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripPrefix(request.path(), "/"), '/');
  if (parts.size() != 2) return NoSuchCall(request.path());
  const auto* const pool = google::protobuf::DescriptorPool::generated_pool();
  const google::protobuf::ServiceDescriptor* const found =
      pool->FindServiceByName(std::string(parts[0]));
  const google::protobuf::MethodDescriptor* const method =
      found == nullptr ? nullptr : found->FindMethodByName(std::string(parts[1]));
  if (method == nullptr) return NoSuchCall(request.path());
  const auto service = std::find_if(services.begin(), services.end(),
                                    [&](const ConnectService& s) { return s.name == parts[0]; });
  if (service == services.end() || Contains(service->never, parts[1]) ||
      (!service->only.empty() && !Contains(service->only, parts[1]))) {
    return Refuse(Reason::kNotFromAPage,
                  absl::StrCat(parts[1], " cannot be called through a page; use arkshare-cli"),
                  403);
  }
  if (method->client_streaming()) {
    return ConnectErrorResponse(
        absl::UnimplementedError("a call with many requests cannot come through a page"));
  }
  if (std::optional<HttpResponse> refusal = CheckProtocol(request, method->server_streaming())) {
    return *std::move(refusal);
  }
  return method;
}

absl::StatusOr<std::unique_ptr<google::protobuf::Message>> ReadConnectRequest(
    const HttpRequest& request, const google::protobuf::MethodDescriptor& method) {
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(method.input_type())
          ->New());
  absl::StatusOr<std::string> json = request.body;
  if (method.server_streaming()) json = ReadEnvelope(request.body);
  if (!json.ok()) return json.status();
  if (absl::Status s = FromJson(*json, message.get()); !s.ok()) return s;
  return message;
}

std::optional<absl::Duration> ConnectTimeout(const HttpRequest& request) {
  const std::string* const text = request.Header("connect-timeout-ms");
  int64_t milliseconds = 0;
  if (text == nullptr || text->size() > kMaxTimeoutDigits ||
      !std::all_of(text->begin(), text->end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(*text, &milliseconds)) {
    return std::nullopt;
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace arkshare
