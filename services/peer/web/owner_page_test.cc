// The page from the wire: who gets in, and where the requests go.
#include "services/peer/web/owner_page.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/http/connect_json.h"
#include "lib/http/testing/raw_client.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"
#include "services/peer/web/page_caller.h"

namespace arkshare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr WebAsset kAssets[] = {{"index.html", "text/html; charset=utf-8", "page", "\"1\""},
                                {"main.js", "text/javascript; charset=utf-8", "code", "\"2\""}};
constexpr char kJson[] = "Content-Type: application/json";
constexpr char kGzip[] = "Accept-Encoding: gzip";

class FakePeer : public v1::PeerService::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_trouble(absl::StrCat("session of ", PageSessionOf(*context).size(), " bytes"));
    return grpc::Status::OK;
  }
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest*,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer) override {
    // A client that is gone makes a write fail.
    v1::FetchManyResponse response;
    response.add_updates()->set_index(7);
    while (writer->Write(response) && !context->IsCancelled()) {
    }
    return grpc::Status::CANCELLED;
  }
};

class Nothing : public HttpHandler {
 public:
  std::optional<HttpResponse> Check(const HttpRequest&) override { return HttpResponse{}; }
  HttpResponse Handle(const HttpRequest&) override { return {}; }
};

class OwnerPageTest : public testing::Test {
 protected:
  OwnerPageTest() : disk_(temp_.path()) {
    Must(disk_.library->Load());
    grpc::ServerBuilder builder;
    builder.RegisterService(&peer_);
    grpc_ = builder.BuildAndStart();
    Make({});
  }
  ~OwnerPageTest() override { page_.reset(); }

  void Make(OwnerPage::Options options) {
    page_.reset();
    page_ = std::make_unique<OwnerPage>(std::move(options), kAssets,
                                        OwnerPage::Index{[] {
                                                           return grpc::CreateChannel(
                                                               "unix:/nowhere/index.sock",
                                                               grpc::InsecureChannelCredentials());
                                                         },
                                                         [] { return "nowhere"; }},
                                        parts(), &clock_);
    page_->SetPeer(grpc_->InProcessChannel(grpc::ChannelArguments()));
  }
  AddedBook::Parts parts() {
    return {disk_.folder.get(), disk_.library.get(), disk_.scanner.get()};
  }
  // Opens the page, and returns the code in its address.
  std::string Open() {
    v1::OpenPageResponse response;
    const absl::Status status = page_->OpenPage(&response);
    EXPECT_TRUE(status.ok()) << status;
    address_ = response.address();
    const std::vector<std::string> parts = absl::StrSplit(response.url(), "/#/open=");
    EXPECT_EQ(parts[0], "http://" + address_);
    return parts.size() == 2 ? parts[1] : "";
  }
  RawAnswer PostCode(const std::string& code, std::vector<std::string> headers = {kJson}) {
    return Ask(address_, "POST", "/session", std::move(headers),
               absl::StrCat(R"({"code":")", code, R"("})"));
  }
  // Opens the page, signs in, and returns the header of the token.
  std::string SignIn() {
    const RawAnswer answer = PostCode(Open());
    EXPECT_EQ(answer.status, 200) << answer.body;
    google::protobuf::Struct fields;
    EXPECT_TRUE(FromJson(answer.body, &fields).ok());
    return "Authorization: Bearer " + fields.fields().at("token").string_value();
  }
  RawAnswer Status(const std::string& token, std::vector<std::string> headers = {kJson}) {
    if (!token.empty()) headers.push_back(token);
    return Ask(address_, "POST", "/arkshare.v1.PeerService/GetStatus", std::move(headers), "{}");
  }
  std::string SessionId() {
    v1::ListPageSessionsResponse list;
    page_->ListPageSessions(&list);
    return list.sessions_size() == 0 ? "" : list.sessions(0).session_id();
  }

