// The bridge in front of a real gRPC server, over HTTP.
#include "lib/http/connect_bridge.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <optional>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/errors.h"
#include "lib/http/connect_json.h"
#include "lib/http/server.h"
#include "lib/http/testing/raw_client.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;

constexpr char kJson[] = "Content-Type: application/json";
constexpr char kStream[] = "Content-Type: application/connect+json";

class FakeService : public v1::PeerService::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_peer_id(5);
    response->set_book_bytes(9'007'199'254'740'993);
    const auto session = context->client_metadata().find("page-session");
    if (session != context->client_metadata().end()) {
      response->set_trouble(std::string(session->second.data(), session->second.size()));
    }
    return grpc::Status::OK;
  }
  grpc::Status ListLibrary(grpc::ServerContext*, const v1::ListLibraryRequest* request,
                           v1::ListLibraryResponse* response) override {
    if (request->page_token() == "bad") {
      return ToGrpcStatus(MakeError(Reason::kPageTokenInvalid, "start again", {{"at", "page"}}));
    }
    for (int i = 0; i < request->page_size(); ++i) {
      response->add_entries()->set_name(absl::StrCat(request->name(), i));
    }
    return grpc::Status::OK;
  }
  grpc::Status KeepTransfer(grpc::ServerContext* context, const v1::KeepTransferRequest*,
                            v1::KeepTransferResponse*) override {
    return WaitForCancel(context);
  }
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) override {
    for (int i = 0; i < request->wishes_size(); ++i) {
      v1::FetchManyResponse response;
      response.add_updates()->mutable_transfer()->set_name(request->wishes(i).name());
      writer->Write(response);
    }
    if (request->wishes_size() == 0) return ToGrpcStatus(MakeError(Reason::kInvalidField, "none"));
    if (request->wishes(0).name() == "wait") return WaitForCancel(context);
    return grpc::Status::OK;
  }
  void AwaitCancel() { cancelled_.WaitForNotification(); }

 private:
  grpc::Status WaitForCancel(grpc::ServerContext* context) {
    while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    cancelled_.Notify();
    return grpc::Status::CANCELLED;
  }

  absl::Notification cancelled_;
};

// Lets every call through to the bridge.
class CallHandler : public HttpHandler {
 public:
  explicit CallHandler(ConnectBridge* bridge) : bridge_(*bridge) {}
  std::optional<HttpResponse> Check(const HttpRequest& request) override {
    return bridge_.Check(request);
  }
  HttpResponse Handle(const HttpRequest& request) override {
    return bridge_.Call(request, {.name = "ada", .metadata = {{"page-session", "s1"}}});
  }
  void Stop() override { bridge_.Stop(); }

 private:
  ConnectBridge& bridge_;
};

class ConnectBridgeTest : public testing::Test {
 protected:
  ConnectBridgeTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    grpc_ = builder.BuildAndStart();
    Start(absl::Seconds(10));
  }
  ~ConnectBridgeTest() override { http_.reset(); }

  void Start(absl::Duration quiet) {
    http_.reset();
    std::vector<ConnectBridge::Target> targets;
    targets.push_back(
        {.service = {.name = "arkshare.v1.PeerService", .never = {"Share"}},
         .channel = [this] { return grpc_->InProcessChannel(grpc::ChannelArguments()); }});
    targets.push_back({.service = {.name = "arkshare.v1.IndexService", .only = {"Search"}},
                       .channel =
                           [] {
                             return grpc::CreateChannel("unix:/nowhere/index.sock",
                                                        grpc::InsecureChannelCredentials());
                           },
                       .timeout = absl::Seconds(5),
                       .explain =
                           [](const grpc::Status& status) {
                             return ToGrpcStatus(FromGrpcStatus(status, "the index at nowhere",
                                                                Reason::kIndexUnreachable));
                           }});
    bridge_ = std::make_unique<ConnectBridge>(std::move(targets), quiet);
    handler_ = std::make_unique<CallHandler>(bridge_.get());
    http_ = HttpServer::Start({.listen = "127.0.0.1:0"}, handler_.get()).value();
  }
  RawAnswer Call(const std::string& method, const std::string& body,
                 std::vector<std::string> headers = {kJson}) {
    return Ask(http_->address(), "POST", absl::StrCat("/arkshare.v1.PeerService/", method),
               std::move(headers), body);
  }
  // Begins a stream and reads its headers.
  std::unique_ptr<RawClient> Open(const std::string& json) {
    auto client = std::make_unique<RawClient>(http_->address());
    const std::string body = ConnectMessage(json);
    client->Send(absl::StrCat("POST /arkshare.v1.PeerService/FetchMany HTTP/1.1\r\nHost: h\r\n",
                              kStream, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
    EXPECT_THAT(client->ReadUntil("\r\n\r\n"), HasSubstr("200 OK"));
    return client;
  }

  FakeService service_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<ConnectBridge> bridge_;
  std::unique_ptr<CallHandler> handler_;
  std::unique_ptr<HttpServer> http_;
};

TEST_F(ConnectBridgeTest, AUnaryCallIsJsonBothWays) {
  const RawAnswer answer = Call("GetStatus", "{}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Content-Type"), "application/json");
  EXPECT_EQ(answer.Header("Cache-Control"), "no-store");
  EXPECT_EQ(answer.body, R"({"peerId":5,"trouble":"s1","bookBytes":"9007199254740993"})");
  EXPECT_EQ(Call("ListLibrary", R"({"name":"ä","page_size":2})",
                 {"Content-Type: application/json; charset=utf-8", "Connect-Protocol-Version: 1",
                  "Connect-Timeout-Ms: 10000"})
                .body,
            R"({"entries":[{"name":"ä0"},{"name":"ä1"}]})");
}

