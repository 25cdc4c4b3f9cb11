// Broken requests at the HTTP server: no handler sees one that can be read in two ways.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "lib/http/connect_bridge.h"
#include "lib/http/origin_check.h"
#include "lib/http/server.h"
#include "lib/http/testing/raw_client.h"
#include "tests/fuzz/mutator.h"

namespace arkshare {
namespace {

// Checks what every handler relies on.
class Watchman : public HttpHandler {
 public:
  std::optional<HttpResponse> Check(const HttpRequest& request) override {
    ++seen_;
    EXPECT_TRUE(absl::StartsWith(request.target, "/"));
    for (const char* name : {"host", "content-length", "authorization", "origin"}) {
      const auto same = [&](const auto& header) { return header.first == name; };
      EXPECT_LE(std::count_if(request.headers.begin(), request.headers.end(), same), 1) << name;
    }
    EXPECT_FALSE(request.Header("content-length") != nullptr &&
                 request.Header("transfer-encoding") != nullptr);
    if (std::optional<HttpResponse> refusal = origin_.Check(request, request.path() == "/")) {
      return refusal;
    }
    return IsConnectPath(request.path()) ? bridge_.Check(request) : std::nullopt;
  }
  HttpResponse Handle(const HttpRequest& request) override {
    if (const std::optional<uint64_t> length = request.ContentLength()) {
      EXPECT_EQ(request.body.size(), *length);
    }
    return TextResponse(200, "seen");
  }
  int seen() const { return seen_; }

 private:
  const OriginCheck origin_{{.port = 8470, .listen_host = "127.0.0.1"}};
  ConnectBridge bridge_{{}};
  std::atomic<int> seen_{0};
};

TEST(HttpFuzz, BrokenRequestsAreRefusedOrUnderstood) {
  Watchman watchman;
  const std::unique_ptr<HttpServer> server =
      HttpServer::Start({.listen = "127.0.0.1:0", .max_body = 10'000}, &watchman).value();
  Mutator mutator(
      7,
      {"GET / HTTP/1.1\r\nHost: 127.0.0.1:8470\r\n\r\n",
       "POST /arkshare.v1.PeerService/GetStatus HTTP/1.1\r\nHost: localhost:8470\r\n"
       "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
       "POST /x HTTP/1.1\r\nHost: [::1]:8470\r\nTransfer-Encoding: chunked\r\n\r\n"
       "2\r\n{}\r\n0\r\n\r\n",
       "PUT /books/a%20b HTTP/1.1\r\nHost: 127.0.0.1:8470\r\nExpect: 100-continue\r\n"
       "Authorization: Bearer x\r\nContent-Length: 5\r\n\r\nbytes"},
      {"\r\n", "\n", ":", " ", "\t", "%00", "%2e", "..", "Content-Length: 3\r\n", "Host: a\r\n",
       "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", "ffffffffffffffff\r\n", "HTTP/1.0",
       "HTTP/1.1", "Connection: close\r\n", "GET /y HTTP/1.1\r\n", std::string(1, '\0')});
  for (uint64_t i = FuzzRounds(3'000); i > 0; --i) {
    RawClient client(server->address());
    client.Send(mutator.Next());
    client.EndSending();
    const std::string answers = client.ReadAll();
    EXPECT_TRUE(answers.empty() || absl::StartsWith(answers, "HTTP/1.")) << answers;
  }
  EXPECT_GT(watchman.seen(), 100);
  EXPECT_EQ(Ask(server->address(), "GET", "/", {"Host: 127.0.0.1:8470"}).status, 200);
}

}  // namespace
}  // namespace arkshare