  // The name at which books are.
  std::string AtBooks() {
    return absl::StrCat("Host: localhost", address_.substr(address_.rfind(':')));
  }
  RawAnswer Read(const std::string& path, std::vector<std::string> headers = {}) {
    headers.push_back(AtBooks());
    return Ask(address_, "GET", path, std::move(headers));
  }
  // Signs in, opens a book, and returns the answer of OpenBook.
  v1::OpenBookResponse OpenBook(const std::string& name) {
    SignIn();
    v1::OpenBookRequest request;
    request.set_name(name);
    v1::OpenBookResponse response;
    const absl::Status status = page_->OpenBook(SessionId(), request, &response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  TempFolder temp_;
  PeerDisk disk_;
  FakeClock clock_;
  Nothing nothing_;
  FakePeer peer_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<OwnerPage> page_;
  std::string address_;
};

TEST_F(OwnerPageTest, ThePageIsThereForAllAndItsCallsAreNot) {
  const std::string token = SignIn();
  const RawAnswer page = Ask(address_, "GET", "/", {kGzip});
  EXPECT_EQ(page.body, "page");
  EXPECT_EQ(Ask(address_, "GET", "/main.js", {kGzip}).body, "code");
  EXPECT_EQ(Status(token).body, R"({"trouble":"session of 8 bytes"})");
  const RawAnswer refused = Status("");
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("SIGN_IN_NEEDED"), HasSubstr(R"("why":"no_token")")));
  EXPECT_EQ(Status("Authorization: Bearer x").status, 401);
}

TEST_F(OwnerPageTest, EveryAnswerHasTheHeadersThatBindBrowsers) {
  const std::string token = SignIn();
  const std::string boot_id = Status(token).Header("Arkshare-Boot-Id");
  EXPECT_EQ(boot_id.size(), 16u);
  for (const RawAnswer& answer :
       {Ask(address_, "GET", "/", {kGzip}), Ask(address_, "GET", "/none"), Status(token),
        Status(""), PostCode("wrong"), Ask(address_, "GET", "/", {"Host: evil.example"})}) {
    EXPECT_THAT(answer.Header("Content-Security-Policy"),
                AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"),
                      HasSubstr("require-trusted-types-for 'script'"), Not(HasSubstr("unsafe"))));
    EXPECT_EQ(answer.Header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.Header("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(answer.Header("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(answer.Header("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(answer.Header("Arkshare-Boot-Id"), boot_id);
    EXPECT_EQ(answer.Header("Set-Cookie"), "");
    EXPECT_THAT(answer.head, Not(HasSubstr("Access-Control-")));
  }
}

TEST_F(OwnerPageTest, APageOfAnotherSiteGetsNothing) {
  const std::string token = SignIn();
  const struct {
    const char* what;
    std::string header;
    int status;
  } kCases[] = {
      {"a name that was pointed here", "Host: evil.example", 421},
      {"and its port", absl::StrCat("Host: evil.example:", address_.substr(10)), 421},
      {"another origin", "Origin: http://evil.example", 403},
      {"another port of this machine", "Origin: http://127.0.0.1:1", 403},
      {"no origin that can be named", "Origin: null", 403},
      {"another site", "Sec-Fetch-Site: cross-site", 403},
      {"another port as a site", "Sec-Fetch-Site: same-site", 403},
      {"our own page", absl::StrCat("Origin: http://", address_), 200},
      {"our own page, as a site", "Sec-Fetch-Site: same-origin", 200},
  };
  for (const auto& [what, header, status] : kCases) {
    EXPECT_EQ(Status(token, {kJson, header}).status, status) << what;
    const int code_status = PostCode("wrong", {kJson, header}).status;
    EXPECT_EQ(code_status, status == 200 ? 403 : status) << what;
  }
  // A form can send these, with or without a script.
  for (const char* type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"}) {
    const std::string header = absl::StrCat("Content-Type: ", type);
    EXPECT_EQ(Status(token, {header}).status, 415) << type;
    EXPECT_EQ(PostCode("wrong", {header}).status, 415) << type;
  }
  EXPECT_EQ(Ask(address_, "OPTIONS", "/arkshare.v1.PeerService/GetStatus", {"Origin: null"}).status,
            403);
  EXPECT_EQ(Ask(address_, "OPTIONS", "/session", {}).status, 405);
  // A link, an image or a script of another site.
  EXPECT_EQ(Ask(address_, "GET", "/", {kGzip, "Sec-Fetch-Site: cross-site"}).status, 200);
  EXPECT_EQ(Ask(address_, "GET", "/main.js", {kGzip, "Sec-Fetch-Site: cross-site"}).status, 403);
}

TEST_F(OwnerPageTest, ACodeSignsInOnceAndWithinAMinute) {
  const std::string code = Open();
  const RawAnswer first = PostCode(code);
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body,
              AllOf(HasSubstr("\"token\""), HasSubstr("\"bootId\""), HasSubstr("\"sessionId\"")));
  EXPECT_EQ(first.Header("Cache-Control"), "no-store");
  google::protobuf::Struct fields;
  ASSERT_TRUE(FromJson(first.body, &fields).ok());
  const std::string token = "Authorization: Bearer " + fields.fields().at("token").string_value();
  EXPECT_EQ(Status(token).status, 200);
  const RawAnswer second = PostCode(code);
  EXPECT_EQ(second.status, 403);
  EXPECT_THAT(second.body, AllOf(HasSubstr("PAGE_CODE_INVALID"), HasSubstr("arkshare-cli web")));
  EXPECT_THAT(Status(token).body, HasSubstr(R"("why":"code_used_twice")"));

  const std::string late = Open();
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(PostCode(late).status, 403);
  for (const char* body : {"", "{", "[]", R"({"code":7})", "{}"}) {
    const int status = Ask(address_, "POST", "/session", {kJson}, body).status;
    EXPECT_TRUE(status == 400 || status == 403) << body;
  }
}

TEST_F(OwnerPageTest, GuessingIsSlow) {
  const std::string token = SignIn();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Status("Authorization: Bearer guess").status, 401);
  const RawAnswer refused = Status("Authorization: Bearer guess");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header("Retry-After"), "60");
  EXPECT_EQ(Status(token).status, 200) << "the owner is not kept out";
}

