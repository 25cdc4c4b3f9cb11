// Looks at the page of a running index, as a browser does.
#include "services/index/overview/overview.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "lib/http/connect_json.h"
#include "lib/http/testing/raw_client.h"
#include "services/index/index_server.h"
#include "services/index/testing/fake_peer.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kJson[] = "Content-Type: application/json";

class OverviewTest : public testing::Test {
 protected:
  OverviewTest() {
    options_.listen = "127.0.0.1:0";
    options_.page.listen = "127.0.0.1:0";
  }
  void Start() {
    auto server = IndexServer::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  RawAnswer Call(const std::string& method, const std::string& json,
                 std::vector<std::string> headers = {kJson}) {
    return Ask(server_->page_address(), "POST", "/arkshare.v1.IndexService/" + method,
               std::move(headers), json);
  }

  IndexOptions options_;
  std::unique_ptr<IndexServer> server_;
};

TEST_F(OverviewTest, PeersAndBooksAreSeenWithoutSignIn) {
  Start();
  FakePeer peer(server_->address());
  ASSERT_TRUE(peer.Register().ok());
  auto announce = peer.Announce();
  ASSERT_TRUE(announce.ok()) << announce.status();
  ASSERT_TRUE((*announce)->Present(1, "a book", TestContent(1)).ok());
  EXPECT_THAT(Call("ListPeers", "{}").body, HasSubstr("\"bookCount\":\"1\""));
  EXPECT_THAT(Call("Search", R"({"keywords":"book"})").body, HasSubstr("\"a book\""));
  EXPECT_EQ(Call("Search", "{}").status, 400);

  RawClient stream(server_->page_address());
  const std::string body = ConnectMessage("{}");
  stream.Send(absl::StrCat("POST /arkshare.v1.IndexService/Watch HTTP/1.1\r\nHost: ",
                           server_->page_address(), "\r\nContent-Type: application/connect+json",
                           "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  EXPECT_NE(stream.ReadUntil("snapshotComplete"), "");
  ASSERT_TRUE((*announce)->Present(2, "another one", TestContent(2)).ok());
  EXPECT_NE(stream.ReadUntil("another one"), "");
  server_->Stop();
  EXPECT_THAT(stream.ReadAll(), HasSubstr("\"error\""));
}

TEST_F(OverviewTest, NothingCanBeChanged) {
  Start();
  for (const char* call : {"Register", "Unregister", "UpdateOwner", "Announce", "Join"}) {
    const int status = Call(call, "{}").status;
    EXPECT_TRUE(status == 403 || status == 404) << call;
  }
  EXPECT_EQ(
      Ask(server_->page_address(), "POST", "/arkshare.v1.AdminService/ListGroup", {kJson}, "{}")
          .status,
      403);
}

TEST_F(OverviewTest, PagesOfOtherSitesSeeNothing) {
  Start();
  EXPECT_EQ(Call("ListPeers", "{}", {kJson, "Host: evil.example"}).status, 421);
  EXPECT_EQ(Call("ListPeers", "{}", {kJson, "Origin: http://evil.example"}).status, 403);
  EXPECT_EQ(Call("ListPeers", "{}", {kJson, "Sec-Fetch-Site: cross-site"}).status, 403);
  EXPECT_EQ(Call("ListPeers", "{}", {"Content-Type: text/plain"}).status, 415);
  EXPECT_THAT(Call("ListPeers", "{}").Header("Content-Security-Policy"), Not(HasSubstr("unsafe")));
}

TEST_F(OverviewTest, AnIndexOfAGroupIsSeenToo) {
  const std::string home = testing::TempDir() + "/arkshare_overview_home";
  std::filesystem::remove_all(home);
  options_.home = home;
  Start();
  EXPECT_EQ(Call("ListPeers", "{}").status, 200);
  server_.reset();
  std::filesystem::remove_all(home);
}

TEST_F(OverviewTest, OtherMachinesSeeItOnlyWithWebPublic) {
  options_.page.listen = "0.0.0.0:0";
  EXPECT_THAT(IndexServer::Start(options_).status().message(),
              AllOf(HasSubstr("0.0.0.0:0"), HasSubstr("--web-public")));
  options_.page.is_public = true;
  Start();
  EXPECT_THAT(server_->page_address(), StartsWith("0.0.0.0:"));
}

TEST_F(OverviewTest, OffUnlessAskedFor) {
  options_.page.listen.clear();
  Start();
  EXPECT_EQ(server_->page_address(), "");
}

}  // namespace
}  // namespace arkshare
