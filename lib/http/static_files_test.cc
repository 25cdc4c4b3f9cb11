#include "lib/http/static_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace arkshare {

// The files of lib/http/testing/page.
absl::Span<const WebAsset> TestPageAssets();

namespace {

constexpr WebAsset kAssets[] = {
    {"index.html", "text/html; charset=utf-8", "page", "\"1\""},
    {"store/library.js", "text/javascript; charset=utf-8", "code", "\"2\""},
};

HttpRequest Get(const std::string& target,
                HttpHeaders headers = {{"accept-encoding", "gzip, br"}}) {
  return {.method = "GET", .version = "HTTP/1.1", .target = target, .headers = std::move(headers)};
}

std::string Header(const HttpResponse& response, absl::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(StaticFilesTest, FilesAreServedByTheirPaths) {
  const StaticFiles files(kAssets, "index.html");
  const HttpResponse page = files.Get(Get("/"));
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.fixed, "page");
  EXPECT_EQ(Header(page, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(Header(page, "Content-Encoding"), "gzip");
  EXPECT_EQ(Header(page, "Cache-Control"), "no-cache");
  EXPECT_EQ(files.Get(Get("/store/library.js?x=1")).fixed, "code");
  EXPECT_EQ(files.Get(Get("/favicon.ico")).status, 204);
  for (const char* path : {"/store", "/store/", "//index.html", "/../index.html", "/index.html/",
                           "/INDEX.HTML", "/index%2ehtml", "/x"}) {
    EXPECT_EQ(files.Get(Get(path)).status, 404) << path;
  }
}

TEST(StaticFilesTest, TheBuildEmbedsAFolder) {
  ASSERT_EQ(TestPageAssets().size(), 2u);
  const WebAsset& page = TestPageAssets()[0];
  const WebAsset& script = TestPageAssets()[1];
  EXPECT_EQ(page.path, "index.html");
  EXPECT_EQ(page.type, PageMediaType("index.html"));
  EXPECT_EQ(script.path, "parts/start.js");
  EXPECT_EQ(script.type, PageMediaType("start.js"));
  EXPECT_NE(page.etag, script.etag);
  for (const WebAsset& asset : TestPageAssets()) {
    EXPECT_EQ(asset.gzip.substr(0, 3), "\x1f\x8b\x08") << "gzip, deflate";
    EXPECT_EQ(asset.etag.size(), 34u) << "a hash in quotes";
  }
  EXPECT_EQ(StaticFiles(TestPageAssets(), "index.html").Get(Get("/")).fixed, page.gzip);
}

TEST(StaticFilesTest, AnUnchangedFileIsNotSentAgain) {
  const StaticFiles files(kAssets, "index.html");
  const auto status = [&](const std::string& tags) {
    return files.Get(Get("/", {{"accept-encoding", "gzip"}, {"if-none-match", tags}})).status;
  };
  EXPECT_EQ(status("\"1\""), 304);
  EXPECT_EQ(status("\"9\", W/\"1\""), 304);
  EXPECT_EQ(status("\"2\""), 200);
  EXPECT_EQ(status("1"), 200);
}

TEST(StaticFilesTest, AClientWithoutGzipIsTold) {
  EXPECT_EQ(StaticFiles(kAssets, "index.html").Get(Get("/", {})).status, 406);
}

TEST(StaticFilesTest, NothingCanBeWritten) {
  HttpRequest request = Get("/");
  request.method = "POST";
  const HttpResponse response = StaticFiles(kAssets, "index.html").Get(request);
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(Header(response, "Allow"), "GET, HEAD");
}

TEST(StaticFilesTest, AFolderIsNotLeft) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "arkshare_static_files";
  std::filesystem::create_directories(folder / "page/sub");
  std::ofstream(folder / "secret.txt") << "no";
  std::ofstream(folder / "page/.hidden.txt") << "no";
  std::ofstream(folder / "page/program.sh") << "no";
  std::ofstream(folder / "page/index.html") << "start";
  std::ofstream(folder / "page/sub/a.js") << "script";
  const StaticFiles files({}, "index.html", (folder / "page").string());
  EXPECT_EQ(files.Get(Get("/")).body, "start");
  EXPECT_EQ(files.Get(Get("/sub/a.js")).body, "script");
  EXPECT_EQ(Header(files.Get(Get("/sub/a.js")), "Content-Type"), "text/javascript; charset=utf-8");
  for (const char* path : {"/../secret.txt", "/sub/../../secret.txt", "/.hidden.txt", "/program.sh",
                           "//etc/hostname.txt", "/sub"}) {
    EXPECT_EQ(files.Get(Get(path)).status, 404) << path;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace arkshare
