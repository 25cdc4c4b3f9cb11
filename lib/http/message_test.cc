#include "lib/http/message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

namespace arkshare {
namespace {

HttpRequest Request(const std::string& target, HttpHeaders headers = {},
                    const std::string& version = "HTTP/1.1") {
  return {.method = "GET", .version = version, .target = target, .headers = std::move(headers)};
}

TEST(MessageTest, RequestsThatCanBeReadInTwoWaysAreRefused) {
  const struct {
    const char* what;
    HttpRequest request;
    int status;  // 0: taken
  } kCases[] = {
      {"a path", Request("/a/b.js?q=1"), 0},
      {"HTTP/1.0", Request("/", {}, "HTTP/1.0"), 0},
      {"chunks", Request("/", {{"transfer-encoding", "Chunked"}}), 0},
      {"a length", Request("/", {{"content-length", "12"}}), 0},
      {"other headers twice", Request("/", {{"accept", "a"}, {"accept", "b"}}), 0},
      {"HTTP/0.9", Request("/", {}, ""), 505},
      {"HTTP/2", Request("/", {}, "HTTP/2.0"), 505},
      {"an absolute address", Request("http://other/"), 400},
      {"a star", Request("*"), 400},
      {"nothing", Request(""), 400},
      {"a control character", Request("/a\x01"), 400},
      {"a byte above ASCII", Request("/\xc3\xa4"), 400},
      {"two lengths", Request("/", {{"content-length", "1"}, {"content-length", "1"}}), 400},
      {"two hosts", Request("/", {{"host", "a"}, {"host", "b"}}), 400},
      {"two tokens", Request("/", {{"authorization", "a"}, {"authorization", "b"}}), 400},
      {"length and chunks",
       Request("/", {{"content-length", "1"}, {"transfer-encoding", "chunked"}}), 400},
      {"another encoding", Request("/", {{"transfer-encoding", "gzip, chunked"}}), 501},
      {"a signed length", Request("/", {{"content-length", "+1"}}), 400},
      {"a negative length", Request("/", {{"content-length", "-1"}}), 400},
      {"an empty length", Request("/", {{"content-length", ""}}), 400},
      {"a length of 80 bits", Request("/", {{"content-length", "1208925819614629174706176"}}), 400},
  };
  for (const auto& [what, request, status] : kCases) {
    const std::optional<HttpResponse> refusal = CheckForm(request);
    EXPECT_EQ(refusal.has_value() ? refusal->status : 0, status) << what;
  }
}

TEST(MessageTest, ThePathEndsAtTheQuery) {
  EXPECT_EQ(Request("/a/b?c=/d").path(), "/a/b");
  EXPECT_EQ(Request("/").path(), "/");
}

TEST(MessageTest, PercentEncodingIsDecodedOnceAndStrictly) {
  const struct {
    const char* text;
    std::optional<std::string> decoded;
  } kCases[] = {
      {"", ""},
      {"a%20b", "a b"},
      {"%C3%a4", "\xc3\xa4"},
      {"%2525", "%25"},
      {"+", "+"},
      {"%00", std::nullopt},
      {"a%", std::nullopt},
      {"%4", std::nullopt},
      {"%zz", std::nullopt},
      {"%4g", std::nullopt},
      {"%41", "A"},
      {"..%2f..", "../.."},
  };
  for (const auto& [text, decoded] : kCases) {
    const absl::StatusOr<std::string> result = PercentDecode(text);
    EXPECT_EQ(result.ok() ? std::make_optional(*result) : std::nullopt, decoded) << text;
  }
}

TEST(MessageTest, AClientThatHasClosedIsGone) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_FALSE(ClientGone(ends[0]));
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_FALSE(ClientGone(ends[0])) << "it only has more to say";
  close(ends[1]);
  EXPECT_TRUE(ClientGone(ends[0]));
  close(ends[0]);
}

}  // namespace
}  // namespace arkshare