TEST_F(OwnerPageTest, CallsThatAreMeantForTheSocketStayThere) {
  const std::string token = SignIn();
  for (const char* call : {"Share", "Shutdown", "ExportTls", "OpenPage", "ClosePage"}) {
    const RawAnswer answer = Ask(address_, "POST", absl::StrCat("/arkshare.v1.PeerService/", call),
                                 {kJson, token}, "{}");
    EXPECT_EQ(answer.status, 403) << call;
    EXPECT_THAT(answer.body, HasSubstr("NOT_FROM_A_PAGE")) << call;
  }
  for (const char* call : {"IndexService/Register", "IndexService/UpdateOwner", "FileService/Ping",
                           "AdminService/ListGroup"}) {
    const int status =
        Ask(address_, "POST", absl::StrCat("/arkshare.v1.", call), {kJson, token}, "{}").status;
    EXPECT_TRUE(status == 403 || status == 404) << call;
  }
}

TEST_F(OwnerPageTest, AnIndexThatIsAwayIsNamed) {
  const std::string token = SignIn();
  const RawAnswer answer =
      Ask(address_, "POST", "/arkshare.v1.IndexService/ListPeers", {kJson, token}, "{}");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("INDEX_UNREACHABLE"), HasSubstr("nowhere")));
}

TEST_F(OwnerPageTest, SigningOutEndsTheToken) {
  const std::string token = SignIn();
  EXPECT_EQ(Ask(address_, "DELETE", "/session", {token}).status, 204);
  EXPECT_EQ(Status(token).status, 401);
  EXPECT_EQ(Ask(address_, "DELETE", "/session", {token}).status, 204);
  EXPECT_EQ(Ask(address_, "DELETE", "/session", {token, "Origin: http://evil.example"}).status,
            403);
}