TEST_F(ConnectBridgeTest, ALargeAnswerIsWhole) {
  const RawAnswer answer =
      Call("ListLibrary", R"({"name":"a long name of a book ","pageSize":9000})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, testing::EndsWith(R"({"name":"a long name of a book 8999"}]})"));
}

TEST_F(ConnectBridgeTest, AnErrorKeepsItsReason) {
  const RawAnswer answer = Call("ListLibrary", R"({"pageToken":"bad"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"invalid_argument")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("reason":"PAGE_TOKEN_INVALID")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("metadata":{"at":"page"})"));
}

TEST_F(ConnectBridgeTest, WhatIsNoCallIsRefused) {
  const struct {
    const char* what;
    const char* method;
    const char* target;
    std::vector<std::string> headers;
    std::string body;
    int status;
  } kCases[] = {
      {"a GET", "GET", "/arkshare.v1.PeerService/GetStatus", {}, "", 405},
      {"a form",
       "POST",
       "/arkshare.v1.PeerService/GetStatus",
       {"Content-Type: text/plain"},
       "{}",
       415},
      {"no type", "POST", "/arkshare.v1.PeerService/GetStatus", {}, "{}", 415},
      {"a stream's type", "POST", "/arkshare.v1.PeerService/GetStatus", {kStream}, "{}", 415},
      {"a stream as unary", "POST", "/arkshare.v1.PeerService/FetchMany", {kJson}, "{}", 415},
      {"binary",
       "POST",
       "/arkshare.v1.PeerService/GetStatus",
       {"Content-Type: application/proto"},
       "",
       415},
      {"an unknown call", "POST", "/arkshare.v1.PeerService/Nothing", {kJson}, "{}", 404},
      {"an unknown service", "POST", "/arkshare.v1.Nothing/GetStatus", {kJson}, "{}", 404},
      {"a longer path", "POST", "/arkshare.v1.PeerService/GetStatus/", {kJson}, "{}", 404},
      {"no call", "POST", "/arkshare.v1.PeerService", {kJson}, "{}", 404},
      {"another case", "POST", "/arkshare.v1.PeerService/getStatus", {kJson}, "{}", 404},
      {"never through a page", "POST", "/arkshare.v1.PeerService/Share", {kJson}, "{}", 403},
      {"not among the few", "POST", "/arkshare.v1.IndexService/Register", {kJson}, "{}", 403},
      {"a service of other peers", "POST", "/arkshare.v1.FileService/Ping", {kJson}, "{}", 403},
      {"health", "POST", "/grpc.health.v1.Health/Check", {kJson}, "{}", 403},
      {"another version",
       "POST",
       "/arkshare.v1.PeerService/GetStatus",
       {kJson, "Connect-Protocol-Version: 2"},
       "{}",
       400},
      {"a timeout in words",
       "POST",
       "/arkshare.v1.PeerService/GetStatus",
       {kJson, "Connect-Timeout-Ms: soon"},
       "{}",
       400},
      {"gzip",
       "POST",
       "/arkshare.v1.PeerService/GetStatus",
       {kJson, "Content-Encoding: gzip"},
       "{}",
       501},
      {"no JSON", "POST", "/arkshare.v1.PeerService/GetStatus", {kJson}, "peer", 400},
      {"no body", "POST", "/arkshare.v1.PeerService/GetStatus", {kJson}, "", 400},
  };
  for (const auto& [what, method, target, headers, body, status] : kCases) {
    const RawAnswer answer = Ask(http_->address(), method, target, headers, body);
    EXPECT_EQ(answer.status, status) << what << ": " << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("code":")")) << what;
  }
}

