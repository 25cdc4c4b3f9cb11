// The server from the wire: what honest and hostile clients send.
#include "lib/http/server.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lib/http/testing/raw_client.h"

namespace arkshare {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A body that grows until it is told to end.
class Ticks : public BodySource {
 public:
  Ticks(Mutex* mutex, CondVar* changed, const bool* stopped, std::atomic<int>* open)
      : mutex_(*mutex), changed_(*changed), stopped_(*stopped), open_(*open) {
    ++open_;
  }
  ~Ticks() override { --open_; }
  std::optional<size_t> Read(char* buffer, size_t size) override {
    if (!begun_) {
      begun_ = true;
      return absl::string_view("tick").copy(buffer, size);
    }
    MutexLock lock(&mutex_);
    while (!stopped_) changed_.Wait(&mutex_);
    return 0;
  }

 private:
  Mutex& mutex_;
  CondVar& changed_;
  const bool& stopped_;
  std::atomic<int>& open_;
  bool begun_ = false;
};

class CountingSink : public BodySink {
 public:
  explicit CountingSink(size_t most, std::atomic<int>* undone) : most_(most), undone_(*undone) {}
  ~CountingSink() override {
    if (!ended_) ++undone_;
  }
  bool Write(absl::string_view bytes) override {
    count_ += bytes.size();
    return count_ <= most_;
  }
  HttpResponse End() override {
    ended_ = true;
    return TextResponse(count_ <= most_ ? 201 : 507, absl::StrCat(count_ <= most_ ? count_ : 0));
  }

 private:
  const size_t most_;
  std::atomic<int>& undone_;
  size_t count_ = 0;
  bool ended_ = false;
};

// Shows what it was asked.
class Echo : public HttpHandler {
 public:
  std::optional<HttpResponse> Check(const HttpRequest& request) override {
    ++checked_;
    if (request.path() == "/refused") return TextResponse(403, "refused");
    return std::nullopt;
  }
  std::variant<std::unique_ptr<BodySink>, HttpResponse> TakeBody(
      const HttpRequest& request) override {
    if (request.method != "PUT") return std::unique_ptr<BodySink>();
    if (request.path() == "/full") return TextResponse(507, "full");
    {
      MutexLock lock(&mutex_);
      ++sinks_;
      changed_.NotifyAll();
    }
    return std::make_unique<CountingSink>(8u << 20, &undone_);
  }
  HttpResponse Handle(const HttpRequest& request) override {
    if (request.path() == "/ticks") {
      HttpResponse response;
      response.source = std::make_unique<Ticks>(&mutex_, &changed_, &stopped_, &open_);
      return response;
    }
    if (request.path() == "/broken") {
      struct Broken : BodySource {
        std::optional<size_t> Read(char*, size_t) override { return std::nullopt; }
      };
      HttpResponse response;
      response.source = std::make_unique<Broken>();
      return response;
    }
    return TextResponse(200, absl::StrCat(request.method, " ", request.target, " ", request.body));
  }
  void Stop() override {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }

