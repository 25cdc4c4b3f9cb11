#include "lib/http/static_files.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace arkshare {
namespace {

// cmake/EmbedWebAssets.cmake takes files with these endings, and no others.
constexpr struct {
  absl::string_view ending;
  absl::string_view type;
} kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
};

bool AcceptsGzip(const HttpRequest& request) {
  const std::string* const accepted = request.Header("accept-encoding");
  return accepted != nullptr && absl::StrContains(*accepted, "gzip");
}

// True when one of the tags of If-None-Match is `etag`.
bool Has(const std::string* tags, absl::string_view etag) {
  if (tags == nullptr) return false;
  for (absl::string_view tag : absl::StrSplit(*tags, ',')) {
    if (absl::StripPrefix(absl::StripAsciiWhitespace(tag), "W/") == etag) return true;
  }
  return false;
}

// Letters, digits, ".", "-", "_" and "/", and no part that begins with a dot.
bool IsPlainPath(absl::string_view path) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' ||
           c == '/';
  };
  return !path.empty() && std::all_of(path.begin(), path.end(), plain) &&
         !absl::StartsWith(path, ".") && !absl::StrContains(path, "/.") &&
         !absl::StartsWith(path, "/");
}

}  // namespace

absl::string_view PageMediaType(absl::string_view path) {
  for (const auto& [ending, type] : kTypes) {
    if (absl::EndsWith(path, ending)) return type;
  }
  return "";
}

HttpResponse StaticFiles::Get(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response = TextResponse(405, "only GET and HEAD are allowed here");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  const absl::string_view asked = absl::StripPrefix(request.path(), "/");
  const std::string path = asked.empty() ? start_ : std::string(asked);
  if (!folder_.empty()) return GetFromFolder(path);
  const auto* const asset = std::find_if(assets_.begin(), assets_.end(),
                                         [&](const WebAsset& a) { return a.path == path; });
  if (asset == assets_.end()) {
    // Browsers ask for it by themselves, and show an error when it is missing.
    if (path == "favicon.ico") return HttpResponse{.status = 204};
    return TextResponse(404, "there is nothing at this address");
  }
  HttpResponse response;
  response.headers = {{"Cache-Control", "no-cache"},
                      {"Vary", "Accept-Encoding"},
                      {"ETag", std::string(asset->etag)}};
  if (Has(request.Header("if-none-match"), asset->etag)) {
    response.status = 304;
    return response;
  }
  if (!AcceptsGzip(request)) {
    return TextResponse(406, "this file is here in gzip only; with curl, give --compressed");
  }
  response.headers.emplace_back("Content-Type", std::string(asset->type));
  response.headers.emplace_back("Content-Encoding", "gzip");
  response.fixed = asset->gzip;
  return response;
}

HttpResponse StaticFiles::GetFromFolder(const std::string& path) const {
  const absl::string_view type = PageMediaType(path);
  std::ifstream file;
  if (IsPlainPath(path) && !type.empty()) file.open(absl::StrCat(folder_, "/", path));
  if (!file.is_open()) return TextResponse(404, "there is no such file in the folder");
  std::ostringstream bytes;
  bytes << file.rdbuf();
  HttpResponse response;
  response.headers = {{"Cache-Control", "no-store"}, {"Content-Type", std::string(type)}};
  response.body = bytes.str();
  return response;
}

}  // namespace arkshare