TEST_F(ConnectBridgeTest, AStreamIsEnvelopesAndAnEnd) {
  const std::vector<std::string> headers = {kStream};
  EXPECT_EQ(
      Call("FetchMany", ConnectMessage(R"({"wishes":[{"name":"a"},{"name":"b"}]})"), headers).body,
      absl::StrCat(ConnectMessage(R"({"updates":[{"transfer":{"name":"a"}}]})"),
                   ConnectMessage(R"({"updates":[{"transfer":{"name":"b"}}]})"),
                   ConnectEnd(grpc::Status::OK)));
  const RawAnswer error = Call("FetchMany", ConnectMessage("{}"), headers);
  EXPECT_EQ(error.status, 200) << "the status of a stream is in its end";
  EXPECT_EQ(error.Header("Content-Type"), "application/connect+json");
  EXPECT_EQ(error.body[0], 2);
  EXPECT_THAT(error.body, HasSubstr(R"("reason":"INVALID_FIELD")"));
  EXPECT_EQ(Call("FetchMany", "{}", headers).status, 400) << "no envelope";
}

TEST_F(ConnectBridgeTest, AQuietStreamSaysThatItLives) {
  Start(absl::Milliseconds(20));
  const std::unique_ptr<RawClient> client = Open(R"({"wishes":[{"name":"wait"}]})");
  const std::string first = ConnectMessage(R"({"updates":[{"transfer":{"name":"wait"}}]})");
  EXPECT_THAT(client->ReadUntil("}]}\r\n"), HasSubstr(first));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client->ReadUntil("{}\r\n"), absl::StrCat("7\r\n", ConnectMessage("{}"), "\r\n"));
  }
}

TEST_F(ConnectBridgeTest, ACallEndsWithItsBrowser) {
  std::unique_ptr<RawClient> client = Open(R"({"wishes":[{"name":"wait"}]})");
  client->ReadUntil("}]}\r\n");
  client.reset();
  service_.AwaitCancel();
}

TEST_F(ConnectBridgeTest, AUnaryCallEndsWithItsBrowser) {
  {
    RawClient client(http_->address());
    client.Send(absl::StrCat("POST /arkshare.v1.PeerService/KeepTransfer HTTP/1.1\r\nHost: h\r\n",
                             kJson, "\r\nContent-Length: 2\r\n\r\n{}"));
  }
  service_.AwaitCancel();
}

TEST_F(ConnectBridgeTest, TheCallsOfOneCallerCanBeEnded) {
  const std::unique_ptr<RawClient> client = Open(R"({"wishes":[{"name":"wait"}]})");
  client->ReadUntil("}]}\r\n");
  bridge_->EndCalls("bob");
  bridge_->EndCalls("ada");
  EXPECT_THAT(client->ReadUntil("0\r\n\r\n"), HasSubstr(R"("code":"canceled")"));
}

TEST_F(ConnectBridgeTest, ACallerThatMayNotAnyMoreGetsNothing) {
  HttpRequest request{
      .method = "POST", .version = "HTTP/1.1", .target = "/arkshare.v1.PeerService/GetStatus"};
  request.headers = {{"content-type", "application/json"}};
  request.body = "{}";
  const HttpResponse response =
      bridge_->Call(request, {.name = "ada", .allowed = [] { return false; }});
  EXPECT_EQ(response.status, 499);
}

TEST_F(ConnectBridgeTest, TheEndOfTheProgramEndsItsStreams) {
  const std::unique_ptr<RawClient> client = Open(R"({"wishes":[{"name":"wait"}]})");
  client->ReadUntil("}]}\r\n");
  http_.reset();
  EXPECT_THAT(client->ReadAll(), HasSubstr(R"("code":"canceled")"));
  HttpRequest request{
      .method = "POST", .version = "HTTP/1.1", .target = "/arkshare.v1.PeerService/GetStatus"};
  request.headers = {{"content-type", "application/json"}};
  request.body = "{}";
  EXPECT_EQ(bridge_->Call(request, {}).status, 503);
}

TEST_F(ConnectBridgeTest, ADeadlineIsKept) {
  const RawAnswer answer = Call("KeepTransfer", "{}", {kJson, "Connect-Timeout-Ms: 5"});
  EXPECT_EQ(answer.status, 504);
  service_.AwaitCancel();
}

TEST_F(ConnectBridgeTest, AnIndexThatIsAwayIsExplained) {
  const RawAnswer answer = Ask(http_->address(), "POST", "/arkshare.v1.IndexService/Search",
                               {kJson}, R"({"keywords":"a"})");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr(R"("reason":"INDEX_UNREACHABLE")"));
  EXPECT_THAT(answer.body, HasSubstr("the index at nowhere"));
}

}  // namespace
}  // namespace arkshare
