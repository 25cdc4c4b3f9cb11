#include "lib/http/origin_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using ::testing::HasSubstr;

int StatusOf(const OriginCheck& check, const std::string& method, HttpHeaders headers,
             bool linkable = false) {
  HttpRequest request{.method = method, .version = "HTTP/1.1", .target = "/x"};
  request.headers = std::move(headers);
  const std::optional<HttpResponse> refusal = check.Check(request, linkable);
  return refusal.has_value() ? refusal->status : 0;
}

TEST(OriginCheckTest, OnlyNamesOfThisMachineAreServed) {
  const OriginCheck check({.port = 8470, .listen_host = "127.0.0.1"});
  const struct {
    const char* host;
    int status;
  } kCases[] = {
      {"127.0.0.1:8470", 0},
      {"127.0.0.2:8470", 0},
      {"localhost:8470", 0},
      {"LOCALHOST:8470", 0},
      {"[::1]:8470", 0},
      {"127.0.0.1:8471", 421},
      {"127.0.0.1", 421},
      {"localhost", 421},
      {"", 421},
      {"evil.example:8470", 421},
      {"127.0.0.1.evil.example:8470", 421},
      {"localhost.evil.example:8470", 421},
      {"127.1:8470", 421},
      {"2130706433:8470", 421},
      {"0.0.0.0:8470", 421},
      {"192.168.0.4:8470", 421},
      {"localhost:8470@evil.example", 421},
      {"localhost:8470,evil", 421},
  };
  for (const auto& [host, status] : kCases) {
    EXPECT_EQ(StatusOf(check, "GET", {{"host", host}}), status) << host;
  }
  EXPECT_EQ(StatusOf(check, "GET", {}), 421) << "no Host at all";
}

TEST(OriginCheckTest, MoreNamesCanBeGiven) {
  const OriginCheck check(
      {.port = 8470, .listen_host = "192.168.0.4", .names = {"books.example", "127.0.0.1"}});
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "books.example"}}), 0);
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "Books.Example:443"}}), 0);
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "127.0.0.1:9000"}}), 0) << "a forwarded port";
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "192.168.0.4:8470"}}), 0);
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "192.168.0.5:8470"}}), 421);
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "localhost:9000"}}), 421);
  EXPECT_EQ(StatusOf(check, "GET", {{"host", "xbooks.example:8470"}}), 421);
}

TEST(OriginCheckTest, TheRefusalSaysWhatToDo) {
  const OriginCheck check({.port = 8470, .listen_host = "127.0.0.1"});
  HttpRequest request{.method = "GET", .version = "HTTP/1.1", .target = "/"};
  request.headers = {{"host", "box:8470"}};
  const std::optional<HttpResponse> refusal = check.Check(request, true);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_THAT(refusal->body, HasSubstr("box:8470"));
  EXPECT_THAT(refusal->body, HasSubstr("http://127.0.0.1:8470/"));
  EXPECT_THAT(refusal->body, HasSubstr("--web-host"));
}

TEST(OriginCheckTest, PagesOfOtherOriginsAreRefused) {
  const OriginCheck check({.port = 8470, .listen_host = "127.0.0.1", .names = {"b.example"}});
  const std::string ours = "127.0.0.1:8470";
  const struct {
    const char* what;
    HttpHeaders headers;
    int status;
  } kCases[] = {
      {"our page", {{"host", ours}, {"origin", "http://127.0.0.1:8470"}}, 0},
      {"a proxy with TLS", {{"host", "b.example"}, {"origin", "https://b.example"}}, 0},
      {"another port", {{"host", ours}, {"origin", "http://127.0.0.1:8471"}}, 403},
      {"another name of ours", {{"host", ours}, {"origin", "http://localhost:8470"}}, 403},
      {"another site", {{"host", ours}, {"origin", "https://evil.example"}}, 403},
      {"a sandbox or a file", {{"host", ours}, {"origin", "null"}}, 403},
      {"an empty one", {{"host", ours}, {"origin", ""}}, 403},
  };
  for (const auto& [what, headers, status] : kCases) {
    EXPECT_EQ(StatusOf(check, "POST", headers), status) << what;
    EXPECT_EQ(StatusOf(check, "GET", headers, true), status) << what;
  }
}

TEST(OriginCheckTest, OtherSitesMayOnlyLinkToWhatIsLinkable) {
  const OriginCheck check({.port = 8470, .listen_host = "127.0.0.1"});
  const struct {
    const char* method;
    const char* site;
    bool linkable;
    int status;
  } kCases[] = {
      {"POST", "same-origin", false, 0}, {"GET", "same-origin", false, 0},
      {"GET", "none", false, 0},         {"GET", "none", true, 0},
      {"POST", "none", true, 403},       {"GET", "cross-site", true, 0},
      {"HEAD", "same-site", true, 0},    {"GET", "cross-site", false, 403},
      {"GET", "same-site", false, 403},  {"POST", "cross-site", true, 403},
      {"POST", "same-site", true, 403},  {"PUT", "cross-site", true, 403},
  };
  for (const auto& [method, site, linkable, status] : kCases) {
    EXPECT_EQ(
        StatusOf(check, method, {{"host", "127.0.0.1:8470"}, {"sec-fetch-site", site}}, linkable),
        status)
        << method << " " << site << " " << linkable;
  }
}

}  // namespace
}  // namespace arkshare