TEST_F(OwnerPageTest, TheEndOfASessionEndsItsStreamsAndNoOthers) {
  const std::string first = SignIn();
  const std::string id = SessionId();
  clock_.Advance(absl::Seconds(1));
  const std::string second = SignIn();
  std::vector<std::unique_ptr<RawClient>> streams;
  for (const std::string& token : {first, second}) {
    streams.push_back(std::make_unique<RawClient>(address_));
    const std::string body = ConnectMessage("{}");
    streams.back()->Send(absl::StrCat(
        "POST /arkshare.v1.PeerService/FetchMany HTTP/1.1\r\nHost: ", address_, "\r\n", token,
        "\r\nContent-Type: application/connect+json\r\nContent-Length: ", body.size(), "\r\n\r\n",
        body));
    EXPECT_THAT(streams.back()->ReadUntil("\"index\":7"), HasSubstr("200 OK"));
  }
  v1::EndPageSessionRequest request;
  request.set_session_id(id);
  v1::EndPageSessionResponse response;
  page_->EndPageSession(request, &response);
  EXPECT_TRUE(response.ended());
  EXPECT_THAT(streams[0]->ReadUntil("0\r\n\r\n"), HasSubstr("canceled"));
  EXPECT_NE(streams[1]->ReadUntil("\"index\":7"), "");
  EXPECT_EQ(Status(first).status, 401);
  EXPECT_EQ(Status(second).status, 200);
  page_->EndPageSession(request, &response);
  EXPECT_FALSE(response.ended());

  v1::ClosePageResponse closed;
  page_->ClosePage(&closed);
  EXPECT_EQ(closed.ended_sessions(), 1u);
  EXPECT_THAT(streams[1]->ReadAll(), HasSubstr("canceled"));
  EXPECT_FALSE(RawClient(address_).connected()) << "the port is closed";
}

TEST_F(OwnerPageTest, ThePageOpensAgain) {
  const std::string token = SignIn();
  const std::string first = address_;
  Open();
  EXPECT_EQ(address_, first) << "one port for all";
  page_->Close();
  Open();
  EXPECT_EQ(Status(token).status, 401);
  page_->Stop();
  v1::OpenPageResponse response;
  EXPECT_EQ(page_->OpenPage(&response).code(), absl::StatusCode::kUnavailable);
}

