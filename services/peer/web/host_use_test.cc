#include "services/peer/web/host_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using ::testing::HasSubstr;

HttpRequest Request(const std::string& method, const std::string& target) {
  return {.method = method, .version = "HTTP/1.1", .target = target};
}

std::string LocationOf(const HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Location") return value;
  }
  return "";
}

TEST(HostUseTest, LocalhostIsForBooksAndAnIpForThePage) {
  const struct {
    const char* host;
    HostUse use;
  } kCases[] = {
      {"localhost:8470", HostUse::kBooks},   {"LocalHost:8470", HostUse::kBooks},
      {"localhost", HostUse::kBooks},        {"127.0.0.1:8470", HostUse::kPage},
      {"127.0.0.1", HostUse::kPage},         {"127.9.9.9:8470", HostUse::kBoth},
      {"[::1]:8470", HostUse::kPage},        {"[::1]", HostUse::kPage},
      {"books.example:443", HostUse::kBoth}, {"books.example", HostUse::kBoth},
      {"192.168.0.4:8470", HostUse::kBoth},  {"localhost.example:80", HostUse::kBoth},
  };
  for (const auto& [host, use] : kCases) EXPECT_EQ(UseOfHost(host), use) << host;
}

TEST(HostUseTest, TheNameForBooksLeadsToThePage) {
  const HttpResponse answer = AnswerAtBooksHost(Request("GET", "/"), "localhost:9000", "127.0.0.1");
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(LocationOf(answer), "http://127.0.0.1:9000/") << "also through a forwarded port";
  EXPECT_EQ(LocationOf(AnswerAtBooksHost(Request("HEAD", "/?x"), "LOCALHOST:8470", "::1")),
            "http://[::1]:8470/");
  EXPECT_EQ(LocationOf(AnswerAtBooksHost(Request("GET", "/"), "localhost", "::1")),
            "http://[::1]/");
}

TEST(HostUseTest, TheNameForBooksRefusesEverythingElse) {
  for (const HttpRequest& request :
       {Request("POST", "/"), Request("GET", "/main.js"), Request("POST", "/session"),
        Request("POST", "/arkshare.v1.PeerService/GetStatus"), Request("PUT", "/books/a")}) {
    const HttpResponse answer = AnswerAtBooksHost(request, "localhost:8470", "127.0.0.1");
    EXPECT_EQ(answer.status, 421) << request.target;
    EXPECT_THAT(answer.body, HasSubstr("http://127.0.0.1:8470/"));
  }
}

TEST(HostUseTest, ABookAtThePageSaysWhereItIs) {
  const HttpResponse answer = RefuseBookAtPageHost("127.0.0.1:8470");
  EXPECT_EQ(answer.status, 421);
  EXPECT_THAT(answer.body, HasSubstr("http://localhost:8470"));
}

}  // namespace
}  // namespace arkshare