  // Waits until this many bodies have had sinks.
  void AwaitSinks(int count) {
    MutexLock lock(&mutex_);
    while (sinks_ < count) changed_.Wait(&mutex_);
  }
  int checked() const { return checked_; }
  int open() const { return open_; }
  int undone() const { return undone_; }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int sinks_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int> checked_{0};
  std::atomic<int> open_{0};
  std::atomic<int> undone_{0};
};

class ServerTest : public testing::Test {
 protected:
  void Start(HttpServerOptions options = {}) {
    options.listen = "127.0.0.1:0";
    auto server = HttpServer::Start(std::move(options), &echo_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // Sends bytes and returns all that comes back.
  std::string Say(absl::string_view bytes) {
    RawClient client(server_->address());
    client.Send(bytes);
    client.EndSending();
    return client.ReadAll();
  }
  int StatusOf(absl::string_view bytes) { return ParseAnswer(Say(bytes)).status; }

  FakeClock clock_;
  Echo echo_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ServerTest, RequestsReachTheHandlerAsTheyWereSent) {
  Start();
  EXPECT_EQ(Ask(server_->address(), "GET", "/a%20b/../c?d=%00").body, "GET /a%20b/../c?d=%00 \n");
  EXPECT_EQ(Ask(server_->address(), "POST", "/x", {}, "body").body, "POST /x body\n");
  const RawAnswer head = Ask(server_->address(), "HEAD", "/x");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(Ask(server_->address(), "GET", "/refused").status, 403);
  EXPECT_EQ(Ask(server_->address(), "POST", "/refused", {}, "read all the same").status, 403);
}

TEST_F(ServerTest, AConnectionCarriesManyRequests) {
  Start();
  RawClient client(server_->address());
  for (const char* path : {"/1", "/2", "/3"}) {
    ASSERT_TRUE(client.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: h\r\n\r\n")));
    EXPECT_THAT(client.ReadUntil(absl::StrCat("GET ", path, " \n")), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(ServerTest, RequestsThatComeTogetherAreAnsweredInOrder) {
  Start();
  const std::string answers =
      Say("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
          "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
          "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const size_t first = answers.find("GET /1 \n");
  const size_t second = answers.find("POST /2 abc\n");
  const size_t third = answers.find("GET /3 \n");
  ASSERT_NE(third, std::string::npos) << answers;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST_F(ServerTest, ChunksAreJoined) {
  Start();
  EXPECT_THAT(Say("POST /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
              HasSubstr("POST /c abcde\n"));
}

TEST_F(ServerTest, AmbiguousRequestsEndTheirConnection) {
  Start();
  for (absl::string_view headers :
       {"Content-Length: 5\r\nContent-Length: 0\r\n", "Content-Length: 0\r\nContent-Length: 30\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Host: other\r\n",
        "Content-Length: 5x\r\n", "Content-Length: -5\r\n",
        "Content-Length: 99999999999999999999999\r\n"}) {
    const std::string answers = Say(absl::StrCat("POST / HTTP/1.1\r\nHost: h\r\n", headers,
                                                 "\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"));
    const int status = ParseAnswer(answers).status;
    EXPECT_TRUE(status == 400 || status == 413) << headers << answers;
    EXPECT_EQ(answers.find("/smuggled"), std::string::npos) << headers << answers;
  }
  EXPECT_EQ(echo_.checked(), 0);
}

TEST_F(ServerTest, WhatIsNoRequestIsRefusedAndTheServerLives) {
  Start();
  for (absl::string_view bytes : {
           absl::string_view("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"),
           absl::string_view("GET / HTTP/1.1\r\n\r\n"),
           absl::string_view("GET /\r\n\r\n"),
           absl::string_view("GET\r\n\r\n"),
           absl::string_view("\r\n\r\n\r\n"),
           absl::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           absl::string_view("CONNECT other:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
           absl::string_view("GET / HTTP/1.1\r\nHost h\r\n\r\n"),
           absl::string_view("GET / HTTP/1.1\r\nno colon\r\nHost: h\r\n\r\n"),
           absl::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS", 15),
           absl::string_view(
               "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
           absl::string_view("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"),
       }) {
    EXPECT_NE(StatusOf(bytes), 200) << bytes;
  }
  EXPECT_EQ(Ask(server_->address(), "GET", "/").status, 200);
}

TEST_F(ServerTest, HeadersHaveALimit) {
  Start();
  EXPECT_EQ(StatusOf(absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nX: ", std::string(100'000, 'x'),
                                  "\r\nConnection: close\r\n\r\n")),
            200);
  for (const std::string& request :
       {absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nX: ", std::string(1 << 20, 'x'), "\r\n\r\n"),
        absl::StrCat("GET /", std::string(1 << 20, 'x'), " HTTP/1.1\r\nHost: h\r\n\r\n"),
        absl::StrCat(std::string(1 << 20, 'x'), " / HTTP/1.1\r\nHost: h\r\n\r\n")}) {
    const int status = StatusOf(request);
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 500)) << status;
  }
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 50'000; ++i) absl::StrAppend(&many, "X", i, ": y\r\n");
  const int status = StatusOf(many + "\r\n");
  EXPECT_TRUE(status == 0 || (status >= 400 && status < 500)) << status;
  EXPECT_EQ(Ask(server_->address(), "GET", "/").status, 200);
}

TEST_F(ServerTest, BodiesHaveALimit) {
  Start({.max_body = 1000});
  EXPECT_EQ(Ask(server_->address(), "POST", "/", {}, std::string(1000, 'x')).status, 200);
  EXPECT_EQ(Ask(server_->address(), "POST", "/", {}, std::string(1001, 'x')).status, 413);
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(StatusOf(chunked + "44c\r\n" + std::string(1100, 'x') + "\r\n0\r\n\r\n"), 413);
  // An endless one is not read to its end.
  RawClient client(server_->address());
  ASSERT_TRUE(client.Send(chunked));
  const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
  while (client.Send(chunk)) {
  }
  EXPECT_EQ(Ask(server_->address(), "GET", "/").status, 200);
}

TEST_F(ServerTest, ARefusalComesAfterABodyOfUnknownLength) {
  Start();
  RawClient client(server_->address());
  ASSERT_TRUE(
      client.Send("POST /refused HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
  ASSERT_TRUE(client.Send("3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("refused\n"), StartsWith("HTTP/1.1 403 "));
  // The connection is in order.
  ASSERT_TRUE(client.Send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ASinkTakesALongBodyAndUndoesAHalfOne) {
  Start({.max_body = 1000});
  const std::string body(4 << 20, 'x');
  EXPECT_EQ(Ask(server_->address(), "PUT", "/", {}, body).body, absl::StrCat(body.size(), "\n"));
  EXPECT_EQ(Ask(server_->address(), "PUT", "/", {}, std::string(9 << 20, 'x')).status, 507)
      << "more than the sink takes";
  EXPECT_EQ(Ask(server_->address(), "PUT", "/refused", {}, body).status, 403);
  EXPECT_EQ(Ask(server_->address(), "PUT", "/full", {}, body).status, 507);
  EXPECT_EQ(echo_.undone(), 0);
  {
    RawClient client(server_->address());
    ASSERT_TRUE(client.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf"));
    echo_.AwaitSinks(3);
  }
  server_.reset();
  EXPECT_EQ(echo_.undone(), 1);
}

TEST_F(ServerTest, AClientMayAskBeforeItSendsABody) {
  Start();
  RawClient client(server_->address());
  ASSERT_TRUE(
      client.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                  "Expect: 100-continue\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  ASSERT_TRUE(client.Send("abc"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 201 "));
}

TEST_F(ServerTest, AStreamIsSentAsItGrows) {
  Start();
  RawClient client(server_->address());
  ASSERT_TRUE(client.Send("GET /ticks HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("chunked"));
  EXPECT_EQ(client.ReadUntil("tick\r\n"), "4\r\ntick\r\n");
  EXPECT_EQ(echo_.open(), 1);
  server_.reset();
  EXPECT_EQ(client.ReadAll(), "0\r\n\r\n") << "the end of the server ends the stream in order";
  EXPECT_EQ(echo_.open(), 0);
}

TEST_F(ServerTest, ABodyThatBreaksOffBreaksTheConnection) {
  Start();
  EXPECT_THAT(Say("GET /broken HTTP/1.1\r\nHost: h\r\n\r\n"),
              testing::Not(testing::EndsWith("0\r\n\r\n")));
}

TEST_F(ServerTest, ASlowRequestIsCutOff) {
  Start({.request_limit = absl::Seconds(30), .clock = &clock_});
  RawClient slow(server_->address());
  ASSERT_TRUE(slow.Send("GET / HTTP/1.1\r\nHost: h\r\nX: "));
  RawClient body(server_->address());
  ASSERT_TRUE(body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  RawClient between(server_->address());
  ASSERT_TRUE(between.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  between.ReadUntil("GET / \n");
  RawClient stream(server_->address());
  ASSERT_TRUE(stream.Send("GET /ticks HTTP/1.1\r\nHost: h\r\n\r\n"));
  stream.ReadUntil("tick\r\n");
  clock_.Advance(absl::Seconds(31));
  EXPECT_EQ(slow.ReadAll(), "");
  EXPECT_EQ(body.ReadAll(), "");
  EXPECT_EQ(between.ReadAll(), "");
  server_.reset();
  EXPECT_EQ(stream.ReadAll(), "0\r\n\r\n") << "a stream may take as long as it likes";
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitAreClosed) {
  Start({.connections = 4});
  std::vector<std::unique_ptr<RawClient>> kept;
  for (int i = 0; i < 4; ++i) {
    kept.push_back(std::make_unique<RawClient>(server_->address()));
    ASSERT_TRUE(kept.back()->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_THAT(kept.back()->ReadUntil("GET / \n"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(RawClient(server_->address()).ReadAll(), "");
  ASSERT_TRUE(kept[0]->Send("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_NE(kept[0]->ReadUntil("GET /again \n"), "") << "the others go on";
  kept.clear();
  // Their places are free as soon as the server has seen that they are closed.
  while (Ask(server_->address(), "GET", "/").status != 200) {
  }
}

TEST_F(ServerTest, ManyIdleConnectionsDoNotEndIt) {
  Start({.connections = 16, .request_limit = absl::Seconds(30), .clock = &clock_});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 800; ++i) idle.push_back(std::make_unique<RawClient>(server_->address()));
  clock_.Advance(absl::Seconds(30));
  for (const std::unique_ptr<RawClient>& client : idle) EXPECT_EQ(client->ReadAll(), "");
  while (Ask(server_->address(), "GET", "/").status != 200) {
  }
}

TEST_F(ServerTest, AnAddressThatCannotBeHadIsExplained) {
  Start();
  const auto status = [&](const std::string& listen) {
    return HttpServer::Start({.listen = listen}, &echo_).status();
  };
  EXPECT_EQ(status(server_->address()).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status(server_->address()).message(), HasSubstr("another program listens there"));
  EXPECT_EQ(status("here").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status("example.org:80").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status("192.0.2.1:0").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace arkshare