TEST_F(OwnerPageTest, APortThatIsTakenIsExplained) {
  Open();
  const std::string taken = address_;
  OwnerPage other({.listen = taken}, kAssets, {}, parts(), &clock_);
  other.SetPeer(grpc_->InProcessChannel(grpc::ChannelArguments()));
  EXPECT_EQ(other.Open().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(OwnerPageTest, AFileBecomesABook) {
  const std::string token = SignIn();
  const RawAnswer added =
      Ask(address_, "PUT", "/books/sub/a%20%C3%A4%3F", {token}, "the bytes of a book");
  EXPECT_EQ(added.status, 201) << added.body;
  EXPECT_THAT(added.body, AllOf(HasSubstr(R"("name":"sub/a ä?")"), HasSubstr("\"listing\"")));
  EXPECT_EQ(ReadFileAt(temp_ / "sub/a ä?"), "the bytes of a book");
  const RawAnswer again = Ask(address_, "PUT", "/books/sub/a%20%C3%A4%3F", {token}, "other");
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.body, HasSubstr("NAME_TAKEN"));
  EXPECT_EQ(ReadFileAt(temp_ / "sub/a ä?"), "the bytes of a book") << "nothing is overwritten";
  EXPECT_EQ(added.Header("X-Content-Type-Options"), "nosniff");
}

TEST_F(OwnerPageTest, OnlyTheOwnerAddsBooksAndOnlyUnderGoodNames) {
  const std::string token = SignIn();
  const auto put = [&](const std::string& path, std::vector<std::string> headers) {
    return Ask(address_, "PUT", path, std::move(headers), "bytes").status;
  };
  EXPECT_EQ(put("/books/a", {}), 401);
  EXPECT_EQ(put("/books/a", {token, "Origin: http://evil.example"}), 403);
  EXPECT_EQ(put("/books/a", {token, "Sec-Fetch-Site: cross-site"}), 403);
  EXPECT_EQ(Ask(address_, "POST", "/books/a", {token}, "bytes").status, 405);
  for (const char* name : {"", "..", "../a", "a/../../b", "%2e%2e/a", ".arkshare/key", ".hidden",
                           "a//b", "a%00b", "a%", "%ff", "a%0Ab"}) {
    EXPECT_EQ(put(absl::StrCat("/books/", name), {token}), 400) << name;
  }
  RawClient endless(address_);
  endless.Send(absl::StrCat("PUT /books/endless HTTP/1.1\r\nHost: ", address_, "\r\n", token,
                            "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
  EXPECT_THAT(endless.ReadUntil("\r\n"), HasSubstr(" 411 "));
  RawClient huge(address_);
  huge.Send(absl::StrCat("PUT /books/huge HTTP/1.1\r\nHost: ", address_, "\r\n", token,
                         "\r\nContent-Length: 4611686018427387904\r\n\r\n"));
  EXPECT_THAT(huge.ReadUntil("\r\n"), HasSubstr(" 507 ")) << "before its bytes";
  EXPECT_EQ(NamesIn(temp_.path()), std::vector<std::string>());
}

TEST_F(OwnerPageTest, ATabThatIsClosedLeavesNoHalfBook) {
  const std::string token = SignIn();
  {
    RawClient client(address_);
    client.Send(absl::StrCat("PUT /books/half HTTP/1.1\r\nHost: ", address_, "\r\n", token,
                             "\r\nContent-Length: 100\r\n\r\nhalf of it"));
  }
  page_->Close();  // waits for the end of all requests
  EXPECT_EQ(NamesIn(temp_.path()), std::vector<std::string>());
  EXPECT_EQ(NamesIn(disk_.folder->StatePath("staging")), std::vector<std::string>());
}

TEST_F(OwnerPageTest, ABookIsReadByItsTicket) {
  WriteFileAt(temp_ / "sub/a story.txt", "Once upon a time");
  disk_.scanner->Examine("sub/a story.txt");
  const v1::OpenBookResponse opened = OpenBook("sub/a story.txt");
  EXPECT_THAT(opened.path(), testing::EndsWith("/a%20story.txt"));
  EXPECT_EQ(opened.media_type(), "text/plain; charset=utf-8");
  EXPECT_TRUE(opened.inline_());
  EXPECT_EQ(opened.size_bytes(), 16u);
  const RawAnswer whole = Read(opened.path());
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, "Once upon a time");
  EXPECT_EQ(whole.Header("Content-Length"), "16");
  EXPECT_THAT(whole.Header("Content-Security-Policy"), testing::StartsWith("sandbox; "));
  EXPECT_EQ(whole.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(whole.Header("Content-Disposition"), "inline; filename*=UTF-8''a%20story.txt");
  const RawAnswer part = Read(opened.path(), {"Range: bytes=5-8"});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "upon");
  EXPECT_EQ(part.Header("Content-Range"), "bytes 5-8/16");
  EXPECT_EQ(Read(opened.path(), {"Range: bytes=16-"}).status, 416);
  EXPECT_EQ(Read(opened.path(), {"Range: bytes=0-1", "If-Range: \"x\""}).status, 200);
  const std::string etag = "If-None-Match: " + whole.Header("ETag");
  EXPECT_EQ(Read(opened.path(), {etag}).status, 304);
  EXPECT_EQ(Ask(address_, "HEAD", opened.path(), {AtBooks()}).Header("Content-Length"), "16");
  EXPECT_EQ(Ask(address_, "PUT", opened.path(), {AtBooks()}, "x").status, 405);
  EXPECT_EQ(Read("/content/AAAAAAAAAAAAAAAAAAAAAA/x").status, 404);
  EXPECT_EQ(Read(opened.path(), {"Sec-Fetch-Site: cross-site"}).status, 403);
  EXPECT_EQ(Read(opened.path(), {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"}).status,
            403);
  EXPECT_EQ(Read(opened.path(), {"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document"}).status,
            200)
      << "the page opens it in a tab";
  EXPECT_THAT(Read(opened.path() + "?save").Header("Content-Disposition"),
              testing::StartsWith("attachment; "));
}

TEST_F(OwnerPageTest, BooksAndThePageAreTwoOrigins) {
  WriteFileAt(temp_ / "a", "one");
  disk_.scanner->Examine("a");
  const std::string path = OpenBook("a").path();
  const std::string token = SignIn();
  const RawAnswer refused = Ask(address_, "GET", path);
  EXPECT_EQ(refused.status, 421);
  EXPECT_THAT(refused.body, HasSubstr("http://localhost:"));
  EXPECT_EQ(Read(path).body, "one");
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/main.js"},
           {"POST", "/session"},
           {"PUT", "/books/b"},
           {"POST", "/arkshare.v1.PeerService/GetStatus"}}) {
    EXPECT_EQ(Ask(address_, method, target, {AtBooks(), kJson, kGzip, token}, "{}").status, 421)
        << target;
  }
  const RawAnswer lead = Ask(address_, "GET", "/", {AtBooks(), kGzip});
  EXPECT_EQ(lead.status, 307);
  EXPECT_EQ(lead.Header("Location"), absl::StrCat("http://", address_, "/"));
  EXPECT_EQ(lead.Header("X-Content-Type-Options"), "nosniff");
}

TEST_F(OwnerPageTest, BehindAProxyBooksHaveTheOriginOfThePage) {
  Make({.listen = "127.0.0.1:0", .names = {"books.example"}});
  WriteFileAt(temp_ / "a", "one");
  disk_.scanner->Examine("a");
  const std::string path = OpenBook("a").path();
  EXPECT_EQ(Ask(address_, "GET", path, {"Host: books.example"}).body, "one");
  EXPECT_EQ(Ask(address_, "GET", "/", {"Host: books.example", kGzip}).body, "page");
}

TEST_F(OwnerPageTest, NoOtherProgramAnswersAtLocalhost) {
  const absl::StatusOr<std::unique_ptr<HttpServer>> other =
      HttpServer::Start({.listen = "[::1]:0"}, &nothing_);
  if (!other.ok()) GTEST_SKIP() << "no IPv6: " << other.status();
  Open();
  const std::string port = address_.substr(address_.rfind(':') + 1);
  EXPECT_EQ(Ask("[::1]:" + port, "GET", "/", {"Host: localhost:" + port}).status, 307);
  page_->Close();
  EXPECT_EQ(Ask("[::1]:" + port, "GET", "/").status, 0);
  Make({.listen = absl::StrCat("127.0.0.1:", (*other)->port())});
  v1::OpenPageResponse response;
  EXPECT_EQ(page_->OpenPage(&response).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(OwnerPageTest, ABookWithAScriptIsOnlyForSaving) {
  WriteFileAt(temp_ / "picture.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>");
  disk_.scanner->Examine("picture.svg");
  const v1::OpenBookResponse opened = OpenBook("picture.svg");
  EXPECT_FALSE(opened.inline_());
  const RawAnswer answer = Read(opened.path());
  EXPECT_EQ(answer.Header("Content-Type"), "application/octet-stream");
  EXPECT_THAT(answer.Header("Content-Disposition"), testing::StartsWith("attachment; "));
}

TEST_F(OwnerPageTest, ATicketEndsWithItsBookAndItsSession) {
  WriteFileAt(temp_ / "a", "one");
  disk_.scanner->Examine("a");
  const std::string path = OpenBook("a").path();
  WriteFileAt(temp_ / "a", "another");
  EXPECT_EQ(Read(path).status, 404) << "the file has changed";
  WriteFileAt(temp_ / "b", "two");
  disk_.scanner->Examine("b");
  const std::string other = OpenBook("b").path();
  EXPECT_EQ(Read(other).status, 200);
  clock_.Advance(absl::Minutes(10));
  EXPECT_EQ(Read(other).status, 404);
  const std::string third = OpenBook("b").path();
  page_->Close();
  Open();
  EXPECT_EQ(Read(third).status, 404);
  v1::OpenBookRequest request;
  request.set_name("b");
  v1::OpenBookResponse response;
  EXPECT_EQ(page_->OpenBook("", request, &response).code(), absl::StatusCode::kUnauthenticated);
}

TEST(OwnerPageOptionsTest, OnlyLoopbackIsOpenedByDefault) {
  EXPECT_TRUE(OwnerPage::Check({}).ok());
  EXPECT_TRUE(OwnerPage::Check({.listen = "127.0.0.1:8470", .names = {"books.example"}}).ok());
  EXPECT_TRUE(OwnerPage::Check({.listen = "0.0.0.0:8470", .is_public = true}).ok());
  EXPECT_THAT(OwnerPage::Check({.listen = "0.0.0.0:8470"}).message(), HasSubstr("--web-public"));
  EXPECT_THAT(OwnerPage::Check({.listen = "8470"}).message(), HasSubstr("--web"));
  EXPECT_THAT(OwnerPage::Check({.names = {"books.example:80"}}).message(), HasSubstr("--web-host"));
}

}  // namespace
}  // namespace arkshare
