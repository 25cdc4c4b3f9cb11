#include "services/peer/web/page_handler.h"

#include <absl/status/statusor.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/struct.pb.h>

#include <functional>
#include <memory>
#include <utility>

#include "lib/core/errors.h"
#include "lib/http/connect_json.h"
#include "lib/http/security_headers.h"
#include "services/peer/web/host_use.h"
#include "services/peer/web/page_caller.h"

namespace arkshare {
namespace {

constexpr absl::string_view kSessionPath = "/session";
constexpr absl::string_view kBooksPath = "/books/";
constexpr absl::string_view kContentPath = "/content/";

bool IsJson(const HttpRequest& request) {
  const std::string* const type = request.Header("content-type");
  return type != nullptr && absl::StartsWith(*type, "application/json");
}

// Other sites may link to the page itself. To a book only the page can, which has its ticket and is
// another site than books are.
bool IsLinkable(const HttpRequest& request) {
  if (request.path() == "/") return true;
  const std::string* const destination = request.Header("sec-fetch-dest");
  return absl::StartsWith(request.path(), kContentPath) && destination != nullptr &&
         *destination == "document";
}

HttpResponse NotAllowed(const std::string& allowed) {
  HttpResponse response = ConnectErrorResponse(
      MakeError(Reason::kInvalidField, absl::StrCat("only ", allowed, " is allowed here")), 405);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

// Passes a body on, and lets a function change the answer.
class FinishingSink : public BodySink {
 public:
  FinishingSink(std::unique_ptr<BodySink> sink, std::function<HttpResponse(HttpResponse)> finish)
      : sink_(std::move(sink)), finish_(std::move(finish)) {}
  bool Write(absl::string_view bytes) override { return sink_->Write(bytes); }
  HttpResponse End() override { return finish_(sink_->End()); }

 private:
  const std::unique_ptr<BodySink> sink_;
  const std::function<HttpResponse(HttpResponse)> finish_;
};

std::optional<HttpResponse> CheckSessionRequest(const HttpRequest& request) {
  if (request.method == "DELETE") return std::nullopt;
  if (request.method != "POST") return NotAllowed("POST, DELETE");
  if (IsJson(request)) return std::nullopt;
  return ConnectErrorResponse(
      MakeError(Reason::kInvalidField, "the content type must be application/json"), 415);
}

}  // namespace

std::optional<HttpResponse> PageHandler::Check(const HttpRequest& request) {
  std::optional<HttpResponse> refusal = Refuse(request);
  if (!refusal.has_value()) return std::nullopt;
  return Finish(*std::move(refusal));
}

std::variant<std::unique_ptr<BodySink>, HttpResponse> PageHandler::TakeBody(
    const HttpRequest& request) {
  absl::string_view name = request.path();
  if (!absl::ConsumePrefix(&name, kBooksPath)) return std::unique_ptr<BodySink>();
  auto body = parts_.books->Add(name, request);
  if (auto* const refusal = std::get_if<HttpResponse>(&body)) return Finish(std::move(*refusal));
  // Its answer is not finished by this class.
  return std::unique_ptr<BodySink>(std::make_unique<FinishingSink>(
      std::get<std::unique_ptr<BodySink>>(std::move(body)),
      [this](HttpResponse response) { return Finish(std::move(response)); }));
}

HttpResponse PageHandler::Handle(const HttpRequest& request) { return Finish(Answer(request)); }

HttpResponse PageHandler::Finish(HttpResponse response) const {
  AddSecurityHeaders(response);
  response.headers.emplace_back("Arkshare-Boot-Id", boot_id_);
  return response;
}

std::optional<HttpResponse> PageHandler::Refuse(const HttpRequest& request) {
  if (std::optional<HttpResponse> refusal = origin_.Check(request, IsLinkable(request))) {
    return refusal;
  }
  if (std::optional<HttpResponse> refusal = CheckHostUse(request)) return refusal;
  if (request.path() == kSessionPath) return CheckSessionRequest(request);
  if (absl::StartsWith(request.path(), kBooksPath)) {
    return request.method == "PUT" ? CheckToken(request) : NotAllowed("PUT");
  }
  if (absl::StartsWith(request.path(), kContentPath)) {
    const bool read = request.method == "GET" || request.method == "HEAD";
    return read ? std::nullopt : std::make_optional(NotAllowed("GET, HEAD"));
  }
  if (!IsConnectPath(request.path())) return std::nullopt;
  if (std::optional<HttpResponse> refusal = parts_.bridge->Check(request)) return refusal;
  return CheckToken(request);
}

std::optional<HttpResponse> PageHandler::CheckHostUse(const HttpRequest& request) const {
  const std::string& host = *request.Header("host");  // OriginCheck has seen it
  const bool is_book = absl::StartsWith(request.path(), kContentPath);
  switch (UseOfHost(host)) {
    case HostUse::kPage:
      if (is_book) return RefuseBookAtPageHost(host);
      break;
    case HostUse::kBooks:
      if (!is_book) return AnswerAtBooksHost(request, host, page_ip_);
      break;
    case HostUse::kBoth:
      break;
  }
  return std::nullopt;
}

std::optional<HttpResponse> PageHandler::CheckToken(const HttpRequest& request) const {
  const absl::StatusOr<std::string> session =
      parts_.sessions->Find(request.Header("authorization"));
  if (!session.ok()) return ConnectErrorResponse(session.status());
  return std::nullopt;
}

HttpResponse PageHandler::Answer(const HttpRequest& request) {
  if (request.path() == kSessionPath) {
    return request.method == "POST" ? SignIn(request) : SignOut(request);
  }
  if (IsConnectPath(request.path())) return Call(request);
  absl::string_view content = request.path();
  if (absl::ConsumePrefix(&content, kContentPath)) {
    return parts_.books->Read(std::string(content.substr(0, content.find('/'))), request);
  }
  return parts_.files->Get(request);
}

HttpResponse PageHandler::SignIn(const HttpRequest& request) {
  google::protobuf::Struct body;
  if (absl::Status s = FromJson(request.body, &body); !s.ok()) return ConnectErrorResponse(s);
  const std::string* const browser = request.Header("user-agent");
  const absl::StatusOr<PageSessions::SignedIn> session = parts_.sessions->SignIn(
      body.fields().contains("code") ? body.fields().at("code").string_value() : "",
      browser == nullptr ? "" : *browser);
  if (!session.ok()) return ConnectErrorResponse(session.status());
  google::protobuf::Struct answer;
  auto& fields = *answer.mutable_fields();
  fields["token"].set_string_value(session->token);
  fields["bootId"].set_string_value(boot_id_);
  fields["sessionId"].set_string_value(absl::Base64Escape(session->session_id));
  HttpResponse response;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = ToJson(answer).value_or("{}");
  return response;
}

HttpResponse PageHandler::SignOut(const HttpRequest& request) {
  const absl::StatusOr<std::string> session =
      parts_.sessions->Find(request.Header("authorization"));
  if (session.ok()) parts_.sessions->End(*session);
  if (GetReason(session.status()) == Reason::kLimitExceeded) {
    return ConnectErrorResponse(session.status());
  }
  return HttpResponse{.status = 204, .headers = {{"Cache-Control", "no-store"}}};
}

HttpResponse PageHandler::Call(const HttpRequest& request) {
  const absl::StatusOr<std::string> session =
      parts_.sessions->Find(request.Header("authorization"));
  if (!session.ok()) return ConnectErrorResponse(session.status());
  ConnectBridge::Caller caller;
  caller.name = *session;
  caller.metadata = {{kPageSessionKey, absl::BytesToHexString(*session)}};
  caller.allowed = [sessions = parts_.sessions, id = *session] { return sessions->IsLive(id); };
  return parts_.bridge->Call(request, caller);
}

}  // namespace arkshare
